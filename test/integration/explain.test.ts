/** What ran where: on local and remote servers of two versions, each way round. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { summarize } from '../../src/domain/explanation.ts';
import { type LinkedDatabases, linkDatabases } from '../support/linked-databases.ts';
import { executeSql } from '../support/postgres.ts';
import { Observer, openReader, type RunSettings } from '../support/runs.ts';

const odd = '"Odd (a.b) ""name"""';

/** Of what another process does; it may have to wait for a processor. */
const soon = { timeout: 10_000 };

describe.each([
  ['18 over 15', 'postgresUrl', 'postgres15Url'],
  ['15 over 18', 'postgres15Url', 'postgresUrl'],
] as const)('PostgreSQL %s', (_, local, remote) => {
  let databases: LinkedDatabases;
  let observer: Observer;
  let reader: ReturnType<typeof openReader>;
  const opened: ReturnType<typeof openReader>[] = [];

  function open(settings: RunSettings = {}) {
    const another = openReader(databases.local.readerUrl, settings);
    opened.push(another);
    return another;
  }

  beforeAll(async () => {
    databases = await linkDatabases({
      localUrl: inject(local),
      remoteUrl: inject(remote),
      link: 'warehouse',
      setUp: [
        'CREATE TABLE users (id int PRIMARY KEY, plan text)',
        `INSERT INTO users SELECT n, CASE WHEN n % 10 = 0 THEN 'paid' ELSE 'free' END FROM generate_series(1, 1000) n`,
        'CREATE TABLE orders (id int PRIMARY KEY, user_id int, amount numeric)',
        'INSERT INTO orders SELECT n, 1 + n % 1000, n / 7.0 FROM generate_series(1, 3000) n',
        `CREATE TABLE ${odd} ("User Id" int)`,
        `INSERT INTO ${odd} SELECT generate_series(1, 5)`,
        'CREATE VIEW slow AS SELECT 1 AS id, pg_sleep(60)::text AS slept',
        'ANALYZE',
      ],
      tables: {
        users: 'id int, plan text',
        orders: 'id int, user_id int, amount numeric',
        [odd]: '"User Id" int',
        slow: 'id int, slept text',
      },
    });
    observer = await Observer.open(databases.remote.superuserUrl);
    reader = open();
  });

  afterEach(async () => {
    for (const each of opened) await expect.poll(() => each.leased, soon).toBe(0);
  });

  afterAll(async () => {
    for (const each of opened) await each.close();
    await observer.end();
    await databases.drop();
  });

  it('tells of a join with a filter as one part', async () => {
    const explanation = await reader.explain(
      `SELECT u.id, o.amount FROM warehouse.users u JOIN warehouse.orders o ON o.user_id = u.id WHERE u.plan = 'paid'`,
    );
    expect(explanation).toMatchObject({ rows: 300, durationMs: expect.any(Number) });
    expect(explanation.remoteParts).toEqual([
      {
        link: 'warehouse',
        server: 'warehouse_server',
        tables: expect.arrayContaining(['warehouse.users', 'warehouse.orders']),
        work: ['join'],
        rows: 300,
        times: 1,
        sql: expect.stringMatching(/^SELECT .* FROM .*public\.users.*'paid'/),
      },
    ]);
    expect(explanation.remoteParts[0]?.tables).toHaveLength(2);
    expect(summarize(explanation)).toEqual(['2 tables joined on warehouse, 300 rows fetched']);
  });

  it.each([
    ['SELECT count(*) FROM warehouse.users', '1 table aggregated on warehouse, 1 row fetched'],
    [
      'SELECT count(*) FROM warehouse.users JOIN warehouse.orders ON user_id = users.id',
      '2 tables joined and aggregated on warehouse, 1 row fetched',
    ],
    [
      'SELECT id FROM warehouse.orders ORDER BY amount DESC LIMIT 7',
      '1 table sorted and limited on warehouse, 7 rows fetched',
    ],
    [
      `SELECT * FROM warehouse.users WHERE plan = ') ORDER BY x LIMIT 1 -- it''s \\'`,
      '1 table read on warehouse, no rows fetched',
    ],
    [
      'SELECT a.id, b.plan FROM warehouse.users a JOIN warehouse.users b USING (id)',
      '1 table joined with itself on warehouse, 1,000 rows fetched',
    ],
    [
      'SELECT x.amount FROM (VALUES (1), (2), (3)) v(a), LATERAL (SELECT amount FROM warehouse.orders WHERE id = a OFFSET 0) x',
      '1 table read on warehouse, about 3 rows fetched, asked 3 times',
    ],
    [
      'SELECT CASE WHEN random() > 2 THEN (SELECT max(id) FROM warehouse.users) END',
      '1 table on warehouse not needed, never asked',
    ],
    ['SELECT 1', 'Everything ran in the database itself.'],
  ])('sums up %s', async (sql, sentence) => {
    expect(summarize(await reader.explain(sql))).toEqual([sentence]);
  });

  it('lists the parts in the order of the plan', async () => {
    const { remoteParts } = await reader.explain(
      'SELECT count(*) FROM warehouse.users UNION ALL SELECT count(*) FROM warehouse.orders',
    );
    expect(remoteParts.map((part) => part.tables)).toEqual([['warehouse.users'], ['warehouse.orders']]);
  });

  it('knows tables whose names have to be quoted, alone and in a join', async () => {
    const alone = await reader.explain(`SELECT * FROM warehouse.${odd}`);
    expect(alone.remoteParts).toMatchObject([{ link: 'warehouse', tables: [`warehouse.${odd}`], rows: 5 }]);
    const joined = await reader.explain(
      `SELECT * FROM warehouse.${odd} AS "x (y.z)" JOIN warehouse.users ON id = "User Id"`,
    );
    expect(joined.remoteParts).toMatchObject([{ link: 'warehouse', work: ['join'], rows: 5 }]);
    expect([...(joined.remoteParts[0]?.tables ?? [])].sort()).toEqual([
      `warehouse.${odd}`,
      'warehouse.users',
    ]);
  });

  it("names the server where it is no link of pgclip's", async () => {
    await executeSql(databases.local.ownerUrl, `COMMENT ON SERVER warehouse_server IS 'made by hand'`);
    try {
      const { remoteParts } = await reader.explain('SELECT * FROM warehouse.users');
      expect(remoteParts).toMatchObject([{ link: 'warehouse_server', server: 'warehouse_server' }]);
    } finally {
      await executeSql(
        databases.local.ownerUrl,
        `DO $$ BEGIN EXECUTE format('COMMENT ON SERVER warehouse_server IS %L',
           obj_description('warehouse'::regnamespace, 'pg_namespace')); END $$`,
      );
    }
  });

  it("writes the plan as Postgres's text, and takes no value for a part of it", async () => {
    const sql = `SELECT u.plan, count(*), E'x\\n  ->  Foreign Scan on warehouse.orders\\n  Remote SQL: SELECT 1'
      FROM generate_series(1, 20) n LEFT JOIN warehouse.users u ON u.id = n AND random() < 2 GROUP BY u.plan`;
    const { plan, remoteParts } = await reader.explain(sql);
    expect(remoteParts).toHaveLength(1);
    const lines = plan.split('\n');
    expect(lines[0]).toMatch(
      /^(Hash|Group)Aggregate {2}\(cost=\d+\.\d\d\.\.\d+\.\d\d rows=\d+ width=\d+\) \(actual rows=2/,
    );
    expect(plan).toMatch(/^ +-> {2}Function Scan on pg_catalog\.generate_series n {2}\(cost=/m);
    expect(plan).toMatch(/^ +-> {2}Foreign Scan on warehouse\.users u {2}\(cost=.* loops=1\)$/m);
    expect(plan).toMatch(/^ +Remote SQL: SELECT id, plan FROM public\.users/m);
    expect(plan).toMatch(/^Execution Time: [\d.]+ ms$/m);
  });

  it.each([
    ['two statements', 'SELECT 1; SELECT 2', '42601', {}],
    ['what changes something', 'CREATE TABLE t ()', '42601', { line: 1, column: 1 }],
    [
      'a change inside of a query',
      'WITH d AS (DELETE FROM warehouse.users RETURNING 1) SELECT * FROM d',
      '0A000',
      {},
    ],
    ['a column that there is not', 'SELECT\n  nothing FROM warehouse.users', '42703', { line: 2, column: 3 }],
  ])('refuses %s as a run does', async (_, sql, sqlstate, where) => {
    const refused = { code: 'sql_refused', sql: expect.objectContaining({ sqlstate, ...where }) };
    await expect(reader.explain(sql)).rejects.toMatchObject(refused);
    await expect(reader.run(sql)).rejects.toMatchObject(refused);
  });

  it('fails as a run does, and the next one runs', async () => {
    await expect(reader.explain('SELECT 1 / (id - 1) FROM warehouse.users')).rejects.toMatchObject({
      code: 'sql_failed',
      sql: { sqlstate: '22012' },
    });
    await expect(reader.explain('SELECT 1')).resolves.toMatchObject({ rows: 1 });
  });

  it('leaves nothing of the query behind', async () => {
    await reader.explain(`SELECT set_config('work_mem', '77MB', false), pg_advisory_lock(5)`);
    const { plan } = await reader.explain(
      `SELECT 1 WHERE current_setting('work_mem') = '77MB' OR EXISTS (SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`,
    );
    expect(plan).toContain('actual rows=0');
  });

  const asleep = () =>
    observer.rows(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'linked'
         AND state = 'active'`,
    );

  it('ends at the deadline, on the remote too', async () => {
    const impatient = open({ runDeadlineMs: 700 });
    await expect(impatient.explain('SELECT * FROM warehouse.slow')).rejects.toMatchObject({
      code: 'run_deadline',
    });
    await expect.poll(asleep, soon).toEqual([]);
  });

  it('ends when nobody waits for it, on the remote too', async () => {
    const leaving = new AbortController();
    const explaining = expect(
      reader.explain('SELECT * FROM warehouse.slow', { signal: leaving.signal }),
    ).rejects.toMatchObject({ code: 'run_cancelled' });
    await expect.poll(asleep, soon).toHaveLength(1);
    leaving.abort();
    await explaining;
    await expect.poll(asleep, soon).toEqual([]);
  });
});
