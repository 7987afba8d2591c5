/** INSERT, UPDATE and DELETE through views, triggers, postgres_fdw and the gateway: together at COMMIT, or not at all. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';
import { openRelay } from '../support/relay.ts';

let test: TestGateway;

beforeAll(async () => {
  test = await openTestGateway();
});
afterAll(() => test?.close());
beforeEach(async () => {
  await test.redis.flushall();
});

const sql = (text: string, ...values: unknown[]) => test.sql.query({ text, values, rowMode: 'array' });
const rows = async (text: string) => (await sql(text)).rows;
const codeOf = async (text: string) =>
  sql(text).then(
    () => 'no error',
    (error: { code?: string }) => error.code,
  );

describe('a row', () => {
  it('of each writable table is inserted, updated and deleted', async () => {
    const { redis } = test;
    await sql(`INSERT INTO hredis.redis VALUES ('k', 'v', '1 hour')`);
    await sql(`INSERT INTO hredis.hashes VALUES ('h', 'f', 'v'), ('h', 'g', 'w')`);
    await sql(`INSERT INTO hredis.sets VALUES ('s', 'm'), ('s', 'n')`);
    await sql(`INSERT INTO hredis.zsets VALUES ('z', 'm', 1.5), ('z', 'n', '-Infinity')`);
    expect(await redis.get('k')).toBe('v');
    expect(await redis.pttl('k')).toBeGreaterThan(3_590_000);
    expect(await redis.hgetall('h')).toEqual({ f: 'v', g: 'w' });
    expect(await redis.zrange('z', '0', '-1', 'WITHSCORES')).toEqual(['n', '-inf', 'm', '1.5']);

    await sql(`UPDATE hredis.redis SET value = value || '!' WHERE key LIKE 'k%'`);
    await sql(`UPDATE hredis.hashes SET value = upper(value) WHERE field = 'f'`);
    await sql(`UPDATE hredis.sets SET member = 'o' WHERE member = 'n'`);
    await sql(`UPDATE hredis.zsets SET score = score + 1 WHERE key = 'z' AND score > 0`);
    expect(await redis.get('k')).toBe('v!');
    // A new value leaves the time to live alone.
    expect(await redis.pttl('k')).toBeGreaterThan(3_590_000);
    expect(await redis.hgetall('h')).toEqual({ f: 'V', g: 'w' });
    expect((await redis.smembers('s')).toSorted()).toEqual(['m', 'o']);
    expect(await redis.zscore('z', 'm')).toBe('2.5');

    for (const table of ['redis', 'hashes', 'sets', 'zsets']) await sql(`DELETE FROM hredis.${table}`);
    expect(await redis.dbsize()).toBe(0);
  });

  it('comes back from RETURNING, and is counted', async () => {
    const inserted = await sql(
      `INSERT INTO hredis.redis VALUES ('a', '1', NULL), ('b', '2', '2 days') RETURNING key, ttl`,
    );
    expect([inserted.rowCount, inserted.rows.length]).toEqual([2, 2]);
    expect((await sql(`UPDATE hredis.redis SET value = 'x' WHERE key IN ('a', 'nope')`)).rowCount).toBe(1);
    expect((await sql(`DELETE FROM hredis.redis RETURNING key`)).rows.toSorted()).toEqual([['a'], ['b']]);
  });

  it('may be one of as many as a transaction may change, and holds Redis up for little of it', async () => {
    const { redis } = test;
    // 10,000 rows of three columns: 30,000 parameters.
    await sql(`ALTER SERVER hredis OPTIONS (SET batch_size '10000')`);
    await redis.config('RESETSTAT');
    await sql(
      `INSERT INTO hredis_raw.redis (key, value) SELECT 'k' || g, g FROM generate_series(1, 10000) g`,
    );
    await sql(`ALTER SERVER hredis OPTIONS (SET batch_size '1000')`);
    expect(await redis.dbsize()).toBe(10_000);
    expect(await redis.get('k10000')).toBe('10000');
    // Redis compares each key with all that are watched already: 1,000 beside 9,000 others would take it 80 ms.
    const watches = /cmdstat_watch:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1];
    expect(Number(watches)).toBeGreaterThan(200);
  });

  it('may change its key, its time to live, or both', async () => {
    await sql(`INSERT INTO hredis.redis VALUES ('a', '1', '1 day')`);
    await sql(`UPDATE hredis.redis SET key = 'b'`);
    expect(await test.redis.keys('*')).toEqual(['b']);
    expect(await test.redis.pttl('b')).toBeGreaterThan(86_000_000);
    await sql(`UPDATE hredis.redis SET ttl = NULL`);
    expect(await test.redis.pttl('b')).toBe(-1);
    await sql(`UPDATE hredis.redis SET ttl = '1 mon 2 days 03:04:05.678'`);
    const ms = 32 * 86_400_000 + 11_045_678;
    expect(Math.abs((await test.redis.pttl('b')) - ms)).toBeLessThan(5_000);
    expect(await test.redis.get('b')).toBe('1');
  });

  it('may hold bytes that are no text, written as they are shown', async () => {
    await sql(`INSERT INTO hredis.redis VALUES ('\\xff00', '\\x5c7861')`);
    expect(await test.redis.getBuffer(Buffer.from([0xff, 0]))).toEqual(Buffer.from('\\xa'));
    expect(await codeOf(`INSERT INTO hredis.redis VALUES ('x', '\\x61')`)).toBe('22021');
  });
});

describe('what is refused', () => {
  it.each([
    [`INSERT INTO hredis.redis VALUES ('there', 'x')`, '23505'],
    [`INSERT INTO hredis.redis VALUES ('new', '1'), ('new', '2')`, '23505'],
    [`UPDATE hredis.redis SET key = 'there' WHERE key = 'other'`, '23505'],
    [`INSERT INTO hredis.redis VALUES ('hash', 'x')`, '42809'],
    [`INSERT INTO hredis.hashes VALUES ('there', 'f', 'x')`, '42809'],
    [`INSERT INTO hredis.hashes VALUES ('hash', 'f', 'x')`, '23505'],
    [`INSERT INTO hredis.sets VALUES ('set', 'm')`, '23505'],
    [`INSERT INTO hredis.zsets VALUES ('zset', 'm', 2)`, '23505'],
    [`INSERT INTO hredis.zsets VALUES ('set', 'm', 2)`, '42809'],
    [`INSERT INTO hredis.redis VALUES ('new', NULL)`, '23502'],
    [`INSERT INTO hredis.redis VALUES ('new', 'x', '0')`, '22023'],
    [`INSERT INTO hredis.redis VALUES ('new', 'x', '-1 day')`, '22023'],
    [`INSERT INTO hredis.zsets VALUES ('new', 'x', 'NaN')`, '22023'],
    [`INSERT INTO hredis_raw.lists VALUES ('new', '0', 'x')`, '25006'],
    [`DELETE FROM hredis_raw.keys WHERE key = 'there'`, '25006'],
    ['TRUNCATE hredis_raw.redis', '0A000'],
  ])('%s', async (statement, sqlstate) => {
    const { redis } = test;
    await redis.mset('there', '1', 'other', '2');
    await redis.hset('hash', 'f', 'v');
    await redis.sadd('set', 'm');
    await redis.zadd('zset', 1, 'm');
    expect(await codeOf(statement)).toBe(sqlstate);
    expect(await redis.zscore('zset', 'm')).toBe('1');
    expect(await redis.mget('there', 'other', 'new')).toEqual(['1', '2', null]);
    expect(await redis.hgetall('hash')).toEqual({ f: 'v' });
  });

  it('anything, when the link is not writable', async () => {
    const login = test.logins.get('link');
    if (!login) throw new Error('There is no login.');
    test.logins.set('link', { ...login, writable: false });
    await test.redis.sadd('k', 'm');
    await sql('SELECT postgres_fdw_disconnect_all()');
    expect(await codeOf(`INSERT INTO hredis.redis VALUES ('new', 'v')`)).toBe('25006');
    expect(await codeOf(`DELETE FROM hredis.sets WHERE key = 'k'`)).toBe('25006');
    test.logins.set('link', login);
    await sql('SELECT postgres_fdw_disconnect_all()');
    expect(await codeOf(`INSERT INTO hredis.redis VALUES ('new', 'v')`)).toBe('no error');
  });
});

describe('a transaction', () => {
  it('is not seen before its COMMIT, sees itself, and leaves nothing at ROLLBACK', async () => {
    const { redis } = test;
    await redis.mset('a', '1', 'b', '2');
    await sql('BEGIN');
    await sql(`INSERT INTO hredis.redis VALUES ('c', '3')`);
    await sql(`UPDATE hredis.redis SET value = 'changed' WHERE key IN ('a', 'c')`);
    await sql(`DELETE FROM hredis.redis WHERE key = 'b'`);
    const own = [
      ['a', 'changed'],
      ['c', 'changed'],
    ];
    expect(await rows('SELECT key, value FROM hredis.redis ORDER BY 1')).toEqual(own);
    expect(await rows(`SELECT key FROM hredis.redis WHERE value = 'changed' AND key ^@ 'c'`)).toEqual([
      ['c'],
    ]);
    expect(await redis.mget('a', 'b', 'c')).toEqual(['1', '2', null]);
    await sql('ROLLBACK');
    expect(await redis.mget('a', 'b', 'c')).toEqual(['1', '2', null]);
    expect(await rows('SELECT key FROM hredis.redis ORDER BY 1')).toEqual([['a'], ['b']]);
  });

  it('is applied at once: another client sees all of it or nothing', async () => {
    const { redis } = test;
    await sql('BEGIN');
    await sql(
      `INSERT INTO hredis_raw.redis (key, value) SELECT 'k' || g, 'x' FROM generate_series(1, 2000) g`,
    );
    await sql(`INSERT INTO hredis.sets VALUES ('s', 'm')`);
    const seen = new Set<number>();
    let isDone = false;
    const watching = (async () => {
      while (!isDone) seen.add(await redis.dbsize());
      seen.add(await redis.dbsize());
    })();
    await sql('COMMIT');
    isDone = true;
    await watching;
    expect([...seen].toSorted((a, b) => a - b).at(-1)).toBe(2_001);
    expect([...seen].every((count) => count === 0 || count === 2_001)).toBe(true);
  });

  it('undoes what follows a savepoint', async () => {
    await sql('BEGIN');
    await sql(`INSERT INTO hredis.redis VALUES ('a', '1')`);
    await sql('SAVEPOINT one');
    await sql(`UPDATE hredis.redis SET value = '2' WHERE key = 'a'`);
    await sql(`INSERT INTO hredis.redis VALUES ('b', '1')`);
    expect(await codeOf(`INSERT INTO hredis.redis VALUES ('b', '1')`)).toBe('23505');
    await sql('ROLLBACK TO one');
    await sql(`INSERT INTO hredis.redis VALUES ('c', '1')`);
    await sql('SAVEPOINT two');
    await sql(`DELETE FROM hredis.redis WHERE key = 'a'`);
    await sql('RELEASE two');
    await sql('COMMIT');
    expect(await test.redis.keys('*')).toEqual(['c']);
  });

  it('that deletes a row and inserts it again replaces it', async () => {
    await test.redis.set('a', '1', 'EX', 100);
    await sql('BEGIN');
    await sql(`DELETE FROM hredis.redis WHERE key = 'a'`);
    await sql(`INSERT INTO hredis.redis VALUES ('a', '2')`);
    await sql('COMMIT');
    expect([await test.redis.get('a'), await test.redis.pttl('a')]).toEqual(['2', -1]);
  });

  it('fails when somebody else has changed what it rests on, and nothing was done', async () => {
    const { redis } = test;
    const meanwhile = async (statement: string, change: () => Promise<unknown>) => {
      await redis.flushall();
      await redis.mset('a', '1', 'b', '1');
      await redis.hset('h', 'f', 'v');
      await sql('BEGIN');
      await sql(statement);
      await sql(`INSERT INTO hredis.redis VALUES ('mark', 'x')`);
      await change();
      return [await codeOf('COMMIT'), await redis.get('mark')];
    };
    const conflict = ['40001', null];
    const update = `UPDATE hredis.redis SET value = (value::int + 1)::text WHERE key = 'a'`;
    expect(await meanwhile(update, () => redis.incr('a'))).toEqual(conflict);
    expect(await redis.get('a')).toBe('2');
    expect(await meanwhile(update, () => redis.incr('b'))).toEqual(['no error', 'x']);
    expect(await meanwhile(`DELETE FROM hredis.redis WHERE value = '1'`, () => redis.set('b', '2'))).toEqual(
      conflict,
    );
    expect(await meanwhile(`INSERT INTO hredis.redis VALUES ('c', '1')`, () => redis.set('c', '2'))).toEqual(
      conflict,
    );
    expect(await meanwhile(`INSERT INTO hredis.sets VALUES ('c', 'm')`, () => redis.set('c', '2'))).toEqual(
      conflict,
    );
    expect(await meanwhile(`UPDATE hredis.hashes SET value = 'w'`, () => redis.del('h'))).toEqual(conflict);
  });

  it('loses no change of two that count at once', async () => {
    await test.redis.set('counter', '0');
    const clients = await Promise.all(
      [1, 2].map(async () => {
        const client = new pg.Client({ connectionString: test.database.superuserUrl });
        await client.connect();
        return client;
      }),
    );
    let done = 0;
    await Promise.all(
      clients.map(async (client) => {
        for (let i = 0; i < 40; i++)
          await client
            .query(`UPDATE hredis.redis SET value = (value::int + 1)::text WHERE key = 'counter'`)
            .then(
              () => done++,
              (error: { code?: string }) => expect(error.code).toBe('40001'),
            );
      }),
    );
    for (const client of clients) await client.end();
    expect(done).toBeGreaterThan(0);
    expect(await test.redis.get('counter')).toBe(String(done));
  });

  it('changes no more rows than it may, and says so', { timeout: 120_000 }, async () => {
    const { redis } = test;
    expect(
      await codeOf(`INSERT INTO hredis_raw.sets SELECT 's', g::text FROM generate_series(1, 10001) g`),
    ).toBe('54000');
    expect(await redis.dbsize()).toBe(0);
    for (let from = 0; from < 10_001; from += 1_000)
      await redis.mset(Array.from({ length: 2_002 }, (_, i) => (i % 2 ? 'v' : `k${from + i / 2}`)));
    expect(await codeOf('DELETE FROM hredis_raw.redis')).toBe('54000');
    expect(await codeOf(`UPDATE hredis_raw.redis SET value = 'w'`)).toBe('54000');
    expect(await redis.dbsize()).toBeGreaterThan(10_000);
    await sql(`DELETE FROM hredis_raw.redis WHERE key < 'k5'`);
    expect(await codeOf('DELETE FROM hredis_raw.redis')).toBe('no error');
    expect(await redis.dbsize()).toBe(0);
  });

  it('rests on no more keys than it may, whether they are there or not', async () => {
    await test.redis.set('k7', 'v');
    const keys = (count: number) => `key = ANY (ARRAY(SELECT 'k' || g FROM generate_series(1, ${count}) g))`;
    // Only what is there is changed, and has to stay as it is.
    expect((await sql(`DELETE FROM hredis_raw.redis WHERE ${keys(30_000)}`)).rowCount).toBe(1);
    expect(await test.redis.exists('k7')).toBe(0);
    await sql('BEGIN');
    for (let i = 0; i < 10; i++) await sql(`DELETE FROM hredis_raw.redis WHERE ${keys(1_000)}`);
    expect(await codeOf(`DELETE FROM hredis_raw.redis WHERE key = 'k1'`)).toBe('no error');
    for (let i = 0; i < 9; i++)
      await sql(`DELETE FROM hredis_raw.redis WHERE ${keys(1_000).replace("'k'", `'${i}'`)}`);
    expect(await codeOf(`DELETE FROM hredis_raw.redis WHERE key = 'one more'`)).toBe('54000');
    await sql('ROLLBACK');
  });

  it('gives a key one type, or nothing was done', async () => {
    const { redis } = test;
    await sql('BEGIN');
    await sql(`INSERT INTO hredis.redis VALUES ('a', '1'), ('b', '1')`);
    await sql('SAVEPOINT s');
    expect(await codeOf(`INSERT INTO hredis.hashes VALUES ('b', 'f', 'v')`)).toBe('42809');
    await sql('ROLLBACK TO s');
    await sql(`DELETE FROM hredis.redis WHERE key = 'b'`);
    await sql(`INSERT INTO hredis.hashes VALUES ('b', 'f', 'v')`);
    await sql('COMMIT');
    expect([await redis.type('a'), await redis.type('b')]).toEqual(['string', 'hash']);
  });

  it('takes no score that Redis would refuse at its end', async () => {
    for (const score of ['1e400', '-1e400', '1e-400', '0x10', ''])
      expect([score, await codeOf(`INSERT INTO hredis_raw.zsets VALUES ('z', 'm', '${score}')`)]).toEqual([
        score,
        '22023',
      ]);
    await sql(`INSERT INTO hredis.zsets VALUES ('z', 'a', '1e308'), ('z', 'b', '1e-320'), ('z', 'c', '-0')`);
    expect(await test.redis.zcard('z')).toBe(3);
  });

  it('fails at its COMMIT when Redis has no more room, and nothing was done', async () => {
    const { redis } = test;
    await sql('BEGIN');
    await sql(`INSERT INTO hredis.redis VALUES ('a', '1')`);
    await redis.config('SET', 'maxmemory', '1');
    expect(await codeOf('COMMIT')).toBe('HV000');
    await redis.config('SET', 'maxmemory', '0');
    expect(await redis.dbsize()).toBe(0);
    expect(await rows('SELECT key FROM hredis.redis')).toEqual([]);
  });
});

describe('a COMMIT that Redis does not answer', () => {
  it('says that nobody knows what became of it; the next one goes on', { timeout: 60_000 }, async () => {
    const relay = await openRelay(test.server.port);
    const link = openRedisLink({ url: `redis://127.0.0.1:${relay.port}` });
    const key = Buffer.from('a');
    const change = { kind: 'set', key, value: Buffer.from('1'), ttlMs: null } as const;
    const lost = link.openWriting();
    await lost.watch([key]);
    relay.holdAnswers();
    const applied = lost.apply([change]).catch((error: unknown) => error);
    await expect.poll(() => test.redis.get('a')).toBe('1');
    await relay.stop();
    expect(await applied).toMatchObject({ failure: 'unknown' });

    await relay.start();
    const before = link.openWriting();
    await before.watch([key]);
    await relay.stop();
    await expect.poll(() => before.watch([Buffer.from('b')]).catch(() => 'gone')).toBe('gone');
    // It was gone before: nothing has been sent.
    await expect(before.apply([change])).rejects.toMatchObject({ failure: 'unreachable' });
    await relay.start();
    const next = link.openWriting();
    await next.watch([key]);
    await next.apply([{ ...change, value: Buffer.from('2') }]);
    expect(await test.redis.get('a')).toBe('2');
    await link.close();
    await relay.close();
  });
});

describe('a trigger of a table', () => {
  it('pushes its rows out', async () => {
    await sql('CREATE TABLE stock (id int PRIMARY KEY, amount int)');
    await sql(`CREATE FUNCTION push() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      UPDATE hredis.redis SET value = new.amount::text WHERE key = 'stock:' || new.id;
      IF NOT FOUND THEN INSERT INTO hredis.redis (key, value) VALUES ('stock:' || new.id, new.amount::text); END IF;
      RETURN new; END $$`);
    await sql('CREATE TRIGGER push AFTER INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION push()');
    await sql('INSERT INTO stock VALUES (1, 10), (2, 20)');
    await sql('BEGIN');
    await sql('UPDATE stock SET amount = amount + 1');
    await sql('UPDATE stock SET amount = amount + 1 WHERE id = 1');
    await sql('COMMIT');
    expect(await test.redis.mget('stock:1', 'stock:2')).toEqual(['12', '21']);
    await expect(sql('UPDATE stock SET amount = 1 / (amount - 12)')).rejects.toMatchObject({ code: '22012' });
    expect(await test.redis.mget('stock:1', 'stock:2')).toEqual(['12', '21']);
  });
});
