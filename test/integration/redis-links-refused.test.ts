/** What becomes of a link of a Redis when the Redis, the gateway or a login is not what it should be; prefixes, writing. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { LinkHost } from '../../src/domain/link-host.ts';
import type { RedisAccess, RedisRemote } from '../../src/domain/redis-remote.ts';
import { LinkCredentials } from '../../src/linking/credentials.ts';
import { fixedGateway, openRedisRemotes } from '../../src/linking/redis-remotes.ts';
import { queryRows, readLinkState } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { startRedis } from '../support/redis.ts';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';
import { testToken } from '../support/server.ts';

let site: RedisSite;
beforeAll(async () => {
  site = await openRedisSite(inject('postgresUrl'));
  await site.redis.mset('app:1', 'one', 'app:2', 'two', 'other', 'x');
});
afterAll(() => site?.close());
afterEach(async () => {
  for (const { name } of await site.host.list()) await site.host.destroy(name);
});

const read = (sql: string) => queryRows(site.database.readerUrl, sql);
const create = (
  access: Partial<RedisAccess> = {},
  remote: RedisRemote = site.remote,
  host: LinkHost = site.host,
) =>
  host.create(
    {
      name: 'hredis',
      schema: 'public',
      reader: site.reader,
      redis: { prefix: '', writable: false, ...access },
    },
    remote,
  );
const remoteOf = (url: string): RedisRemote =>
  openRedisRemotes({
    remotes: [{ name: 'CACHE_URL', url }],
    credentials: new LinkCredentials(testToken),
    gateway: site.remote.gateway,
  })[0] as RedisRemote;

async function expectRefused(work: () => Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const before = await readLinkState(site.database);
  await expect(work()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect(await readLinkState(site.database)).toEqual(before);
}

describe('a link is not made', () => {
  it('of a Redis that is down', async () => {
    await expectRefused(
      () => create({}, remoteOf('redis://127.0.0.1:1')),
      'remote_unavailable',
      /^CACHE_URL: .*does not answer/,
    );
  });

  it('of a Redis that refuses the login, or the keys', async () => {
    await site.redis.call('ACL', 'SETUSER', 'some', 'on', '>pw', '~app:*', '+@read');
    const { port } = site.server;
    const [wrong, right] = [
      remoteOf(`redis://some:no@127.0.0.1:${port}`),
      remoteOf(`redis://some:pw@127.0.0.1:${port}`),
    ];
    await expectRefused(() => create({}, wrong), 'remote_refused', /refuses the login/);
    await expectRefused(() => create({}, right), 'remote_refused', /denies its login/);
    await expectRefused(() => create({ prefix: 'ap' }, right), 'remote_refused', /denies its login/);
    await right.check({ prefix: 'app:', writable: false });
  });

  it('of a database that the Redis has not', async () => {
    await expectRefused(
      () => create({}, remoteOf(`${site.server.url}/99`)),
      'remote_refused',
      /^CACHE_URL: /,
    );
  });

  it('of the store of a pgclip, whatever its URL calls it', async () => {
    await site.redis.zadd('pgclip:clips', 0, 'a clip');
    for (const prefix of ['', 'pgclip:'])
      await expectRefused(() => create({ prefix }), 'remote_refused', /^CACHE_URL is the store of a pgclip/);
    await create({ prefix: 'app:' });
    await site.redis.del('pgclip:clips');
  });

  it('of a node of a cluster', async () => {
    const cluster = await startRedis({ cluster: true });
    try {
      await expectRefused(() => create({}, remoteOf(cluster.url)), 'remote_refused', /Redis Cluster/);
    } finally {
      await cluster.stop();
    }
  });

  it('over what others made', async () => {
    await executeSql(site.database.ownerUrl, 'CREATE SCHEMA hredis_raw');
    await expectRefused(() => create(), 'link_name_taken', /hredis_raw/);
    await executeSql(site.database.ownerUrl, 'DROP SCHEMA hredis_raw');
    await create();
    await expectRefused(() => create(), 'link_name_taken', /link hredis already/);
  });
});

describe('a link', () => {
  it('does without a gateway that has another token, is none, or never answers, and says so', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const gatewayAt = (port: number | string) => ({
      ...{ ...site.remote, check: site.remote.check },
      gateway: fixedGateway({ host: '127.0.0.1', port: Number(port), tls: 'none' }),
    });
    const notOurs = gatewayAt(new URL(site.database.superuserUrl).port);
    try {
      for (const [remote, reason] of [
        [site.remoteWith('some other token of tests'), /FATAL.*same API_TOKEN/],
        [notOurs, /FATAL.*GATEWAY_ADDRESS/],
        [gatewayAt((silent.address() as AddressInfo).port), /gets no answer there/],
      ] as const) {
        const { link, warnings } = await create({}, remote);
        expect([link.redis?.gateway, warnings]).toEqual([false, [expect.stringMatching(reason)]]);
        await site.host.destroy('hredis');
      }
    } finally {
      silent.close();
    }
    // One that takes changes needs it.
    await expectRefused(() => create({ writable: true }, notOurs), 'remote_refused', /GATEWAY_ADDRESS/);
  });

  it('tells its password to nobody who asks for it in the place of the gateway', async () => {
    const received: Buffer[] = [];
    const impostor = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (bytes) => {
          received.push(bytes);
          // AuthenticationCleartextPassword.
          if (received.length === 1) socket.write(Buffer.from('520000000800000003', 'hex'));
        });
    }).listen(0, '127.0.0.1');
    await once(impostor, 'listening');
    const { port } = impostor.address() as AddressInfo;
    try {
      const gateway = fixedGateway({ host: '127.0.0.1', port, tls: 'none' });
      const { link } = await create({}, { ...site.remote, check: site.remote.check, gateway });
      expect(link.redis?.gateway).toBe(false);
      expect(received.map((bytes) => bytes.includes('user'))).toEqual([true]);
    } finally {
      impostor.close();
    }
  });

  it('with a prefix shows those keys alone, and keeps it', async () => {
    await create({ prefix: 'app:' });
    expect(await read('SELECT key, value FROM hredis.redis ORDER BY 1')).toEqual([
      ['1', 'one'],
      ['2', 'two'],
    ]);
    expect(await read(`SELECT count(*) FROM hredis.keys`)).toEqual([['2']]);
    expect(await site.host.list()).toMatchObject([{ redis: { prefix: 'app:', writable: false } }]);
    await site.host.refresh('hredis', site.remote, site.reader);
    expect(await read(`SELECT value FROM hredis.redis WHERE key = '2'`)).toEqual([['two']]);
  });

  it('fails with the gateway or the Redis, and goes on with it', async () => {
    await create();
    const value = () => read(`SELECT value FROM hredis.redis WHERE key = 'other'`);
    const compare = () => site.host.compare('hredis', site.remote, site.reader);
    await site.gateway.close();
    await expect(value()).rejects.toMatchObject({ code: '08001' });
    await expectRefused(compare, 'remote_refused', /GATEWAY_ADDRESS/);
    await site.restartGateway();
    expect(await value()).toEqual([['x']]);
    await site.server.stop();
    await expect(value()).rejects.toMatchObject({ code: 'HV00N' });
    await expectRefused(compare, 'remote_unavailable', /does not answer/);
    await expectRefused(
      () => site.host.refresh('hredis', site.remote, site.reader),
      'remote_unavailable',
      /does not answer/,
    );
    await site.server.restart();
    await site.redis.set('other', 'back');
    await expect.poll(value, { timeout: 10_000 }).toEqual([['back']]);
    expect(await compare()).toEqual([]);
    await site.redis.mset('app:1', 'one', 'app:2', 'two', 'other', 'x');
  });

  it('is encrypted where the gateway has a certificate, after a refresh', async () => {
    await create();
    const dir = await mkdtemp(join(tmpdir(), 'pgclip-gateway-'));
    const [certFile, keyFile] = [join(dir, 'cert.pem'), join(dir, 'key.pem')];
    const made =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gateway';
    await promisify(execFile)('openssl', [...made.split(' '), '-keyout', keyFile, '-out', certFile]);
    try {
      await site.restartGateway(testToken, { certFile, keyFile });
      const [change, ...more] = await site.host.compare('hredis', site.remote, site.reader);
      expect([change?.kind, change?.detail, more]).toEqual([
        'server',
        'sslmode disable → require, sslcertmode (none) → disable, channel_binding (none) → require',
        [],
      ]);
      await site.host.refresh('hredis', site.remote, site.reader);
      expect(await read(`SELECT value FROM hredis.redis WHERE key = 'other'`)).toEqual([['x']]);
      // A gateway that would take the password in the clear is not asked.
      await site.restartGateway();
      await expect(read('SELECT count(*) FROM hredis.redis')).rejects.toMatchObject({ code: '08001' });
    } finally {
      await site.restartGateway();
      await rm(dir, { recursive: true });
    }
  });

  it('through the gateway of another process uses the encryption that there is', async () => {
    const { host, port } = site.gateway.address;
    await create({}, { ...site.remote, gateway: fixedGateway({ host, port, tls: 'unknown' }) });
    expect(await read(`SELECT value FROM hredis.redis WHERE key = 'other'`)).toEqual([['x']]);
    // Once it is known that there is none, a refresh says so.
    expect(await site.host.compare('hredis', site.remote, site.reader)).toMatchObject([
      { kind: 'server', detail: expect.stringContaining('sslmode prefer → disable') },
    ]);
  });

  it('takes changes of the owner and whom it lets, never of the clip login, when it is writable', async () => {
    await create({ writable: true });
    const { ownerUrl, readerUrl } = site.database;
    await executeSql(
      ownerUrl,
      `INSERT INTO hredis.redis VALUES ('new', 'v', '1 hour'), ('gone', 'v', NULL)`,
      `UPDATE hredis.redis SET value = 'w' WHERE key = 'new'`,
      `DELETE FROM hredis.redis WHERE key = 'gone'`,
      `INSERT INTO hredis.hashes VALUES ('h', 'f', 'v')`,
      `INSERT INTO hredis.sets VALUES ('s', 'm')`,
      `INSERT INTO hredis.zsets VALUES ('z', 'm', 2.5)`,
    );
    expect([await site.redis.get('new'), await site.redis.exists('gone')]).toEqual(['w', 0]);
    expect(await site.redis.ttl('new')).toBeGreaterThan(3500);
    expect([await site.redis.hgetall('h'), await site.redis.smembers('s')]).toEqual([{ f: 'v' }, ['m']]);
    expect(await site.redis.zscore('z', 'm')).toBe('2.5');
    await expect(executeSql(readerUrl, `INSERT INTO hredis.redis VALUES ('a', 'b')`)).rejects.toMatchObject({
      code: '42501',
    });
    await expect(executeSql(ownerUrl, `INSERT INTO hredis.lists VALUES ('a', 0, 'b')`)).rejects.toThrow();
    await executeSql(ownerUrl, 'DROP TRIGGER pgclip_write ON hredis.sets');
    expect(await site.host.compare('hredis', site.remote, site.reader)).toMatchObject([
      { name: 'sets', detail: 'takes changes' },
    ]);
    await site.host.refresh('hredis', site.remote, site.reader);
    const nothing = `CREATE OR REPLACE FUNCTION hredis_raw.write_sets() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN old; END'`;
    await executeSql(ownerUrl, nothing);
    expect(await site.host.compare('hredis', site.remote, site.reader)).toMatchObject([
      { name: 'sets', detail: 'takes changes' },
    ]);
    await site.host.refresh('hredis', site.remote, site.reader);
    await executeSql(ownerUrl, `DELETE FROM hredis.sets WHERE key = 's'`);
    expect(await site.redis.exists('s')).toBe(0);
  });

  it('that can only be read takes none, not even of the owner', async () => {
    await create();
    const insert = (table: string) =>
      executeSql(site.database.ownerUrl, `INSERT INTO ${table} (key, value) VALUES ('a', 'b')`);
    // A simple view passes it on to its table, which Postgres itself knows not to take it.
    await expect(insert('hredis.hashes')).rejects.toMatchObject({ code: '55000' });
    await expect(insert('hredis_raw.redis')).rejects.toMatchObject({ code: '55000' });
    // Nor of one who gives the server another option: the login itself only reads.
    await executeSql(site.database.ownerUrl, `ALTER SERVER hredis_server OPTIONS (SET updatable 'true')`);
    const write = executeSql(
      site.database.ownerUrl,
      `INSERT INTO hredis_raw.redis (key, value) VALUES ('a', 'b')`,
    );
    await expect(write).rejects.toMatchObject({ code: '25006' });
    expect(await site.redis.exists('a')).toBe(0);
  });
});
