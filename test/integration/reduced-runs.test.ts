/**
 * Clips over a linked Redis, on two versions of PostgreSQL, through the real gateway and without it: the same rows with
 * and without the reduction, few commands to Redis, and errors that speak of the user's own text.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RedisWay } from '../../src/adapters/postgres/reduced-text.ts';
import { AppError } from '../../src/domain/errors.ts';
import { summarize } from '../../src/domain/explanation.ts';
import { LinkCredentials } from '../../src/linking/credentials.ts';
import { openRedisReaders, type RedisReaders } from '../../src/linking/redis-readers.ts';
import { openSqlParser } from '../../src/linking/sql-parser.ts';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite, testToken } from '../support/redis-links.ts';
import { Observer, openReader, type RunSettings, runAll } from '../support/runs.ts';

const widgets = 1000;
const join = `SELECT w.id, r.value AS views FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`;
/** Of what another process does; it may have to wait for a processor. */
const soon = { timeout: 10_000 };

/** Queries that the reduction changes or reads in different ways. */
const queries = [
  `${join} ORDER BY w.id`,
  `SELECT w.id, r.value FROM widgets w LEFT JOIN hredis.redis r ON r.key = concat('none:', w.id) ORDER BY 1`,
  `SELECT h.field, h.value, w.name FROM widgets w JOIN hredis.hashes h ON h.key = w.name ORDER BY 1, 2, 3`,
  `SELECT id FROM widgets w WHERE EXISTS (SELECT FROM hredis.redis r WHERE r.key = concat('widget:', w.id)) ORDER BY 1`,
  `SELECT key, value, ttl > '1 min' FROM hredis.redis WHERE key IN ('widget:7', 'nasty', 'soon', 'é📈') ORDER BY key`,
  `SELECT key, value FROM hredis.redis WHERE key ^@ 'widget:99' ORDER BY key`,
  `SELECT z.member, z.score, s.member FROM hredis.zsets z JOIN hredis.sets s ON s.key = 's' WHERE z.key = 'z' ORDER BY 1, 3`,
  `SELECT key, index, value FROM hredis.lists WHERE key = 'l' ORDER BY index`,
  `SELECT key, type, bytes > 0 FROM hredis.keys WHERE key IN ('z', 'h', 'soon') ORDER BY 1`,
  String.raw`SELECT value FROM hredis.redis WHERE key IN ('\x00ff', '\x61') ORDER BY 1`,
];

const credentials = new LinkCredentials(testToken);

