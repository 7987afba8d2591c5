/** Links of a Redis, on two versions of PostgreSQL: made, read by clips through the gateway, refreshed, removed. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { hardenDatabase } from '../../src/adapters/postgres/harden.ts';
import { hostOf, queryRows, readLinkState } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';

describe.each(['postgresUrl', 'postgres15Url'] as const)('a linked Redis on %s', (server) => {
  let site: RedisSite;
  let untouched: unknown[][];
  beforeAll(async () => {
    site = await openRedisSite(inject(server));
    untouched = await readLinkState(site.database);
    const { redis } = site;
    await redis.mset('widget:1', '11', 'widget:2', '22', 'other', 'x');
    await redis.set('soon', 'gone', 'EX', 3600);
    await redis.hset('h', 'f', 'v');
    await redis.rpush('l', 'one', 'two');
    await redis.sadd('s', 'm');
    await redis.zadd('z', 1.5, 'm');
    await redis.xadd('st', '1-1', 'f', 'v');
    const link = { name: 'hredis', schema: 'public', reader: site.reader };
    const report = await site.host.create(link, site.remote);
    expect(report).toMatchObject({ warnings: [], link: { tables: 7, remote: 'CACHE_URL' } });
  });
  afterAll(() => site?.close());

  const read = (sql: string) => queryRows(site.database.readerUrl, sql);

  it('shows every table to the clip login', async () => {
    expect(await read(`SELECT key, value FROM hredis.redis WHERE key ^@ 'widget:' ORDER BY key`)).toEqual([
      ['widget:1', '11'],
      ['widget:2', '22'],
    ]);
    expect(await read(`SELECT ttl > '59 min' FROM hredis.redis WHERE key = 'soon'`)).toEqual([[true]]);
    expect(await read('SELECT * FROM hredis.hashes')).toEqual([['h', 'f', 'v']]);
    expect(await read('SELECT * FROM hredis.lists ORDER BY index')).toEqual([
      ['l', '0', 'one'],
      ['l', '1', 'two'],
    ]);
    expect(await read('SELECT * FROM hredis.sets')).toEqual([['s', 'm']]);
    expect(await read('SELECT * FROM hredis.zsets')).toEqual([['z', 'm', 1.5]]);
    expect(await read('SELECT * FROM hredis.streams')).toEqual([['st', '1-1', 'f', 'v']]);
    expect(await read('SELECT count(*), count(bytes) FROM hredis.keys')).toEqual([['9', '9']]);
  });

  const compare = (host = site.host, remote = site.remote) => host.compare('hredis', remote, site.reader);
  const hosts = () => [site.host, hostOf(site.database, null)];

  it('opens nothing behind its views to a login that is hardened', async () => {
    const { role } = await hardenDatabase(site.database.superuserUrl);
    const open = await queryRows(
      site.database.superuserUrl,
      `SELECT n.nspname, has_schema_privilege('${role}', n.oid, 'USAGE'), bool_or(has_table_privilege('${role}', c.oid, 'SELECT'))
       FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname LIKE 'hredis%' GROUP BY n.oid ORDER BY 1`,
    );
    await executeSql(site.database.superuserUrl, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
    expect(open).toEqual([
      ['hredis', true, true],
      ['hredis_raw', false, false],
    ]);
  });

  it('is listed by any login, and is as it should be', async () => {
    for (const host of hosts()) {
      const [link, ...others] = await host.list();
      expect(others).toEqual([]);
      expect(link).toMatchObject({
        ...{ name: 'hredis', remote: 'CACHE_URL', remoteDatabase: '0', remoteSchema: 'public', tables: 7 },
        ...{ redis: { prefix: '', writable: false }, server: 'hredis_server', problems: [] },
      });
      expect(await compare(host)).toEqual([]);
    }
  });

  it('leaves nothing but keys and prefixes to the gateway', async () => {
    const sent = async (condition: string) => {
      const sql = `EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM hredis.redis WHERE ${condition}`;
      const lines = (await queryRows(site.database.superuserUrl, sql)).map(([line]) => String(line).trim());
      return lines.filter((line) => line.startsWith('Remote SQL: ')).join();
    };
    expect(await sent(`key = 'a'`)).toMatch(/WHERE \(\(key = 'a'(::text)?\)\)$/);
    expect(await sent(`key = ANY (ARRAY(SELECT concat('w:', 1)))`)).toMatch(
      /key = ANY \(\$1::text\[\]\)\)\)$/,
    );
    expect(await sent(`key ^@ 'app:'`)).toMatch(/WHERE \(\(key \^@ 'app:'(::text)?\)\)$/);
    for (const condition of [`upper(value) = 'X'`, `ttl > '1 min'`, `key LIKE 'a%'`, `random() < 0.5`])
      expect(await sent(condition)).toMatch(/FROM public\.redis$/);
  });

  it('shows the clip login no password, and lets it get no further', async () => {
    const client = new pg.Client({ connectionString: site.database.readerUrl });
    await client.connect();
    const codeOf = (sql: string) =>
      client.query(sql).then(
        () => 'no error',
        (error: { code?: string }) => error.code,
      );
    expect((await client.query('SELECT umoptions FROM pg_user_mappings')).rows).toEqual([
      { umoptions: null },
    ]);
    const known = await client.query('SELECT option_value FROM information_schema.user_mapping_options');
    expect(known.rows.filter(({ option_value }) => option_value !== null)).toEqual([]);
    for (const sql of [
      'SELECT * FROM hredis_raw.redis',
      'SELECT umoptions FROM pg_user_mapping',
      'CREATE FOREIGN TABLE pg_temp.t (key text) SERVER hredis_server',
      `CREATE USER MAPPING FOR CURRENT_USER SERVER hredis_server OPTIONS (user 'x', password 'y')`,
      'IMPORT FOREIGN SCHEMA public FROM SERVER hredis_server INTO public',
      `INSERT INTO hredis.redis VALUES ('new', 'x')`,
      `DELETE FROM hredis.redis WHERE key = 'other'`,
    ])
      expect([sql, await codeOf(sql)]).toEqual([sql, '42501']);
    await client.end();
  });

  it('needs a refresh after a new token, which keeps what others made over it', async () => {
    await executeSql(
      site.database.ownerUrl,
      "CREATE VIEW public.views AS SELECT key, value::int AS views FROM hredis.redis WHERE key ^@ 'widget:'",
    );
    expect(await site.host.uses('hredis')).toEqual({ dependents: ['view public.views'] });
    const sum = () => read('SELECT sum(views) FROM views');
    expect(await sum()).toEqual([['33']]);
    const token = 'another token for these tests';
    await site.restartGateway(token);
    await expect(sum()).rejects.toMatchObject({ code: '08001' });
    const remote = site.remoteWith(token);
    const login = { change: 'changed', kind: 'login', detail: 'password' };
    expect(await compare(site.host, remote)).toEqual([expect.objectContaining(login)]);
    await expect(compare(hostOf(site.database, null), remote)).rejects.toMatchObject({
      code: 'remote_refused',
    });
    const report = await site.host.refresh('hredis', remote, site.reader);
    expect(report.changes).toEqual([expect.objectContaining(login)]);
    expect(await sum()).toEqual([['33']]);
    await site.restartGateway();
    await site.host.refresh('hredis', site.remote, site.reader);
    expect(await sum()).toEqual([['33']]);
  });

  it.each([
    ['its mapping', `DROP USER MAPPING FOR CURRENT_USER SERVER hredis_server`, 'login'],
    ['a view', 'DROP VIEW hredis.sets', 'table'],
    ['all that is behind the views', 'DROP SCHEMA hredis_raw CASCADE', 'table'],
    ['its schema', 'DROP SCHEMA hredis CASCADE', 'schema'],
    ['its server', 'DROP SERVER hredis_server CASCADE', 'server'],
    ['the name of its schema', 'ALTER SCHEMA hredis RENAME TO other', 'schema'],
    ['the name of its server', 'ALTER SERVER hredis_server RENAME TO other', 'server'],
    ['a column of a foreign table', 'ALTER FOREIGN TABLE hredis_raw.keys ADD COLUMN more text', 'table'],
    ['the barrier of a view', 'ALTER VIEW hredis.keys RESET (security_barrier)', 'table'],
    [
      'what a view shows',
      "CREATE OR REPLACE VIEW hredis.redis WITH (security_barrier) AS SELECT key, value, ttl::interval AS ttl FROM hredis_raw.redis WHERE key <> 'other'",
      'table',
    ],
    [
      'a column of a view',
      'CREATE OR REPLACE VIEW hredis.sets AS SELECT key, member, 1 AS more FROM hredis_raw.sets',
      'table',
    ],
    ['another option of a view', 'ALTER VIEW hredis.keys SET (security_invoker = true)', 'table'],
    ['the names of the columns of a view', 'ALTER VIEW hredis.keys RENAME COLUMN key TO other', 'table'],
    ['what the clip login may read', `REVOKE SELECT ON hredis.redis FROM READER`, 'rights'],
    ['what it may not read', `GRANT SELECT ON hredis_raw.redis TO READER`, 'rights'],
    ['what it may not change', `GRANT INSERT ON hredis.redis TO PUBLIC`, 'rights'],
    ['what it may not make', `GRANT USAGE ON FOREIGN SERVER hredis_server TO READER`, 'rights'],
  ])('gets back %s', async (_, sql, kind) => {
    await executeSql(
      site.database.ownerUrl,
      'DROP VIEW IF EXISTS public.views',
      sql.replace('READER', site.reader),
    );
    expect((await compare()).map((change) => change.kind)).toContain(kind);
    await site.host.refresh('hredis', site.remote, site.reader);
    expect(await compare()).toEqual([]);
    expect(await site.host.list()).toMatchObject([{ tables: 7, problems: [] }]);
    expect(await read(`SELECT value FROM hredis.redis WHERE key = 'other'`)).toEqual([['x']]);
  });

  it('is removed with the views over it, but not with what others put into its schemas', async () => {
    await executeSql(
      site.database.ownerUrl,
      'CREATE TABLE hredis_raw.mine (a int)',
      'CREATE VIEW v AS TABLE hredis.keys',
    );
    const before = await readLinkState(site.database);
    await expect(site.host.destroy('hredis')).rejects.toMatchObject({ code: 'link_in_use' });
    expect(await readLinkState(site.database)).toEqual(before);
    await executeSql(site.database.ownerUrl, 'DROP TABLE hredis_raw.mine');
    await site.host.destroy('hredis');
    expect(await readLinkState(site.database)).toEqual(untouched);
    expect(await read(`SELECT to_regclass('v')`)).toEqual([[null]]);
  });

  it('is made and refreshed by a superuser too, under the longest name', async () => {
    const host = hostOf(site.database, site.database.superuserUrl);
    const name = 'l'.repeat(63);
    const link = {
      name,
      schema: 'public',
      reader: site.reader,
      redis: { prefix: 'widget:', writable: true },
    };
    await host.create(link, site.remote);
    expect(await read(`SELECT value FROM ${name}.redis WHERE key = '2'`)).toEqual([['22']]);
    expect(await host.compare(name, site.remote, site.reader)).toEqual([]);
    expect((await host.refresh(name, site.remote, site.reader)).changes).toEqual([]);
    await host.destroy(name);
    expect(await readLinkState(site.database)).toEqual(untouched);
  });
});
