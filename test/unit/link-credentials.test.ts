/** The logins of links at the gateway: they say what they are for, and nobody without the token makes one. */
import { describe, expect, it } from 'vitest';
import { maxPrefixBytes } from '../../src/domain/redis-remote.ts';
import { LinkCredentials, readUser } from '../../src/linking/credentials.ts';
import { openRedisRemotes, remotesWithoutGateway } from '../../src/linking/redis-remotes.ts';

const credentials = new LinkCredentials('a token of sixteen characters');
const meaning = { remote: 'CACHE_URL', prefix: 'app:', writable: false };

describe('a login', () => {
  it('says what it is for', () => {
    for (const prefix of ['', 'app:', 'é😀"\\', 'x'.repeat(maxPrefixBytes)]) {
      const { user } = credentials.make({ ...meaning, prefix });
      expect(readUser(user)).toEqual({ ...meaning, prefix });
      expect(user).toMatch(/^[\w.-]+$/);
    }
  });

  it('is another each time, with a password that the same token makes again', () => {
    const [one, two] = [credentials.make(meaning), credentials.make(meaning)];
    expect(one.user).not.toBe(two.user);
    expect(one.password).not.toBe(two.password);
    expect(one.password).toMatch(/^[\w-]{43}$/);
    expect(new LinkCredentials('a token of sixteen characters').passwordOf(one.user)).toBe(one.password);
    expect(new LinkCredentials('another token of sixteen').passwordOf(one.user)).not.toBe(one.password);
  });

  it('with another meaning has another password', () => {
    const { user, password } = credentials.make(meaning);
    const salt = user.split('.')[1];
    const forge = (value: unknown) => `1.${salt}.${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
    expect(forge(['CACHE_URL', 'app:', false])).toBe(user);
    for (const forged of [forge(['CACHE_URL', '', false]), forge(['CACHE_URL', 'app:', true])]) {
      expect(readUser(forged)).not.toBeNull();
      expect(credentials.passwordOf(forged)).not.toBe(password);
    }
  });

  it('is none in any other form', () => {
    const { user } = credentials.make(meaning);
    const [version, salt, text = ''] = user.split('.');
    const encode = (value: string) => `1.${salt}.${Buffer.from(value).toString('base64url')}`;
    for (const wrong of [
      ...['', 'postgres', `2.${salt}.${text}`, `${version}.${salt}`, `${user}=`, ` ${user}`, `${user}\n`],
      ...[encode('null'), encode('[]'), encode('{'), encode('["CACHE_URL","app:"]'), encode('["A","b",1]')],
      ...[encode('["CACHE_URL", "app:", false]'), encode('["CACHE_URL","app:",false,1]')],
      ...[encode('["CACHE_URL","a\\u0000",false]'), encode(JSON.stringify(['A', 'x'.repeat(513), false]))],
    ])
      expect([wrong, readUser(wrong)]).toEqual([wrong, null]);
  });
});

describe('a remote', () => {
  const remotes = [{ name: 'CACHE_URL', url: 'redis://cache/3' }];
  const [remote] = openRedisRemotes({ remotes, credentials, gateway: null });
  const access = { prefix: 'app:', writable: false };

  it('keeps the login of a link for as long as it is right', () => {
    const login = remote?.makeLogin(access);
    expect(remote?.makeLogin(access, login?.user)).toEqual(login);
    for (const other of [
      { ...access, prefix: '' },
      { ...access, writable: true },
    ])
      expect(remote?.makeLogin(other, login?.user)).not.toMatchObject({ user: login?.user });
    expect(remote?.makeLogin(access, 'someone')).toMatchObject({ user: expect.stringMatching(/^1\./) });
  });

  it('tells its database, and where another pgclip serves it', async () => {
    expect([remote?.name, remote?.database, remote?.gateway]).toEqual(['CACHE_URL', 3, null]);
    const gateway = { address: { host: 'gateway.internal', port: 5433 } };
    const elsewhere = remotesWithoutGateway({ remotes, gateway }, credentials)[0]?.gateway;
    expect(elsewhere?.place).toBe('gateway.internal:5433');
    await expect(elsewhere?.open()).resolves.toEqual({
      host: 'gateway.internal',
      port: 5433,
      tls: 'unknown',
    });
  });
});