describe.each(['postgresUrl', 'postgres15Url'] as const)('clips over a linked Redis on %s', (server) => {
  let site: RedisSite;
  let readers: RedisReaders;
  let observer: Observer;
  const opened: ReturnType<typeof openReader>[] = [];

  const way = (readsItself: boolean, more: Partial<RedisWay> = {}): RedisWay => ({
    ...{ openParser: openSqlParser, findRedis: readers.findRedis, readsItself, without: new Map() },
    ...more,
  });
  const open = (redis: RedisWay | undefined, settings: RunSettings = {}) => {
    const database = openReader(site.database.readerUrl, { ...(redis ? { redis } : {}), ...settings });
    opened.push(database);
    return database;
  };

  beforeAll(async () => {
    site = await openRedisSite(inject(server));
    readers = openRedisReaders([{ name: 'CACHE_URL', url: site.server.url }], credentials);
    const { redis } = site;
    const ids = Array.from({ length: widgets }, (_, n) => n + 1);
    await redis.mset(...ids.flatMap((id) => [`widget:${id}`, `${id * 3}`]));
    await redis.mset('other', 'x', 'nasty', `'"\\ \t\n{}[],$$ %s :a $1 é📈 NULL`, 'é📈', 'é');
    await redis.set(Buffer.from([0, 255]), Buffer.from([1, 0, 254]));
    await redis.set('soon', 'gone', 'EX', 3600);
    await redis.hset('widget 1', { f: 'v', g: 'w' });
    await redis.hset('h', 'f', 'v');
    await redis.rpush('l', 'one', 'two');
    await redis.sadd('s', 'm', 'n');
    await redis.zadd('z', 1.5, 'm', 'inf', 'max');
    await executeSql(
      site.database.ownerUrl,
      'CREATE TABLE widgets (id int, name text)',
      `INSERT INTO widgets SELECT n, 'widget ' || n FROM generate_series(1, ${widgets}) n`,
      'ANALYZE widgets',
    );
    await site.host.create({ name: 'hredis', schema: 'public', reader: site.reader }, site.remote);
    observer = await Observer.open(site.database.superuserUrl);
  });

  afterEach(async () => {
    for (const each of opened) await expect.poll(() => each.leased, soon).toBe(0);
    await expect.poll(() => observer.busy(), soon).toBe(0);
    await Promise.all(opened.splice(0).map((each) => each.close()));
  });

  afterAll(async () => {
    await observer?.end();
    await readers?.close();
    await site?.close();
  });

  /** What Redis was asked while the work was done. */
  async function commandsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
    await site.redis.config('RESETSTAT');
    await work();
    const stats = await site.redis.info('commandstats');
    const found = [...stats.matchAll(/^cmdstat_(\w+):calls=(\d+)/gm)];
    return Object.fromEntries(found.map(([, name, calls]) => [name, Number(calls)]));
  }

  /** Hides from pgclip's runs, not from the catalogue, that the database can reach the gateway. */
  async function withoutGateway<T>(work: () => Promise<T>): Promise<T> {
    const owner = site.database.ownerUrl;
    const { host } = site.gateway.address;
    await executeSql(owner, 'ALTER SERVER hredis_server OPTIONS (DROP host)');
    try {
      return await work();
    } finally {
      await executeSql(owner, `ALTER SERVER hredis_server OPTIONS (ADD host '${host}')`);
    }
  }

  const problemOf = (work: Promise<unknown>) =>
    work.then(
      () => 'no error',
      (error: unknown) => (error instanceof AppError ? { code: error.code, ...error.sql } : error),
    );

  it.each(queries)('%s: the same rows every way', async (sql) => {
    const expected = await runAll(open(undefined), sql);
    expect(await runAll(open(way(false)), sql)).toEqual(expected);
    expect(await runAll(open(way(true)), sql)).toEqual(expected);
    const alone = await withoutGateway(() => runAll(open(way(false)), sql));
    expect(alone).toEqual(expected);
  });

  it('read no more than their keys', async () => {
    const whole = await commandsOf(() => runAll(open(undefined), join));
    expect(whole.scan).toBeGreaterThan(0);
    for (const readsItself of [false, true]) {
      const commands = await commandsOf(async () => {
        expect((await runAll(open(way(readsItself)), join)).rows).toHaveLength(widgets);
      });
      expect(commands.scan).toBeUndefined();
      expect(commands.mget ?? 0).toBeGreaterThan(0);
      expect(commands.mget).toBeLessThan(10);
    }
  });

  it('are explained', async () => {
    const { reductions, rows } = await open(way(false)).explain(join);
    expect(rows).toBe(widgets);
    expect(reductions).toEqual([
      { relation: 'hredis.redis', reads: 'keys', keys: widgets, reason: null, handedOver: false },
    ]);
    const itself = await open(way(true)).explain(join);
    expect(summarize(itself)).toEqual(['hredis.redis read by 1,000 keys, by pgclip itself']);
    const whole = await open(way(false)).explain(
      `SELECT 1 FROM widgets w JOIN hredis.redis r ON r.key = concat(random(), w.id)`,
    );
    expect(summarize(whole).at(-1)).toMatch(/^hredis\.redis scanned whole: .*volatile/);
    expect((await open(way(false)).explain('SELECT 1')).reductions).toBeUndefined();
  });

  it('are as they are written where too many keys would be collected', async () => {
    const many = (n: number) => `SELECT r.value FROM generate_series(1, ${n}) AS n
      JOIN hredis.redis r ON r.key = concat('widget:', n) LIMIT 0`;
    const explained = await open(way(false)).explain(many(3_000_000));
    expect(summarize(explained).at(-1)).toBe(
      'hredis.redis scanned whole: about 3,000,000 keys would have to be collected',
    );
    const alone = await withoutGateway(() => problemOf(open(way(false)).run(many(200_001))));
    expect(alone).toMatchObject({ code: 'sql_refused', message: expect.stringContaining('200,000 keys') });
  });

  it('are run as they are written when what was put in makes them fail', async () => {
    const openParser = async () => {
      const parser = await openSqlParser();
      return {
        parse(sql: string) {
          const parsed = parser.parse(sql);
          // The keys are put into a literal.
          return parsed && { ...parsed, indexOf: () => sql.indexOf('=y') };
        },
      };
    };
    const log: string[] = [];
    const database = open(way(false, { openParser }));
    const sql = `${join} WHERE '=y' <> 'x'`;
    expect((await runAll(database, sql)).rows).toHaveLength(widgets);
    expect(summarize(await database.explain(sql)).at(-1)).toBe(
      'hredis.redis scanned whole: the query failed with the keys put in',
    );
    const broken = open(way(false, { openParser: () => Promise.reject(new Error('no file')) }), {
      log: (level, message) => log.push(`${level} ${message}`),
    });
    expect((await runAll(broken, join)).rows).toHaveLength(widgets);
    expect(log).toEqual([expect.stringContaining('error the SQL parser could not be opened')]);
  });

  it('are looked for when the database may have got its first link', async () => {
    const without = new Map([['DATABASE_URL', Date.now() + 60_000]]);
    const database = open(way(false, { without }));
    expect((await database.explain(join)).reductions).toBeUndefined();
    without.clear();
    expect((await database.explain(join)).reductions).toHaveLength(1);
    expect(without.size).toBe(0);
  });

  it('are pages and keep nested values', async () => {
    const sql = `SELECT array_agg(r.value ORDER BY w.id), w.name FROM widgets w
      JOIN hredis.redis r ON r.key = concat('widget:', w.id) GROUP BY w.name, w.id ORDER BY w.id`;
    const options = { nestedJson: true, limit: 2, offset: 3 };
    const expected = await runAll(open(undefined), sql, options);
    expect(expected.rows[0]).toEqual(['{12}', 'widget 4', '["12"]']);
    expect(await runAll(open(way(false)), sql, options)).toEqual(expected);
    expect(await runAll(open(way(true)), sql, options)).toEqual(expected);
  });

  it.each([
    `${join}\nWHERE é.nope = 1`,
    `${join} ORDER BY\n  'é📈', nope`,
    `SELECT w.id, 1 / (r.value::int - r.value::int)\nFROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`,
    `SELECT nope FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`,
    `${join}; SELECT 1`,
    `${join} WHERE w.id = $1`,
  ])('tell errors of the text as it is written: %s', async (sql) => {
    const expected = await problemOf(runAll(open(undefined), sql));
    expect(expected).toMatchObject({ code: expect.stringMatching(/^sql_/) });
    for (const redis of [way(false), way(true)]) {
      const database = open(redis);
      expect(await problemOf(runAll(database, sql))).toEqual(expected);
      expect(await problemOf(database.explain(sql))).toEqual(await problemOf(open(undefined).explain(sql)));
      // Nothing is left of it on the one connection.
      expect((await runAll(database, join)).rows).toHaveLength(widgets);
    }
    const alone = await withoutGateway(() => problemOf(runAll(open(way(false)), sql)));
    expect(alone).toEqual(expected);
  });

  it('are refused in words where nobody can answer them', async () => {
    await withoutGateway(async () => {
      const database = open(way(false));
      expect(await problemOf(runAll(database, 'SELECT * FROM hredis.redis'))).toMatchObject({
        ...{ code: 'sql_refused', sqlstate: '0A000' },
        message: expect.stringMatching(/^hredis\.redis: no condition/),
      });
      const missing = open(way(false, { findRedis: () => null }));
      expect(await problemOf(runAll(missing, join))).toMatchObject({
        code: 'sql_refused',
        message: expect.stringMatching(/^CACHE_URL is not configured, or hredis was made with another/),
      });
      expect(await database.describe(join)).toMatchObject([{ name: 'id' }, { name: 'views' }]);
    });
    // Whoever can write a comment can't show more by it.
    const client = new pg.Client({ connectionString: site.database.ownerUrl });
    await client.connect();
    const { rows } = await client.query(
      "SELECT obj_description(oid, 'pg_foreign_server') AS comment FROM pg_foreign_server WHERE srvname = 'hredis_server'",
    );
    const comment = rows[0].comment as string;
    const put = (text: string) =>
      client.query(`COMMENT ON SERVER hredis_server IS ${pg.escapeLiteral(text)}`);
    try {
      await put(comment.replace('"prefix":""', '"prefix":"w"'));
      await withoutGateway(async () => {
        expect(await problemOf(runAll(open(way(false)), join))).toMatchObject({
          message: expect.stringContaining('hredis was made with another API token or changed by someone'),
        });
      });
    } finally {
      await put(comment);
      await client.end();
    }
    // A gateway that is there answers what pgclip alone can't.
    expect((await runAll(open(way(true)), 'SELECT * FROM hredis.sets')).rows).toHaveLength(2);
  });

  it('end when they are cancelled, also while Redis does not answer', async () => {
    const silent = createServer();
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const url = `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const stuck = openRedisReaders([{ name: 'CACHE_URL', url }], credentials);
    const database = open(way(true, { findRedis: stuck.findRedis }));
    const cancel = new AbortController();
    const run = problemOf(database.run(join, { signal: cancel.signal }));
    await once(silent, 'connection');
    cancel.abort();
    expect(await run).toMatchObject({ code: 'run_cancelled' });
    await expect.poll(() => database.leased, soon).toBe(0);
    const hurried = open(way(true, { findRedis: stuck.findRedis }), { runDeadlineMs: 300 });
    expect(await problemOf(hurried.run(join))).toMatchObject({ code: 'run_deadline' });
    for (const socket of sockets) socket.destroy();
    await stuck.close();
    silent.close();
  });

  it('end when they are cancelled in the database', async () => {
    const sql = `SELECT w.id, r.value, pg_sleep(60) FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`;
    const database = open(way(false));
    const cancel = new AbortController();
    const run = problemOf(database.run(sql, { signal: cancel.signal }));
    await expect.poll(() => observer.backends(`wait_event = 'PgSleep'`), soon).toBe(1);
    cancel.abort();
    expect(await run).toMatchObject({ code: 'run_cancelled' });
    const hurried = open(way(false), { runDeadlineMs: 1000 });
    expect(await problemOf(hurried.run(sql))).toMatchObject({ code: 'run_deadline' });
  });

  it('tell of a Redis that is down, and go on when it is back', async () => {
    const databases = [open(way(false)), open(way(true))];
    await site.server.stop();
    for (const database of databases)
      expect(await problemOf(runAll(database, join))).toMatchObject({ code: 'remote_unavailable' });
    await site.server.restart();
    await expect
      .poll(() => Promise.all(databases.map((each) => problemOf(runAll(each, join)))), soon)
      .toEqual(['no error', 'no error']);
  });
});
