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
import type { Log } from '../../src/domain/ports.ts';
import { LinkCredentials } from '../../src/linking/credentials.ts';
import { openRedisReaders, type RedisReaders } from '../../src/linking/redis-readers.ts';
import { openSqlParser } from '../../src/linking/sql-parser.ts';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';
import { Observer, openReader, type RunSettings, runAll } from '../support/runs.ts';
import { testToken } from '../support/server.ts';

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
  'SELECT * FROM counted ORDER BY id',
  'SELECT label, value FROM best ORDER BY value DESC',
  'SELECT key, value FROM liked ORDER BY key',
  'WITH counted AS (SELECT 1 AS id) SELECT * FROM counted',
  `SELECT 'é📈', Counted.views FROM public . "counted" WHERE id < 5 ORDER BY 2`,
  `SELECT a.views, p.v FROM counted a JOIN prefixed AS p(x, v) ON p.x = 'widget:' || a.id ORDER BY 1, 2`,
  `WITH t AS (SELECT * FROM counted WHERE id = 3) SELECT 'é📈', t.*, (SELECT max(v) FROM prefixed) FROM t`,
  'SELECT id FROM widgets w WHERE EXISTS (SELECT FROM counted WHERE counted.id = w.id + 990) ORDER BY 1',
  'SELECT id, (SELECT max(c.views) FROM counted c WHERE c.id = w.id) FROM widgets w WHERE id < 4 ORDER BY 1',
  'SELECT w.id, x.views FROM widgets w, LATERAL (SELECT * FROM counted c WHERE c.id = w.id) x WHERE w.id < 4 ORDER BY 1',
  `SELECT "Odd one".* FROM "Odd schema"."Odd one" WHERE "A ""key""" ^@ 'widget:998' ORDER BY 1`,
  `SELECT a.value, b.value FROM best a LEFT JOIN best AS b ON b.value = a.value + 3 ORDER BY 1`,
  `SELECT value FROM hredis.redis WHERE key ^@ 'widget:99'::text ORDER BY 1`,
  'SELECT value FROM one UNION ALL SELECT views FROM counted WHERE id = 5 ORDER BY 1',
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
      'CREATE TABLE mine AS SELECT * FROM widgets',
      'ALTER TABLE mine ENABLE ROW LEVEL SECURITY',
    );
    await site.host.create({ name: 'hredis', schema: 'public', reader: site.reader }, site.remote);
    await executeSql(
      site.database.ownerUrl,
      `CREATE VIEW counted AS SELECT w.id, w.name, r.value AS views FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`,
      'CREATE VIEW best AS SELECT name AS label, views::int AS value FROM counted ORDER BY 2 DESC LIMIT 10',
      `CREATE VIEW prefixed(k, v) AS SELECT key, value FROM hredis.redis WHERE key ^@ 'widget:99'`,
      `CREATE VIEW one AS WITH x AS (SELECT 'widget:7' AS k) SELECT value FROM hredis.redis r JOIN x ON r.key = x.k`,
      `CREATE VIEW guarded AS SELECT m.id, r.value FROM mine m JOIN hredis.redis r ON r.key = concat('widget:', m.id)`,
      `CREATE VIEW hiding AS SELECT m.id, r.value FROM mine m JOIN (WITH mine AS (SELECT 1 AS id) SELECT id FROM mine) x ON x.id <= m.id
        JOIN hredis.redis r ON r.key = concat('widget:', m.id)`,
      'CREATE TABLE closed AS SELECT * FROM widgets',
      `CREATE VIEW over_closed AS SELECT c.id, r.value FROM closed c JOIN hredis.redis r ON r.key = concat('widget:', c.id)`,
      `CREATE VIEW liked AS SELECT key, value FROM hredis.redis WHERE key LIKE 'widget:99%'`,
      'CREATE SCHEMA "Odd schema"',
      `CREATE VIEW "Odd schema"."Odd one" AS SELECT k AS "A ""key""", v FROM prefixed`,
      'GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC',
      `REVOKE SELECT ON closed FROM PUBLIC, ${site.reader}`,
    );
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

  /** Refreshes the link to none, and back. */
  async function withoutGateway<T>(work: () => Promise<T>): Promise<T> {
    await site.host.refresh('hredis', { ...site.remote, gateway: null }, site.reader);
    try {
      return await work();
    } finally {
      await site.host.refresh('hredis', site.remote, site.reader);
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

  it('show what somebody has made of a view, through the gateway', async () => {
    const filters = `CREATE OR REPLACE VIEW hredis.redis WITH (security_barrier = true) AS
      SELECT key, value, ttl::interval AS ttl FROM hredis_raw.redis WHERE key <> 'widget:5'`;
    const leads = `ALTER FOREIGN TABLE hredis_raw.redis OPTIONS (SET table_name 'lists')`;
    for (const [change, rows] of [
      [filters, widgets - 1],
      [leads, null],
    ] as const) {
      await executeSql(site.database.ownerUrl, change);
      const expected = await problemOf(runAll(open(undefined), join));
      const itself = runAll(open(way(true)), join);
      if (rows === null) expect(await problemOf(itself)).toEqual(expected);
      else expect((await itself).rows).toHaveLength(rows);
      await site.host.refresh('hredis', site.remote, site.reader);
      expect((await open(way(true)).explain(join)).reductions).toMatchObject([{ handedOver: true }]);
    }
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
    expect(summarize(whole).at(-1)).toMatch(/^hredis\.redis not reduced to keys: .*volatile/);
    expect((await open(way(false)).explain('SELECT 1')).reductions).toBeUndefined();
  });

  it('are as they are written where too many keys would be collected', async () => {
    const many = (n: number) => `SELECT r.value FROM generate_series(1, ${n}) AS n
      JOIN hredis.redis r ON r.key = concat('widget:', n) LIMIT 0`;
    const explained = await open(way(false)).explain(many(3_000_000));
    expect(summarize(explained).at(-1)).toBe(
      'hredis.redis not reduced to keys: about 3,000,000 keys would have to be collected',
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
      'hredis.redis not reduced to keys: the query failed with the keys put in',
    );
    const broken = open(way(false, { openParser: () => Promise.reject(new Error('no file')) }), {
      log: (level, message) => log.push(`${level} ${message}`),
    });
    expect((await runAll(broken, join)).rows).toHaveLength(widgets);
    expect(log).toEqual([expect.stringContaining('error the SQL parser could not be opened')]);
  });

  it.each(['parse', 'indexOf'])('outlive a mistake in the analysis, in %s', async (where) => {
    const breakOff = () => {
      throw new TypeError(`Cannot read what is secret of ${join}`);
    };
    const openParser = async () => {
      const parser = await openSqlParser();
      if (where === 'parse') return { parse: breakOff };
      return {
        parse(sql: string) {
          const parsed = parser.parse(sql);
          return parsed && { ...parsed, indexOf: breakOff };
        },
      };
    };
    const logged: string[] = [];
    const log: Log = (...entry) => logged.push(JSON.stringify(entry));
    for (const readsItself of [false, true]) {
      const database = open(way(readsItself, { openParser }), { log });
      expect((await runAll(database, join)).rows).toHaveLength(widgets);
      expect((await database.explain(join)).rows).toBe(widgets);
    }
    expect(logged[0]).toContain('error","the look into a query over a linked Redis broke off');
    expect(logged[0]).toContain('breakOff');
    expect(logged.join()).not.toMatch(/secret|concat/);
    await withoutGateway(async () => {
      const alone = open(way(false, { openParser }), { log });
      const refused =
        where === 'parse'
          ? { code: 'sql_failed', sqlstate: 'PGC01' }
          : { code: 'sql_refused', sqlstate: '0A000', message: 'the text could not be looked into' };
      expect(await problemOf(runAll(alone, join))).toMatchObject(refused);
      expect((await runAll(alone, 'SELECT count(*) FROM widgets')).rows).toEqual([[`${widgets}`]]);
    });
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

  it.each([
    // The owner of the view sees rows that the clip login does not.
    ['SELECT * FROM guarded', /^the view public\.guarded: public\.mine shows others other rows$/],
    ['SELECT * FROM hiding', /^the view public\.hiding: public\.mine shows others other rows$/],
    [
      'SELECT * FROM over_closed',
      /^the view public\.over_closed: the clip login may not read public\.closed$/,
    ],
    ['SELECT count(counted.*) FROM counted', /^the view public\.counted is used as a whole row$/],
    // These names would mean something else within the definition.
    [
      'WITH widgets AS (SELECT 1 AS id, NULL AS name) SELECT * FROM counted, widgets',
      /has the name of a WITH query$/,
    ],
    ['SELECT counted FROM counted', /^the view public\.counted is used as a whole row$/],
    ['TABLE counted', /written in a way that is not followed$/],
  ])('are refused over a view that can not be written out: %s', async (sql, message) => {
    const refused = { code: 'sql_refused', message: expect.stringMatching(message) };
    expect(await withoutGateway(() => problemOf(open(way(false)).run(sql)))).toMatchObject(refused);
    // The gateway answers it.
    expect(await problemOf(runAll(open(way(true)), sql))).toBe('no error');
  });

  it('over a view tell errors of the text as it is written', async () => {
    const sql = `SELECT 'é📈', views FROM counted\nWHERE id = 1 AND nope = 2`;
    const expected = await problemOf(runAll(open(undefined), sql));
    expect(expected).toMatchObject({ code: 'sql_refused', line: 2 });
    expect(await withoutGateway(() => problemOf(runAll(open(way(false)), sql)))).toEqual(expected);
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
    await withoutGateway(async () => {
      const client = new pg.Client({ connectionString: site.database.ownerUrl });
      await client.connect();
      const { rows } = await client.query(
        "SELECT obj_description('hredis'::regnamespace, 'pg_namespace') AS comment",
      );
      const comment = (rows[0].comment as string).replace('"prefix":""', '"prefix":"w"');
      await client.query(`COMMENT ON SCHEMA hredis IS ${pg.escapeLiteral(comment)}`);
      await client.end();
      expect(await problemOf(open(way(false)).run(join))).toMatchObject({
        message: expect.stringContaining('hredis was made with another API token or changed by someone'),
      });
      await executeSql(
        site.database.ownerUrl,
        `COMMENT ON SCHEMA hredis IS ${pg.escapeLiteral(rows[0].comment as string)}`,
      );
    });
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
