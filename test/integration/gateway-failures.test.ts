/** Redis down, refusing, in a cluster, changing under the reader; clients that vanish or cancel: errors that say so, and recovery. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import {
  type LinkChange,
  type LinkQuestion,
  type LinkTable,
  linkTables,
} from '../../src/domain/redis-link.ts';
import { linkPassword, openTestGateway, type TestGateway } from '../support/gateway.ts';
import { RawClient, rawMessage } from '../support/raw-postgres.ts';
import { startRedis } from '../support/redis.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';

let test: TestGateway;
const keyCount = 300_000;

async function fill(): Promise<void> {
  for (let from = 0; from < keyCount; from += 10_000)
    await test.redis.mset(Array.from({ length: 20_000 }, (_, i) => (i % 2 ? 'x' : `key:${from + i / 2}`)));
}

beforeAll(async () => {
  test = await openTestGateway();
  await fill();
});
afterAll(async () => {
  await test?.close();
  expect(test.log).toEqual([]);
});

const rows = async (text: string) => (await test.sql.query({ text, rowMode: 'array' })).rows;
const failure = async (text: string) =>
  test.sql.query(text).then(
    () => ({ code: 'no error', message: '' }),
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  );
const question = (some: Partial<LinkQuestion>): LinkQuestion => ({
  ...{ table: 'redis', keys: null, prefix: Buffer.alloc(0), parts: null, wanted: [true, true, false] },
  ...{ signal: new AbortController().signal, ...some },
});

describe('a client', () => {
  it('that cancels gets its error soon, and its session goes on', async () => {
    await test.sql.query(`SET statement_timeout = '200ms'`);
    const started = performance.now();
    const { code } = await failure('SELECT count(*) FROM hredis.redis a, hredis.redis b, hredis.redis c');
    expect(code).toBe('57014');
    expect(performance.now() - started).toBeLessThan(5_000);
    await test.sql.query('RESET statement_timeout');
    expect(await rows(`SELECT value FROM hredis.redis WHERE key = 'key:7'`)).toEqual([['x']]);
  });

  it('that asks for a cancel with a wrong key changes nothing', async () => {
    const client = new RawClient(test.gateway.port);
    const key = (await client.signIn('link', linkPassword)).find(({ type }) => type === 'K')?.body as Buffer;
    client.send(rawMessage('Q', 'SELECT key FROM redis'));
    const cancel = (secret: number) => {
      const other = new RawClient(test.gateway.port);
      other.send(rawMessage('', 80_877_102, key.readInt32BE(0), secret));
      return other.rest();
    };
    await cancel(key.readInt32BE(4) ^ 1);
    const messages = await client.until('Z');
    expect(messages.filter(({ type }) => type === 'D')).toHaveLength(keyCount);
    client.send(rawMessage('Q', 'SELECT key FROM redis'));
    await client.next();
    await cancel(key.readInt32BE(4));
    const cancelled = await client.until('Z');
    expect(cancelled.some(({ type }) => type === 'E')).toBe(true);
    client.close();
  });

  it('that vanishes while it is sent rows ends the reading', async () => {
    const calls = async () =>
      Number(
        /calls=(\d+)/.exec((await test.redis.info('commandstats')).split('cmdstat_scan:')[1] ?? '')?.[1],
      );
    const client = new RawClient(test.gateway.port);
    await client.signIn('link', linkPassword);
    const before = await calls();
    client.socket.pause();
    client.send(rawMessage('Q', 'SELECT key, value FROM redis'));
    await vi.waitFor(async () => expect(await calls()).toBeGreaterThan(before));
    // It doesn't read: what is read for it stops too.
    let last = -1;
    await vi.waitFor(
      async () => {
        const now = await calls();
        const isStill = now === last;
        last = now;
        expect(isStill).toBe(true);
      },
      { interval: 200, timeout: 10_000 },
    );
    expect(last - before).toBeLessThan(keyCount / 1_000);
    const connections = test.gateway.connectionCount;
    client.close();
    await vi.waitFor(() => expect(test.gateway.connectionCount).toBe(connections - 1), { timeout: 10_000 });
    expect(await calls()).toBeLessThan(last + 30);
  });
});

describe('a database', () => {
  const calls = async () =>
    Number(/cmdstat_scan:calls=(\d+)/.exec(await test.redis.info('commandstats'))?.[1] ?? 0);

  it.each([
    ['cancels', 'pg_cancel_backend', '57014'],
    ['loses', 'pg_terminate_backend', '57P01'],
  ])(
    'that %s a query in the middle of a scan ends the reading',
    { timeout: 60_000 },
    async (_, end, sqlstate) => {
      const client = new pg.Client({ connectionString: test.database.superuserUrl });
      client.on('error', () => {});
      await client.connect();
      const connections = test.gateway.connectionCount;
      const before = await calls();
      const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
      const failed = client
        .query('SELECT count(*) FROM (SELECT pg_sleep(0.01) FROM hredis.redis OFFSET 0) slow')
        .catch((error: { code?: string }) => error.code);
      await vi.waitFor(async () => expect(await calls()).toBeGreaterThan(before), { timeout: 10_000 });
      await rows(`SELECT ${end}(${pid})`);
      expect(await failed).toBe(sqlstate);
      if (end === 'pg_terminate_backend')
        await vi.waitFor(() => expect(test.gateway.connectionCount).toBe(connections), { timeout: 10_000 });
      // Reads of others go on; when only they do, nothing is read for it any more.
      let last = -1;
      await vi.waitFor(
        async () => {
          for (let i = 0; i < 20; i++) await rows(`SELECT value FROM hredis.redis WHERE key = 'key:7'`);
          const now = await calls();
          const isStill = now === last;
          last = now;
          expect(isStill).toBe(true);
        },
        { timeout: 10_000 },
      );
      // The 10,000 rows of the first FETCH, what was read ahead, and no more.
      expect(last - before).toBeLessThan(keyCount / 1_000 / 4);
      await client.end();
    },
  );
});

describe('keys that change under a SCAN', () => {
  it('are there once if they are there all the time, however Redis rehashes', {
    timeout: 60_000,
  }, async () => {
    const link = openRedisLink({ url: test.server.url });
    const found = new Map<string, number>();
    let batches = 0;
    for await (const batch of link.read(question({ prefix: Buffer.from('key:') }))) {
      for (const [key] of batch) found.set(String(key), (found.get(String(key)) ?? 0) + 1);
      // Grows the table four times and shrinks it again while it is read: SCAN then brings keys twice.
      if (batches++ === 20)
        for (let from = 0; from < 1_500_000; from += 50_000)
          await test.redis.mset(
            Array.from({ length: 100_000 }, (_, i) => (i % 2 ? '' : `other:${from + i / 2}`)),
          );
      if (batches === 150)
        for (let from = 0; from < 1_500_000; from += 50_000)
          await test.redis.del(Array.from({ length: 50_000 }, (_, i) => `other:${from + i}`));
    }
    expect(found.size).toBe(keyCount);
    expect([...found.values()].every((count) => count === 1)).toBe(true);
    await link.close();
  });

  it('leave out what is gone when it is looked at', async () => {
    const link = openRedisLink({ url: test.server.url });
    const reading = link.read(
      question({ keys: [Buffer.from('gone'), Buffer.from('key:1')], wanted: [true, true, true] }),
    );
    expect((await reading.next()).value).toEqual([[Buffer.from('key:1'), Buffer.from('x'), null]]);
    await reading.return(undefined);
    await link.close();
  });
});

describe('a Redis', () => {
  it('that is down is said to be, and read again when it is back', { timeout: 60_000 }, async () => {
    await test.server.stop();
    const { code, message } = await failure(`SELECT value FROM hredis.redis WHERE key = 'key:1'`);
    expect(code).toBe('HV00N');
    expect(message).toMatch(/does not answer/);
    await test.server.restart();
    await vi.waitFor(async () => expect(await rows(`SELECT count(*) FROM hredis.redis`)).toEqual([['0']]), {
      timeout: 15_000,
      interval: 200,
    });
    await vi.waitFor(() => test.redis.ping(), { timeout: 10_000 });
    await fill();
  });

  it('that goes while it is read breaks the query off, never with fewer rows', {
    timeout: 60_000,
  }, async () => {
    const reading = failure('SELECT count(*) FROM hredis.redis');
    await delay(150);
    await test.server.stop();
    const { code } = await reading;
    expect(['HV00N', 'no error']).toContain(code);
    await test.server.restart();
    await vi.waitFor(() => test.redis.ping(), { timeout: 10_000 });
    await vi.waitFor(async () => expect(await rows(`SELECT count(*) FROM hredis.redis`)).toEqual([['0']]), {
      timeout: 15_000,
      interval: 200,
    });
  });

  it('that denies a command, refuses the login, or is in a cluster is said to', async () => {
    const server = await startRedis();
    const cluster = await startRedis({ cluster: 'node' });
    const { Redis } = await import('ioredis');
    const admin = new Redis(server.url);
    await admin.acl('SETUSER', 'reader', 'on', '>pw', '~*', '+get', '+mget', '+ping', '+dbsize');
    const at = (userinfo: string) => server.url.replace('//', `//${userinfo}@`);
    const read = async (url: string, some: Partial<LinkQuestion>) => {
      const link = openRedisLink({ url });
      const failed = await link
        .read(question(some))
        .next()
        .then(
          () => 'no error',
          (error: { failure: string }) => error.failure,
        );
      await link.close();
      return failed;
    };
    const keys = [Buffer.from('a')];
    expect(await read(at('reader:pw'), { keys })).toBe('no error');
    expect(await read(at('reader:pw'), {})).toBe('denied');
    expect(await read(at('reader:wrong'), { keys })).toBe('refused');
    expect(await read(cluster.url, { keys })).toBe('unreachable');
    const single = await startRedis({ cluster: true });
    const owner = new Redis(single.url);
    // Half of the slots are somebody else's.
    await owner.call('CLUSTER', 'DELSLOTSRANGE', '0', '16383');
    expect(await read(single.url, { keys })).toBe('unreachable');
    expect(() => openRedisLink({ url: 'redis+cluster://127.0.0.1:1' })).toThrow(/Cluster/);
    expect(() => openRedisLink({ url: 'http://127.0.0.1' })).toThrow(/URL/);
    for (const client of [admin, owner]) client.disconnect();
    await Promise.all([server.stop(), cluster.stop(), single.stop()]);
  });

  it('that is a node of a cluster is refused, since it has only some of the keys', async () => {
    const cluster = await startRedisCluster();
    const [node] = cluster.servers;
    const link = openRedisLink({ url: node?.url ?? '' });
    const failureOf = (some: Partial<LinkQuestion>) =>
      link
        .read(question(some))
        .next()
        .then(
          () => 'no error',
          (error: { failure: string }) => error.failure,
        );
    const keys = Array.from({ length: 20 }, (_, i) => Buffer.from(`key:${i}`));
    for (const table of ['redis', 'hashes', 'keys'] as const) {
      expect(await failureOf({ table })).toBe('moved');
      expect(await failureOf({ table, prefix: Buffer.from('app:') })).toBe('moved');
      expect(await failureOf({ table, keys })).toBe('moved');
    }
    await link.close();
    await cluster.stop();
  });

  it('needs a login that may read, and no more: the commands of docs/redis-links.md', async () => {
    const { redis, server } = test;
    await redis.flushall();
    const docs = await readFile(new URL('../../docs/redis-links.md', import.meta.url), 'utf8');
    const [reading = '', writing = ''] = [...docs.matchAll(/^ {2}(?:ACL SETUSER .* )?(\+\w.*)$/gm)].map(
      ([, list]) => list,
    );
    const setUser = (...lists: string[]) =>
      redis.call('ACL', 'SETUSER', 'reader', 'reset', 'on', '>pw', '~app:*', ...lists.join(' ').split(' '));
    await setUser(reading);
    await redis.set('app:a', '1');
    await redis.hset('app:h', 'f', 'v');
    await redis.rpush('app:l', 'x');
    await redis.sadd('app:s', 'm');
    await redis.zadd('app:z', 1, 'm');
    await redis.xadd('app:st', '1-1', 'f', 'v');
    await redis.set('other', '1');
    const url = `${server.url.replace('//', '//reader:pw@')}/0`;
    const link = openRedisLink({ url, prefix: 'app:' });
    const parts = { hashes: 'f', sets: 'm', zsets: 'm', keys: 'hash' } as const;
    const keys = ['a', 'h', 'l', 's', 'z', 'st'].map((key) => Buffer.from(key));
    for (const table of Object.keys(linkTables) as LinkTable[]) {
      const count = async (some: Partial<LinkQuestion>) => {
        let rows = 0;
        for await (const batch of link.read(question({ table, wanted: [true, true, true, true], ...some })))
          rows += batch.length;
        return rows;
      };
      const all = table === 'keys' ? 6 : 1;
      expect([table, await count({}), await count({ keys })]).toEqual([table, all, all]);
      expect([table, await count({ wanted: [true, false, false, false] })]).toEqual([table, all]);
      if (table in parts)
        expect(await count({ parts: [Buffer.from(parts[table as keyof typeof parts])] })).toBe(1);
    }
    expect(await link.countKeys()).toBe(7);
    const key = Buffer.from('a');
    const change = { kind: 'delete', key } as const;
    await expect(link.openWriting().apply([change])).rejects.toMatchObject({ failure: 'denied' });
    await link.close();

    await setUser(reading, writing);
    const writable = openRedisLink({ url, prefix: 'app:' });
    const part = Buffer.from('m');
    const changes = [
      ...[change, { kind: 'set', key, value: part, ttlMs: 100_000 }, { kind: 'expire', key, ttlMs: null }],
      ...[
        { kind: 'expire', key, ttlMs: 5_000 },
        { kind: 'hashSet', key: Buffer.from('h'), part, value: part },
      ],
      ...[
        { kind: 'hashDelete', key: Buffer.from('h'), part },
        { kind: 'setAdd', key: Buffer.from('s'), part },
      ],
      ...[{ kind: 'setRemove', key: Buffer.from('s'), part }],
      ...[{ kind: 'scoreSet', key: Buffer.from('z'), part, score: '2' }],
      { kind: 'scoreRemove', key: Buffer.from('z'), part },
    ] as LinkChange[];
    for (const some of changes) {
      const one = writable.openWriting();
      await one.watch([some.key]);
      await one.apply([some]);
    }
    const given = writable.openWriting();
    await given.watch([key]);
    given.close();
    expect(await redis.get('app:a')).toBe('m');
    await writable.close();
  });
});

describe('a condition that is long', () => {
  it('keeps nobody else waiting, and can be cancelled', { timeout: 60_000 }, async () => {
    await test.redis.flushall();
    await test.redis.mset(Array.from({ length: 20_000 }, (_, i) => (i % 2 ? 'value' : `key:${i / 2}`)));
    const client = new pg.Client({ connectionString: test.database.superuserUrl });
    await client.connect();
    const pid = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
    // 10,000 rows, each compared with 100,000 texts: that takes minutes.
    const array = `ARRAY(SELECT 'a' || g FROM generate_series(1, 100000) g)`;
    const failed = client
      .query(`SELECT count(*) FROM hredis.redis WHERE value < ANY (${array})`)
      .catch((error: { code?: string }) => error.code);
    const waiting = `SELECT FROM pg_stat_activity WHERE pid = ${pid} AND state = 'active'`;
    await vi.waitFor(async () => expect(await rows(waiting)).toHaveLength(1), { timeout: 10_000 });
    for (let i = 0; i < 5; i++)
      expect(await rows(`SELECT value FROM hredis.redis WHERE key = 'key:7'`)).toEqual([['value']]);
    expect(await rows(waiting)).toHaveLength(1);
    await rows(`SELECT pg_cancel_backend(${pid})`);
    expect(await failed).toBe('57014');
    await client.end();
  });
});

describe('values of any size', () => {
  it('are read in batches that stay small', { timeout: 60_000 }, async () => {
    const { redis } = test;
    await redis.flushall();
    const big = Buffer.alloc(1024 * 1024, 0x61);
    for (let i = 0; i < 200; i++) await redis.set(`big:${i}`, big);
    for (let i = 0; i < 5_000; i++) void redis.set(`small:${i}`, 'x');
    await redis.ping();
    const link = openRedisLink({ url: test.server.url });
    let count = 0;
    let largest = 0;
    for await (const batch of link.read(question({}))) {
      count += batch.length;
      largest = Math.max(
        largest,
        batch.reduce((sum, [, value]) => sum + (value?.length ?? 0), 0),
      );
    }
    expect(count).toBe(5_200);
    expect(largest).toBeLessThan(64 * 1024 * 1024);
    for (let i = 0; i < 150; i++) await redis.hset('wide', `field ${i}`, big);
    for (let i = 0; i < 150; i++) await redis.rpush('long', big);
    for (const table of ['hashes', 'lists'] as const) {
      let parts = 0;
      for await (const batch of link.read(question({ table, wanted: [true, true, true] }))) {
        parts += batch.length;
        expect(batch.length).toBeLessThanOrEqual(64);
      }
      expect(parts).toBe(150);
    }
    await link.close();
    expect(await rows(`SELECT count(*), sum(length(value)) FROM hredis.redis WHERE key ^@ 'big'`)).toEqual([
      ['200', String(200 * big.length)],
    ]);
  });
});
