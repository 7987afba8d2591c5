/** The config vars of the gateway: what they come to, and what does not go together. */
import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError } from '../../src/config/settings.ts';

const gatewayOf = (env: Record<string, string>) => parseSettings(env, 'node').gateway;

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    parseSettings(env, 'node');
    return [];
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return error.problems;
  }
}

describe('the settings of the gateway', () => {
  it('are those of the server unless they are given', () => {
    expect(gatewayOf({ HOST: '10.0.0.1', GATEWAY_PORT: '5433' })).toEqual({
      ...{ host: '10.0.0.1', port: 5433, address: null, certFile: null, keyFile: null },
    });
    const given = {
      HOST: '10.0.0.1',
      GATEWAY_HOST: '::',
      GATEWAY_PORT: '0',
      GATEWAY_ADDRESS: 'gate.internal:5433',
    };
    const files = { GATEWAY_TLS_CERT: 'cert.pem', GATEWAY_TLS_KEY: '/run/key.pem' };
    expect(gatewayOf({ ...given, ...files })).toEqual({
      ...{ host: '::', port: 0, address: { host: 'gate.internal', port: 5433 } },
      ...{ certFile: 'cert.pem', keyFile: '/run/key.pem' },
    });
    expect(gatewayOf({ GATEWAY_ADDRESS: '[fe80::1%eth0]:1' }).address).toEqual({
      host: 'fe80::1%eth0',
      port: 1,
    });
  });

  it.each([
    'gateway',
    'gateway:',
    ':5433',
    'gateway:0',
    'gateway:65536',
    '::1:5433',
    'a b:1',
    'postgres://a:1',
  ])('refuse %s for an address', (text) => {
    expect(problemsOf({ GATEWAY_ADDRESS: text })).toEqual([
      expect.stringMatching(/^GATEWAY_ADDRESS .*host:port/),
    ]);
  });

  it('need both files of a certificate', () => {
    expect(problemsOf({ GATEWAY_TLS_KEY: 'key.pem' })).toEqual([
      expect.stringMatching(/^GATEWAY_TLS_CERT is missing/),
    ]);
    expect(problemsOf({ GATEWAY_TLS_CERT: 'cert.pem' })).toEqual([
      expect.stringMatching(/^GATEWAY_TLS_KEY is missing/),
    ]);
  });

  it('need an address where the gateway listens on all of them', () => {
    for (const host of ['0.0.0.0', '::'])
      expect(problemsOf({ HOST: host, GATEWAY_PORT: '5433' })).toEqual([
        expect.stringMatching(/^GATEWAY_ADDRESS is missing/),
      ]);
    expect(problemsOf({ HOST: '0.0.0.0' })).toEqual([]);
  });
});
