/** Making links, between servers of two versions in both directions. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { LinkHost } from '../../src/domain/link-host.ts';
import { createLinkPair, hostOf, type LinkPair, queryRows, readLinkState } from '../support/links.ts';
import { createTestDatabase, executeSql } from '../support/postgres.ts';

const tables = [
  "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
  'CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mood mood)',
  "INSERT INTO users SELECT i, 'user ' || i, (enum_range(NULL::mood))[1 + i % 3] FROM generate_series(1, 300) i",
  'CREATE TABLE events (user_id bigint, at timestamptz)',
  'INSERT INTO events SELECT i % 300, now() FROM generate_series(1, 3000) i',
  'CREATE VIEW names AS SELECT name FROM users',
];

describe.each([
  ['18 to 15', 'postgresUrl', 'postgres15Url'],
  ['15 to 18', 'postgres15Url', 'postgresUrl'],
  ['18 to 18', 'postgresUrl', 'postgresUrl'],
] as const)('a link from %s', (_, localServer, remoteServer) => {
  let pair: LinkPair;
  beforeAll(async () => {
    pair = await createLinkPair(inject(localServer), inject(remoteServer));
    await executeSql(pair.remote.ownerUrl, ...tables);
    await pair.host.create({ name: 'warehouse', schema: 'public', reader: pair.reader }, pair.address);
  });
  afterAll(() => pair.drop());

  const read = (sql: string) => queryRows(pair.local.readerUrl, sql);

  it('shows the tables to the clip login', async () => {
    const sql = `SELECT count(*), max(mood), min(mood) FROM warehouse.users WHERE mood > 'sad'`;
    expect(await read(sql)).toEqual([['200', 'happy', 'ok']]);
    expect(await read('SELECT count(*) FROM warehouse.names')).toEqual([['300']]);
  });

  it('is listed, by any login', async () => {
    for (const host of [pair.host, hostOf(pair.local, null)]) {
      const [link, ...others] = await host.list();
      expect(others).toEqual([]);
      expect(link).toMatchObject({
        name: 'warehouse',
        database: 'DATABASE_URL',
        remote: 'WAREHOUSE_URL',
        remoteDatabase: pair.remote.name,
        remoteSchema: 'public',
        server: 'warehouse_server',
        tables: 3,
        problems: [],
      });
    }
  });

  it('is as its remote', async () => {
    for (const host of [pair.host, hostOf(pair.local, null)])
      expect(await host.compare('warehouse', pair.address, pair.reader)).toEqual([]);
  });

  it('runs joins and counts on the remote', async () => {
    const plan = await read(
      'EXPLAIN SELECT count(*) FROM warehouse.users u JOIN warehouse.events e ON e.user_id = u.id WHERE u.id < 100',
    );
    expect(plan.flat().filter((line) => String(line).includes('Scan'))).toHaveLength(1);
    expect(String(plan[0])).toContain('Foreign Scan');
  });

  it('hides the password from the clip login, which can reach the remote in no other way', async () => {
    expect(await read('SELECT umoptions FROM pg_user_mappings')).toEqual([[null]]);
    expect(await read('SELECT option_value FROM information_schema.user_mapping_options')).toEqual([]);
    const secret = new URL(pair.address.url).password;
    const options = await read('SELECT srvoptions::text FROM pg_foreign_server');
    // The test's passwords are names of roles; that of the remote stands nowhere else.
    expect(JSON.stringify(options)).not.toContain(secret);
    const writable = 'SET default_transaction_read_only = off';
    for (const sql of [
      'CREATE FOREIGN TABLE pg_temp.t (n int) SERVER warehouse_server',
      'CREATE USER MAPPING FOR CURRENT_USER SERVER warehouse_server',
      "ALTER SERVER warehouse_server OPTIONS (SET host 'example.com')",
      'ALTER USER MAPPING FOR PUBLIC SERVER warehouse_server OPTIONS (DROP password)',
      'INSERT INTO warehouse.users VALUES (0)',
      'TRUNCATE warehouse.users',
      'CREATE TABLE warehouse.t (n int)',
    ])
      await expect(executeSql(pair.local.readerUrl, writable, sql), sql).rejects.toMatchObject({
        code: '42501',
      });
  });

  it('is read-only for its owner too', async () => {
    const updatable = "SELECT pg_relation_is_updatable('warehouse.users', false)";
    expect(await queryRows(pair.local.ownerUrl, updatable)).toEqual([[0]]);
    await expect(executeSql(pair.local.ownerUrl, 'TRUNCATE warehouse.users')).rejects.toMatchObject({
      code: '55000',
    });
  });

  it('took statistics', async () => {
    const sql = "SELECT reltuples FROM pg_class WHERE oid = 'warehouse.events'::regclass";
    expect(await queryRows(pair.local.ownerUrl, sql)).toEqual([[3000]]);
  });
});

describe('a remote that may do more than read', () => {
  let pair: LinkPair;
  beforeEach(async () => {
    pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
    await executeSql(pair.remote.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n');
  });
  afterEach(() => pair.drop());

  it('is linked with a warning, and read only through it', async () => {
    const address = { name: 'WAREHOUSE_URL', url: pair.remote.ownerUrl };
    const report = await pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, address);
    expect(report.warnings).toEqual([expect.stringContaining('may do more than read')]);
    expect(report.changes).toEqual([{ change: 'added', kind: 'table', name: 't', table: 't', detail: null }]);
    await executeSql(pair.local.ownerUrl, "ALTER SERVER w_server OPTIONS (SET updatable 'true')");
    await expect(executeSql(pair.local.ownerUrl, 'DELETE FROM w.t')).rejects.toMatchObject({ code: '25006' });
  });

  it('tells what it may not read', async () => {
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE TABLE hidden ()',
      `REVOKE ALL ON hidden FROM ${pair.remote.name}_reader`,
    );
    const report = await pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address);
    expect(report.warnings).toEqual([expect.stringContaining('may not read hidden')]);
  });

  it('tells how far it is', async () => {
    const steps: string[] = [];
    await pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address, {
      onProgress: ({ step, done, total }) => steps.push(`${step} ${done}/${total}`),
    });
    expect(steps).toEqual([
      'reading the remote 0/0',
      'reading the remote 1/1',
      'making tables 0/1',
      'making tables 1/1',
      'taking statistics 0/1',
      'taking statistics 1/1',
    ]);
  });

  it('is linked by a superuser as well, and tried as the clip login', async () => {
    const host = hostOf(pair.local, pair.local.superuserUrl);
    await host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address);
    expect(await queryRows(pair.local.readerUrl, 'TABLE w.t')).toEqual([[1]]);
    expect(await queryRows(pair.local.readerUrl, 'SELECT umoptions FROM pg_user_mappings')).toEqual([[null]]);
    expect((await host.list())[0]?.problems).toEqual([]);
  });

  it('gives the clip login no more, whatever the default privileges are', async () => {
    await executeSql(
      pair.local.ownerUrl,
      `ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO ${pair.reader}`,
      'ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO PUBLIC',
    );
    await pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address);
    const privileges = `SELECT has_table_privilege('w.t', p) FROM unnest(ARRAY['SELECT', 'INSERT', 'DELETE']) p`;
    expect(await queryRows(pair.local.readerUrl, privileges)).toEqual([[true], [false], [false]]);
  });
});

describe('statistics', () => {
  it('of a table that takes for ever are left out, and taken first the next time', async () => {
    const pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE TABLE a AS SELECT 1 AS n',
      'CREATE TABLE b AS SELECT 1 AS n',
    );
    const known = () =>
      queryRows(
        pair.local.superuserUrl,
        "SELECT relname FROM pg_class WHERE relkind = 'f' AND reltuples >= 0",
      );
    const other = new pg.Client({ connectionString: pair.remote.ownerUrl });
    await other.connect();
    try {
      await other.query('BEGIN; LOCK TABLE a');
      const { warnings } = await pair.host.create(
        { name: 'w', schema: 'public', reader: pair.reader },
        pair.address,
      );
      expect(warnings).toEqual([expect.stringContaining('Statistics of 1 table were')]);
      expect(await known()).toEqual([['b']]);
    } finally {
      await other.end();
    }
    expect((await pair.host.refresh('w', pair.address, pair.reader)).warnings).toEqual([]);
    expect(await known()).toHaveLength(2);
    await pair.drop();
  });
});

describe('two links at once', () => {
  it('of one name: one is made; of two names: both', async () => {
    const pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
    const bare = await createTestDatabase(inject('postgresUrl'));
    try {
      await executeSql(pair.remote.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n');
      const hosts = [hostOf(bare, bare.superuserUrl), hostOf(bare, bare.superuserUrl)];
      const reader = `${bare.name}_reader`;
      const make = (name: string, host: LinkHost | undefined) =>
        host?.create({ name, schema: 'public', reader }, pair.address);
      const twice = await Promise.allSettled(hosts.map((host) => make('w', host)));
      expect(twice.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(twice.find((each) => each.status === 'rejected')?.reason).toMatchObject({
        code: 'link_name_taken',
      });
      await Promise.all([make('a', hosts[0]), make('b', hosts[1])]);
      expect((await hosts[0]?.list())?.map(({ name }) => name)).toEqual(['a', 'b', 'w']);
    } finally {
      await bare.drop();
      await pair.drop();
    }
  });

  it('are undone when nobody waits any more', async () => {
    const pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
    try {
      await executeSql(pair.remote.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n');
      const before = await readLinkState(pair.local);
      const gone = new AbortController();
      const work = { signal: gone.signal, onProgress: () => gone.abort() };
      await expect(
        pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address, work),
      ).rejects.toMatchObject({ code: 'run_cancelled' });
      expect(await readLinkState(pair.local)).toEqual(before);
    } finally {
      await pair.drop();
    }
  });
});
