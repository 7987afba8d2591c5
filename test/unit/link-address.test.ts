import { describe, expect, it } from 'vitest';
import { managedServerOptions, readRemoteUrl } from '../../src/adapters/postgres/links/address.ts';

const url = (rest: string, noticesCut = false) => readRemoteUrl(`postgres://${rest}`, { noticesCut });

describe('readRemoteUrl', () => {
  it('reads place, login and database', () => {
    const { server, mapping } = url('me:p%40%25w@db.example:6543/sales%20data');
    expect(server).toMatchObject({ host: 'db.example', port: '6543', dbname: 'sales data' });
    expect(mapping).toEqual({ user: 'me', password: 'p@%w' });
  });

  it('fills in what the URL leaves out', () => {
    const { server, mapping } = url('me@db.example');
    expect(server).toMatchObject({ host: 'db.example', port: '5432', dbname: 'me' });
    expect(mapping).toEqual({ user: 'me' });
    expect(server).not.toHaveProperty('sslmode');
  });

  it.each([
    ['me:pw@[::1]:1/d', { host: '::1', port: '1' }],
    ['/d?host=/var/run/postgresql&port=5433&user=me', { host: '/var/run/postgresql', port: '5433' }],
    ['me:pw@h:1/d?host=other&port=2', { host: 'other', port: '2' }],
  ])('takes any host: %s', (text, expected) => {
    expect(url(text).server).toMatchObject(expected);
  });

  it('takes the login from parameters', () => {
    expect(url('h/d?user=me&password=p%26w').mapping).toEqual({ user: 'me', password: 'p&w' });
  });

  it.each([
    ['sslmode=verify-full', 'verify-full'],
    ['sslmode=no-verify', 'require'],
    ['sslmode=disable&ssl=true', 'disable'],
    ['ssl=true', 'require'],
    ['ssl=1', 'require'],
    ['ssl=0', 'disable'],
    ['sslnegotiation=direct', 'require'],
  ])('says %s in the words of libpq', (parameters, mode) => {
    expect(url(`me:pw@h/d?${parameters}`).server.sslmode).toBe(mode);
  });

  it('keeps what TLS and the choice of a server need', () => {
    const kept = {
      sslrootcert: '/etc/ca.pem',
      channel_binding: 'require',
      sslnegotiation: 'direct',
      ssl_min_protocol_version: 'TLSv1.3',
      target_session_attrs: 'prefer-standby',
    };
    const { server } = url(`me:pw@h/d?sslmode=verify-full&${new URLSearchParams(kept)}`);
    expect(server).toMatchObject(kept);
    for (const name of Object.keys(kept)) expect(managedServerOptions).toContain(name);
  });

  it('drops what only node-postgres knows', () => {
    const { server } = url('me:pw@h/d?uselibpqcompat=true&application_name=x&statement_timeout=5&ssl=true');
    expect(server).not.toHaveProperty('uselibpqcompat');
    expect(server).not.toHaveProperty('statement_timeout');
    expect(server).not.toHaveProperty('ssl');
    expect(server.application_name).toBe('pgclip');
  });

  it("makes sessions read-only, whatever the URL's own options say", () => {
    const { server } = url('me:pw@h/d?options=-c%20default_transaction_read_only%3Doff%20-c%20geqo%3Doff');
    expect(server.options).toBe(
      '-c default_transaction_read_only=off -c geqo=off -c default_transaction_read_only=on',
    );
    expect(url('me:pw@h/d', true).server.options).toBe(
      '-c client_connection_check_interval=5s -c default_transaction_read_only=on',
    );
    expect(url('me:pw@h/d').server).toMatchObject({
      options: '-c default_transaction_read_only=on',
      updatable: 'false',
      truncatable: 'false',
    });
  });

  it('puts secrets into the mapping alone', () => {
    const { server, mapping } = url(
      'me:s3cret@h/d?sslcert=/c.pem&sslkey=/k.pem&sslpassword=s3cret-too&password=s3cret',
    );
    expect(JSON.stringify(server)).not.toMatch(/s3cret|pem/);
    expect(mapping).toEqual({
      user: 'me',
      password: 's3cret',
      sslcert: '/c.pem',
      sslkey: '/k.pem',
      sslpassword: 's3cret-too',
    });
  });

  it('refuses a URL without a user', () => {
    expect(() => url('h/d')).toThrow(expect.objectContaining({ code: 'remote_refused' }));
  });
});
