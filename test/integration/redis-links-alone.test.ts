/**
 * Links of a Redis without a gateway, on two versions of PostgreSQL that have no postgres_fdw either: made, read by
 * clips and by nobody else, refreshed to a gateway and back, repaired, removed.
 */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RedisWay } from '../../src/adapters/postgres/reduced-text.ts';
import { describeRemote } from '../../src/domain/link-words.ts';
import type { RedisRemote } from '../../src/domain/redis-remote.ts';
import { LinkCredentials } from '../../src/linking/credentials.ts';
import { openRedisReaders, type RedisReaders } from '../../src/linking/redis-readers.ts';
import { fixedGateway } from '../../src/linking/redis-remotes.ts';
import { openSqlParser } from '../../src/linking/sql-parser.ts';
import { allowLinks, hostOf, queryRows, readLinkState } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';
import { openReader, runAll } from '../support/runs.ts';
import { testToken } from '../support/server.ts';

const join = `SELECT n, r.value FROM generate_series(1, 3) n LEFT JOIN hredis.redis r ON r.key = concat('widget:', n) ORDER BY n`;
const joined = [
  ['1', '11'],
  ['2', '22'],
  ['3', null],
];

describe.each(['postgresUrl', 'postgres15Url'] as const)(
  'a linked Redis without a gateway on %s',
  (server) => {
    let site: RedisSite;
    let untouched: unknown[][];
    let readers: RedisReaders;
    const opened: ReturnType<typeof openReader>[] = [];

    const alone = (remote = site.remote): RedisRemote => ({ ...remote, gateway: null });
    const create = (name = 'hredis', writable = false) =>
      site.host.create(
        { name, schema: 'public', reader: site.reader, redis: { prefix: '', writable } },
        alone(),
      );
    const compare = (remote = alone(), host = site.host) => host.compare('hredis', remote, site.reader);
    const refresh = (remote: RedisRemote) => site.host.refresh('hredis', remote, site.reader);
    const owner = (...statements: string[]) => executeSql(site.database.ownerUrl, ...statements);
    const read = (sql: string) => queryRows(site.database.readerUrl, sql);

    /** Clips as a server runs them. */
    const clips = (without = new Map<string, number>(), more: Partial<RedisWay> = {}) => {
      const way: RedisWay = {
        ...{ openParser: openSqlParser, findRedis: readers.findRedis, readsItself: false, without, ...more },
      };
      const database = openReader(site.database.readerUrl, { redis: way });
      opened.push(database);
      return database;
    };
    const rowsOf = async (sql: string) => (await runAll(clips(), sql)).rows;

    beforeAll(async () => {
      site = await openRedisSite(inject(server), { wrapper: false });
      readers = openRedisReaders(
        [{ name: 'CACHE_URL', url: site.server.url }],
        new LinkCredentials(testToken),
      );
      untouched = await readLinkState(site.database);
      const { redis } = site;
      await redis.mset('widget:1', '11', 'widget:2', '22', 'other', 'x');
      await redis.hset('widget:1:h', 'f', 'v');
      await redis.zadd('z', 1.5, 'm');
      await redis.set('soon', 'gone', 'EX', 3600);
    });
    afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));
    afterAll(async () => {
      await readers?.close();
      await site?.close();
    });

    it('is not made to be written', async () => {
      const message = expect.stringContaining('GATEWAY_PORT');
      await expect(create('hredis', true)).rejects.toMatchObject({ code: 'remote_refused', message });
      expect(await readLinkState(site.database)).toEqual(untouched);
    });

    it('is made without a right to postgres_fdw, read by the next clip, and listed for what it is', async () => {
      // Just believed to have no link.
      const without = new Map<string, number>();
      const database = clips(without);
      await runAll(database, 'SELECT 1');
      expect(without.size).toBe(1);
      const report = await create();
      expect(report.changes.map(({ kind, name }) => `${kind} ${name}`)).toEqual(
        ['redis', 'hashes', 'lists', 'sets', 'zsets', 'streams', 'keys'].map((name) => `table ${name}`),
      );
      expect((await runAll(database, join)).rows).toEqual(joined);
      for (const host of [site.host, hostOf(site.database, null)]) {
        const [link, ...others] = await host.list();
        expect(others).toEqual([]);
        expect(link).toMatchObject({
          ...{
            name: 'hredis',
            remote: 'CACHE_URL',
            remoteDatabase: '0',
            server: null,
            tables: 7,
            problems: [],
          },
          redis: { prefix: '', writable: false, gateway: false },
        });
        expect(link && describeRemote(link)).toBe(
          'Redis database 0, read by pgclip itself, without a gateway',
        );
        expect(await compare(alone(), host)).toEqual([]);
      }
      await expect(create('hredis')).rejects.toMatchObject({ code: 'link_name_taken' });
    });

    it('gives clips their rows', async () => {
      expect(await rowsOf(`SELECT key, field, value FROM hredis.hashes WHERE key = 'widget:1:h'`)).toEqual([
        ['widget:1:h', 'f', 'v'],
      ]);
      expect(await rowsOf(`SELECT member, score FROM hredis.zsets WHERE key = 'z'`)).toEqual([['m', '1.5']]);
      expect(await rowsOf(`SELECT key, value FROM hredis.redis WHERE key ^@ 'widget:' ORDER BY key`)).toEqual(
        [
          ['widget:1', '11'],
          ['widget:2', '22'],
        ],
      );
      expect(await rowsOf(`SELECT ttl > '59 min', type FROM hredis.keys WHERE key = 'soon'`)).toEqual([
        ['t', 'string'],
      ]);
      expect(await clips().describe(join)).toMatchObject([{ name: 'n' }, { name: 'value' }]);
      expect((await clips().explain(join)).reductions).toEqual([
        { relation: 'hredis.redis', reads: 'keys', keys: 3, reason: null, handedOver: true },
      ]);
      await expect(runAll(clips(), 'SELECT * FROM hredis.redis')).rejects.toMatchObject({
        code: 'sql_refused',
        sql: { sqlstate: '0A000', message: expect.stringContaining('hredis.redis: no condition') },
      });
    });

    it('gives them nothing that their login may not read', async () => {
      await owner(`REVOKE SELECT ON hredis.redis FROM ${site.reader}`);
      await expect(runAll(clips(), join)).rejects.toMatchObject({ sql: { sqlstate: '42501' } });
      await refresh(alone());
      await owner(`REVOKE USAGE ON SCHEMA hredis FROM ${site.reader}`);
      await expect(runAll(clips(), join)).rejects.toMatchObject({ sql: { sqlstate: '42501' } });
      await refresh(alone());
      expect(await rowsOf(join)).toEqual(joined);
    });

    // pgclip reads past what stands in the database: whoever has put something else there is obeyed.
    it.each([
      [
        'a view that filters',
        `CREATE OR REPLACE VIEW hredis.redis WITH (security_barrier = true) AS SELECT redis.key, redis.value, redis.ttl
          FROM hredis.read_by_pgclip() redis(key text COLLATE "C", value text COLLATE "C", ttl interval) WHERE redis.key <> 'widget:1'`,
      ],
      [
        'a view over another function of the name',
        `CREATE FUNCTION public.read_by_pgclip() RETURNS SETOF record LANGUAGE sql AS $$SELECT 'a', 'b', interval '1 s'$$`,
        `CREATE OR REPLACE VIEW hredis.redis WITH (security_barrier = true) AS SELECT redis.key, redis.value, redis.ttl
          FROM public.read_by_pgclip() redis(key text COLLATE "C", value text COLLATE "C", ttl interval)`,
      ],
      ['other options', 'ALTER VIEW hredis.redis RESET (security_barrier)'],
      ['other names of columns', 'ALTER VIEW hredis.redis RENAME COLUMN ttl TO left_over'],
      [
        'another function',
        `CREATE OR REPLACE FUNCTION hredis.read_by_pgclip() RETURNS SETOF record LANGUAGE sql AS 'SELECT WHERE false'`,
      ],
      ['a function that nobody may call', 'REVOKE EXECUTE ON FUNCTION hredis.read_by_pgclip FROM PUBLIC'],
      [
        'a table in the place of a view',
        'DROP VIEW hredis.redis',
        'CREATE TABLE hredis.redis (key text COLLATE "C", value text COLLATE "C", ttl interval)',
        'GRANT SELECT ON hredis.redis TO PUBLIC',
      ],
    ])('is not read past %s', async (_, ...changes) => {
      await owner(...changes);
      const refused = {
        code: 'sql_refused',
        sql: { message: expect.stringContaining('not as pgclip made it') },
      };
      await expect(runAll(clips(), join)).rejects.toMatchObject(refused);
      await expect(clips().describe(join)).rejects.toMatchObject(refused);
      await owner(
        `DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE oid = 'hredis.redis'::regclass AND relkind = 'r')
          THEN DROP TABLE hredis.redis; END IF; END $$`,
      );
      await refresh(alone());
      await owner('DROP FUNCTION IF EXISTS public.read_by_pgclip');
      expect(await rowsOf(join)).toEqual(joined);
    });

    it('is not read past another owner of a view, nor for who may read a column alone', async () => {
      const { superuserUrl, name } = site.database;
      const { reader } = site;
      await executeSql(superuserUrl, 'ALTER VIEW hredis.redis OWNER TO CURRENT_USER');
      await expect(runAll(clips(), join)).rejects.toMatchObject({ code: 'sql_refused' });
      await executeSql(superuserUrl, `ALTER VIEW hredis.redis OWNER TO "${name}_owner"`);
      expect(await rowsOf(join)).toEqual(joined);
      await owner(
        `REVOKE SELECT ON hredis.redis FROM ${reader}`,
        `GRANT SELECT (key) ON hredis.redis TO ${reader}`,
      );
      await expect(runAll(clips(), join)).rejects.toMatchObject({ sql: { sqlstate: '42501' } });
      await expect(
        runAll(clips(), `SELECT key FROM hredis.redis WHERE key = 'widget:1'`),
      ).rejects.toMatchObject({ sql: { sqlstate: 'PGC01' } });
      await owner(`REVOKE SELECT (key) ON hredis.redis FROM ${reader}`);
      await refresh(alone());
      expect(await rowsOf(join)).toEqual(joined);
    });

    it('is read whatever the search path, which stays as it is', async () => {
      await owner(
        `CREATE FUNCTION public.read_by_pgclip() RETURNS SETOF record LANGUAGE sql AS 'SELECT WHERE false'`,
      );
      const { superuserUrl, name } = site.database;
      const { reader } = site;
      const path = (paths: string) =>
        executeSql(superuserUrl, `ALTER ROLE ${reader} IN DATABASE "${name}" SET search_path = ${paths}`);
      for (const paths of ['public, hredis', 'hredis, "a, b"', "''"]) {
        await path(paths);
        const sql = join.replace('SELECT n', "SELECT current_setting('search_path') AS n");
        const [[shown]] = (await runAll(clips(), "SELECT current_setting('search_path')")).rows as [[string]];
        expect(await rowsOf(sql.replace('ORDER BY n', 'ORDER BY value'))).toEqual(
          ['11', '22', null].map((value) => [shown, value]),
        );
      }
      await executeSql(superuserUrl, `ALTER ROLE ${reader} IN DATABASE "${name}" RESET search_path`);
      await owner('DROP FUNCTION public.read_by_pgclip');
    });

    it('tells everyone else that it can’t be read so, and shows no rows', async () => {
      const { ownerUrl, readerUrl, superuserUrl } = site.database;
      for (const url of [ownerUrl, readerUrl, superuserUrl])
        for (const sql of [
          'TABLE hredis.redis',
          `SELECT FROM hredis.sets WHERE key = 'a'`,
          'SELECT count(*) FROM hredis.keys',
          join,
        ])
          await expect(queryRows(url, sql)).rejects.toMatchObject({
            ...{ code: 'PGC01', message: 'the data link hredis can be read by pgclip alone, for clips' },
            hint: expect.stringMatching(/as a clip.*GATEWAY_PORT/),
          });
      // What does not run asks for no rows.
      expect(await queryRows(readerUrl, 'EXPLAIN TABLE hredis.redis')).not.toEqual([]);
      await owner(
        `CREATE FUNCTION public.hidden() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM hredis.redis); END'`,
      );
      await expect(runAll(clips(), 'SELECT public.hidden()')).rejects.toMatchObject({
        ...{ code: 'sql_failed', sql: { sqlstate: 'PGC01' } },
      });
      await owner('DROP FUNCTION public.hidden');
      await expect(owner(`INSERT INTO hredis.redis (key, value) VALUES ('a', 'b')`)).rejects.toMatchObject({
        code: '55000',
      });
    });

    it.each([
      ['its function', 'DROP FUNCTION hredis.read_by_pgclip CASCADE', 'table'],
      [
        'what its function says',
        `CREATE OR REPLACE FUNCTION hredis.read_by_pgclip() RETURNS SETOF record LANGUAGE sql AS 'SELECT WHERE false'`,
        'schema',
      ],
      ['who may call it', 'REVOKE EXECUTE ON FUNCTION hredis.read_by_pgclip FROM PUBLIC', 'schema'],
      ['a view', 'DROP VIEW hredis.sets', 'table'],
      [
        'what a view shows',
        `CREATE OR REPLACE VIEW hredis.sets AS SELECT 'k' COLLATE "C" AS key, 'm' COLLATE "C" AS member`,
        'table',
      ],
      ['its schema', 'ALTER SCHEMA hredis RENAME TO other', 'schema'],
      ['what the clip login may read', 'REVOKE SELECT ON hredis.redis FROM READER', 'rights'],
      ['what it may not change', 'GRANT INSERT ON hredis.redis TO PUBLIC', 'rights'],
    ])('gets back %s', async (_, sql, kind) => {
      await owner(sql.replace('READER', site.reader));
      for (const host of [site.host, hostOf(site.database, null)])
        expect((await compare(alone(), host)).map((change) => change.kind)).toContain(kind);
      await refresh(alone());
      expect(await compare()).toEqual([]);
      expect(await site.host.list()).toMatchObject([{ tables: 7, problems: [] }]);
      expect(await rowsOf(join)).toEqual(joined);
    });

    it('says that its token or its database is another, and takes that up', async () => {
      const other = alone(site.remoteWith('some other token of tests'));
      expect(await compare(other)).toMatchObject([{ change: 'changed', kind: 'login', detail: 'API_TOKEN' }]);
      await refresh(other);
      await expect(runAll(clips(), join)).rejects.toMatchObject({ code: 'sql_refused' });
      expect(await compare()).toMatchObject([{ kind: 'login' }]);
      await refresh(alone());
      expect(await compare({ ...alone(), database: 3 })).toMatchObject([
        { change: 'changed', kind: 'server', name: 'CACHE_URL', detail: 'database 0 → 3' },
      ]);
    });

    it('tells of a Redis that is away', async () => {
      await site.server.stop();
      await expect(compare()).rejects.toMatchObject({ code: 'remote_unavailable' });
      await expect(refresh(alone())).rejects.toMatchObject({ code: 'remote_unavailable' });
      await expect(runAll(clips(), join)).rejects.toMatchObject({ code: 'remote_unavailable' });
      await site.server.restart();
      await expect.poll(() => site.redis.set('widget:1', '11').catch(() => null)).toBe('OK');
      await site.redis.mset('widget:2', '22', 'other', 'x');
    });

    /** The views with who may do what, and the view over them. */
    const look = () =>
      queryRows(
        site.database.superuserUrl,
        `SELECT oid, oid::regclass::text, relacl::text FROM pg_class
       WHERE relkind = 'v' AND relnamespace IN (to_regnamespace('hredis'), to_regnamespace('public')) ORDER BY 1`,
      );

    it('gets a gateway and loses it, and keeps the views over it and who may read what', async () => {
      await owner(
        `CREATE VIEW public.counts AS SELECT key, value::int AS views FROM hredis.redis WHERE key ^@ 'widget:'`,
        'GRANT SELECT ON public.counts TO PUBLIC',
        'GRANT SELECT ON hredis.redis TO PUBLIC',
      );
      const views = await look();
      const without = await readLinkState(site.database);
      expect(await refresh(site.remote)).toMatchObject({
        ...{ changes: [], link: { redis: { gateway: false } } },
        warnings: [expect.stringMatching(/reads CACHE_URL itself.*GRANT USAGE ON FOREIGN DATA WRAPPER/s)],
      });
      expect([await look(), await readLinkState(site.database)]).toEqual([views, without]);
      // Until it is tried again.
      expect(await compare(site.remote)).toEqual([]);
      // As managed Postgres refuse what is not on their list.
      await executeSql(
        site.database.superuserUrl,
        `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
          $$BEGIN RAISE EXCEPTION 'extension "postgres_fdw" is not allow-listed' USING ERRCODE = '0A000'; END$$`,
        `CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION public.refuse()`,
      );
      expect(await refresh(site.remote)).toMatchObject({
        ...{ changes: [], warnings: [expect.stringMatching(/may not create the extension/)] },
      });
      await executeSql(
        site.database.superuserUrl,
        'DROP EVENT TRIGGER refuse',
        'DROP FUNCTION public.refuse',
      );
      await refresh(alone());
      await allowLinks(site.database);
      const allowed = await readLinkState(site.database);

      const gained = await compare(site.remote);
      expect(gained.map(({ change, kind, name }) => `${change} ${kind} ${name}`)).toEqual([
        'added schema hredis_raw',
        'added server hredis_server',
        'added login gateway',
      ]);
      expect((await refresh(site.remote)).changes).toEqual(gained);
      expect(await compare(site.remote)).toEqual([]);
      expect(await look()).toEqual(views);
      expect(await read('SELECT sum(views) FROM public.counts')).toEqual([['33']]);
      expect(await rowsOf('SELECT count(*) FROM hredis.redis')).toEqual([['3']]);
      expect(await site.host.list()).toMatchObject([{ server: 'hredis_server', redis: { gateway: true } }]);
      expect(
        await queryRows(site.database.superuserUrl, `SELECT to_regproc('hredis.read_by_pgclip')`),
      ).toEqual([[null]]);

      const lost = await compare();
      expect(lost.map(({ change, kind, name }) => `${change} ${kind} ${name}`)).toEqual([
        'removed schema hredis_raw',
        'removed server hredis_server',
      ]);
      expect((await refresh(alone())).changes).toEqual(lost);
      expect(await compare()).toEqual([]);
      expect([await look(), await readLinkState(site.database)]).toEqual([views, allowed]);
      expect(await rowsOf(join)).toEqual(joined);
      await expect(read('SELECT sum(views) FROM public.counts')).rejects.toMatchObject({ code: 'PGC01' });
    });

    it('does without a gateway that the database does not reach, until it does', async () => {
      const unreached = (host: string, port: number): RedisRemote => ({
        ...{ ...site.remote, check: site.remote.check },
        gateway: fixedGateway({ host, port, tls: 'none' }),
      });
      const [closed, unknown] = [unreached('127.0.0.1', 1), unreached('no.such.host.invalid', 5433)];
      const views = await look();
      for (const remote of [closed, unknown, closed]) {
        const report = await refresh(remote);
        const place = remote.gateway?.place ?? '';
        expect(report).toMatchObject({ changes: [], link: { redis: { gateway: false }, server: null } });
        expect(report.warnings).toEqual([expect.stringContaining(`gateway at ${place}, so pgclip reads`)]);
        expect(describeRemote(report.link)).toContain(
          `itself, since the database can't use the gateway at ${place}`,
        );
        expect(await compare(remote)).toEqual([]);
        expect([await look(), await rowsOf(join)]).toEqual([views, joined]);
      }
      // Another one is worth another try.
      expect((await compare(site.remote)).map(({ kind }) => kind)).toContain('server');
      const created = await site.host.create(
        { name: 'second', schema: 'public', reader: site.reader, redis: { prefix: '', writable: false } },
        closed,
      );
      expect([created.link.redis?.gateway, created.warnings.length, created.changes.length]).toEqual([
        ...[false, 1, 7],
      ]);
      expect((await runAll(clips(), `SELECT value FROM second.redis WHERE key = 'widget:1'`)).rows).toEqual([
        ['11'],
      ]);
      await site.host.destroy('second');
      const report = await refresh(site.remote);
      expect([report.link.redis?.gateway, report.warnings]).toEqual([true, []]);
      expect(await look()).toEqual(views);
      // What others read through it is not taken from them when it is away.
      await expect(refresh(closed)).rejects.toMatchObject({ code: 'remote_refused' });
      expect(await rowsOf('SELECT count(*) FROM hredis.redis')).toEqual([['3']]);
      await refresh(alone());
      // One that takes changes can't do without.
      const before = await readLinkState(site.database);
      const written = site.host.create(
        { name: 'written', schema: 'public', reader: site.reader, redis: { prefix: '', writable: true } },
        closed,
      );
      await expect(written).rejects.toMatchObject({ code: 'remote_refused' });
      expect(await readLinkState(site.database)).toEqual(before);
    });

    it('loses its gateway under a run that has begun with it', async () => {
      await refresh(site.remote);
      const waiting = (login: string) =>
        queryRows(
          site.database.superuserUrl,
          `SELECT count(*) FROM pg_stat_activity WHERE usename = '${login}' AND wait_event_type = 'Lock'`,
        );
      const untilWaiting = (login: string) =>
        expect.poll(() => waiting(login), { timeout: 10_000 }).toEqual([['1']]);
      const blocker = new pg.Client({ connectionString: site.database.superuserUrl });
      await blocker.connect();
      // The last thing that a refresh changes.
      await blocker.query("BEGIN; COMMENT ON SCHEMA hredis IS 'not for long'");
      const refreshed = refresh(alone());
      await untilWaiting(`${site.database.name}_owner`);
      // It has seen the server, and waits for the view.
      const run = runAll(clips(), join);
      await untilWaiting(site.reader);
      await blocker.query('ROLLBACK');
      await blocker.end();
      await refreshed;
      expect((await run).rows).toEqual(joined);
    });

    it('gets a gateway under a run that has begun without', async () => {
      let gains = true;
      const openParser = async () => {
        if (gains) await refresh(site.remote);
        gains = false;
        return openSqlParser();
      };
      expect((await runAll(clips(new Map(), { openParser }), join)).rows).toEqual(joined);
      expect(gains).toBe(false);
      await refresh(alone());
    });

    it('that takes changes does not lose its gateway', async () => {
      await site.host.create(
        { name: 'written', schema: 'public', reader: site.reader, redis: { prefix: '', writable: true } },
        site.remote,
      );
      const before = await readLinkState(site.database);
      const refused = { code: 'remote_refused', message: expect.stringMatching(/written.*GATEWAY_PORT/) };
      await expect(site.host.compare('written', alone(), site.reader)).rejects.toMatchObject(refused);
      await expect(site.host.refresh('written', alone(), site.reader)).rejects.toMatchObject(refused);
      expect(await readLinkState(site.database)).toEqual(before);
      await site.host.destroy('written');
    });

    it('leaves alone what others call so, and is removed with all that is its own', async () => {
      const { superuserUrl } = site.database;
      await executeSql(
        superuserUrl,
        'CREATE SCHEMA hredis_raw',
        'CREATE TABLE hredis_raw.redis (a int)',
        'CREATE VIEW public.theirs AS TABLE hredis_raw.redis',
        'GRANT USAGE ON SCHEMA hredis_raw TO PUBLIC',
        'CREATE SERVER hredis_server FOREIGN DATA WRAPPER postgres_fdw',
      );
      expect(await site.host.list()).toMatchObject([{ problems: [] }]);
      expect(await compare()).toEqual([]);
      await expect(refresh(site.remote)).rejects.toMatchObject({ code: 'link_name_taken' });
      await executeSql(superuserUrl, 'DROP SERVER hredis_server');
      await expect(refresh(site.remote)).rejects.toMatchObject({ code: 'link_name_taken' });
      expect((await refresh(alone())).changes).toEqual([]);
      await owner('CREATE TABLE hredis.mine (a int)');
      await expect(site.host.destroy('hredis')).rejects.toMatchObject({ code: 'link_in_use' });
      await owner('DROP TABLE hredis.mine');
      expect(await site.host.uses('hredis')).toEqual({ dependents: ['view public.counts'] });
      await site.host.destroy('hredis');
      await executeSql(
        superuserUrl,
        'DROP VIEW public.theirs',
        'DROP TABLE hredis_raw.redis',
        'DROP SCHEMA hredis_raw',
        'DROP EXTENSION postgres_fdw',
      );
      expect(await readLinkState(site.database)).toEqual(untouched);
    });

    it('is refused where the language of its function is missing', async () => {
      const { superuserUrl, name } = site.database;
      await executeSql(superuserUrl, 'REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC');
      const message = expect.stringContaining(`GRANT USAGE ON LANGUAGE plpgsql TO "${name}_owner"`);
      await expect(create()).rejects.toMatchObject({ code: 'owner_lacks_rights', message });
      await executeSql(superuserUrl, 'DROP EXTENSION plpgsql');
      await expect(create()).rejects.toMatchObject({
        ...{ code: 'owner_lacks_rights', message: expect.stringContaining('CREATE EXTENSION plpgsql') },
      });
      await executeSql(superuserUrl, 'CREATE EXTENSION plpgsql');
      await create();
      await site.host.destroy('hredis');
      expect(await readLinkState(site.database)).toEqual(untouched);
    });

    it('is made by a superuser too, under the longest name', async () => {
      const host = hostOf(site.database, site.database.superuserUrl);
      const name = 'l'.repeat(63);
      await host.create(
        { name, schema: 'public', reader: site.reader, redis: { prefix: 'widget:', writable: false } },
        alone(),
      );
      expect(await rowsOf(`SELECT value FROM ${name}.redis WHERE key = '2'`)).toEqual([['22']]);
      expect(await host.compare(name, alone(), site.reader)).toEqual([]);
      await host.destroy(name);
      expect(await readLinkState(site.database)).toEqual(untouched);
    });
  },
);
