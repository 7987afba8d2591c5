/**
 * Much of a linked table read from the remote itself: the same rows as through the database's own server, and only
 * where that is sure. On local and remote servers of two versions, each way round.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Connector, openConnector } from '../../src/adapters/postgres/connect.ts';
import { CopyOut } from '../../src/adapters/postgres/copy-out.ts';
import { steadyTypes } from '../../src/adapters/postgres/direct-plan.ts';
import type { DirectWay } from '../../src/adapters/postgres/direct-read.ts';
import { openDirectWay } from '../../src/adapters/postgres/links/direct-way.ts';
import type { RunOptions } from '../../src/domain/ports.ts';
import type { ResultSet } from '../../src/domain/result-set.ts';
import { changeUrl, createLinkPair, type LinkPair } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { openRelay } from '../support/relay.ts';
import { Observer, openReader, readAll, runAll } from '../support/runs.ts';

const soon = { timeout: 10_000 };
/** So many that it is worth it. */
const many = 51_000;

/** One row of every kind of value; `n` makes them many. */
const everything = `SELECT n, n % 3 = 0 AS yes, (n % 100)::smallint AS small, n * 1000000007::bigint AS big, n::oid AS oid,
  (n / 7.0)::real AS single, CASE n WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' ELSE n / 3.0 END::float8 AS double,
  CASE n WHEN 3 THEN 'NaN' ELSE n / 3.0 END::numeric AS exact, (n / 3.0)::numeric(12, 4) AS price,
  CASE WHEN n % 50 > 0 THEN E'tab\\t, line\\n, quote" \\\\N é📈 ' || n END AS words, ('v' || n)::varchar(9) AS code, 'ab'::char(5) AS padded,
  decode(lpad(to_hex(n), 8, '0'), 'hex') AS bytes, CASE n WHEN 4 THEN 'infinity' WHEN 5 THEN '0044-03-15 BC' ELSE date '2026-01-01' + n % 1000 END::date AS day,
  time '00:00:00.000001' + n * interval '1 second' AS clock, (time '12:00' + n * interval '1 s')::timetz AS zoned_clock,
  timestamp '1999-12-31 23:59:59.999999' + n * interval '1 hour' AS moment, timestamptz '2026-03-29 00:30+00' + n * interval '1 minute' AS instant,
  lpad(n::text, 32, '0')::uuid AS uuid, json_build_object('n', n, 'a', 'b  c') AS json, jsonb_build_object('z', n, 'aa', 1.50) AS jsonb,
  ('10.0.' || n % 256 || '.1')::inet AS inet, '10.0.0.0/8'::cidr AS cidr, '08:00:2b:01:02:03'::macaddr AS mac,
  ARRAY[n, NULL, -1] AS ints, ARRAY['a,b', NULL, '"{}', ''] AS texts, ARRAY[[1.5, 2], [3, 4]]::numeric[] AS grid
  FROM generate_series(1, ${many}) AS n`;

const remoteTables = [
  `CREATE TABLE everything AS ${everything}`,
  `CREATE TABLE few AS SELECT n FROM generate_series(1, 10) AS n`,
  `CREATE TYPE mood AS ENUM ('sad', 'ok')`,
  `CREATE TABLE moods AS SELECT n, 'ok'::mood AS mood FROM generate_series(1, ${many}) AS n`,
  `CREATE TABLE "Odd ""names"" " AS SELECT n AS "a b", n * 2 AS "FROM ", -n AS "c""d, e", n AS "select" FROM generate_series(1, ${many}) AS n`,
  `CREATE TABLE retyped AS SELECT n, 'x'::text AS t FROM generate_series(1, ${many}) AS n`,
  `CREATE TABLE wide AS SELECT n AS id, repeat('x', 1000) AS text FROM generate_series(1, ${many}) AS n`,
  'CREATE DOMAIN positive AS int CHECK (VALUE > 0)',
  'CREATE DOMAIN number AS int',
  `CREATE TABLE checked AS SELECT n::positive AS n, n::number AS m FROM generate_series(1, ${many}) AS n`,
  `CREATE VIEW written AS SELECT id, '\\x5c00ff'::bytea::text AS bytes, concat_ws(' ', current_setting('TimeZone'), current_setting('DateStyle'),
    current_setting('IntervalStyle'), current_setting('extra_float_digits'), current_setting('search_path')) AS settings FROM wide`,
  'CREATE VIEW late_error AS SELECT id, 100 / (id - 50000) AS q FROM wide',
  'ANALYZE',
];

const withPort = (text: string, port: number) =>
  changeUrl(text, (url) => {
    url.port = String(port);
  });

/** What reading it to the end throws; the rows are too many to be printed. */
const failureOf = (result: ResultSet): Promise<unknown> =>
  readAll(result).then(
    (rows) => `${rows.length} rows`,
    (error: unknown) => error,
  );

describe.each([
  ['18 over 15', 'postgresUrl', 'postgres15Url'],
  ['15 over 18', 'postgres15Url', 'postgresUrl'],
] as const)('PostgreSQL %s', (_, localServer, remoteServer) => {
  let pair: LinkPair;
  let here: Observer;
  let there: Observer;
  const opened: { close(): Promise<void>; readonly leased: number }[] = [];
  /** COPYs that remotes were asked for. */
  let copies = 0;

  beforeAll(async () => {
    pair = await createLinkPair(inject(localServer), inject(remoteServer));
    await executeSql(pair.remote.ownerUrl, ...remoteTables);
    await pair.host.create({ name: 'warehouse', schema: 'public', reader: pair.reader }, pair.address);
    await executeSql(pair.local.ownerUrl, `CREATE VIEW over_link AS SELECT * FROM warehouse.everything`);
    here = await Observer.open(pair.local.superuserUrl);
    there = await Observer.open(pair.remote.superuserUrl);
  });

  afterEach(async () => {
    for (const each of opened) await expect.poll(() => each.leased, soon).toBe(0);
    await expect.poll(() => here.busy(), soon).toBe(0);
    await expect.poll(() => there.busy(), soon).toBe(0);
    for (const each of opened.splice(0)) await each.close();
    copies = 0;
  });

  afterAll(async () => {
    await here.end();
    await there.end();
    await pair.drop();
  });

  interface Setting {
    readonly remoteUrl?: string;
    readonly ownerUrls?: Record<string, string>;
    readonly runDeadlineMs?: number;
  }

  function open({ remoteUrl = pair.address.url, ownerUrls, runDeadlineMs = 20_000 }: Setting = {}) {
    const databases = [
      { name: 'DATABASE_URL', url: pair.local.readerUrl },
      { name: 'WAREHOUSE_URL', url: remoteUrl },
    ];
    const way = openDirectWay({
      databases,
      ownerUrls: ownerUrls ?? { DATABASE_URL: pair.local.ownerUrl },
      readsAtOnce: 2,
      log: () => {},
    });
    const database = openReader(pair.local.readerUrl, { direct: watch(way), runDeadlineMs });
    opened.push(database, way);
    return database;
  }

  /** The same way, with the COPYs counted that go it. */
  function watch(way: DirectWay): DirectWay {
    const watched = (connector: Connector): Connector => ({
      ...connector,
      acquire: async (signal) => {
        const lease = await connector.acquire(signal);
        const query = lease.client.query.bind(lease.client) as (...given: unknown[]) => unknown;
        lease.client.query = ((...given: unknown[]) => {
          if (given[0] instanceof CopyOut) copies++;
          return query(...given);
        }) as never;
        return lease;
      },
    });
    return {
      findRemote: async (server, signal) => {
        const connector = await way.findRemote(server, signal);
        return connector && watched(connector);
      },
    };
  }

  /** Its rows by the way past the database and by the way through it. */
  async function readTwice(sql: string, options: RunOptions = {}, setting: Setting = {}) {
    const through = openReader(pair.local.readerUrl);
    opened.push(through);
    const direct = await runAll(open(setting), sql, options);
    const expected = await runAll(through, sql, options);
    expect(direct.columns).toEqual(expected.columns);
    // Thousands of rows: a difference of them all would take longer to print than anyone reads.
    expect(direct.rows.length).toBe(expected.rows.length);
    expect(direct.rows.findIndex((row, n) => row.some((value, at) => value !== expected.rows[n]?.[at]))).toBe(
      -1,
    );
    return direct;
  }

  it.each([
    'SELECT * FROM warehouse.everything',
    'TABLE warehouse.everything',
    'SELECT words, n, n AS again, instant FROM warehouse.everything WHERE n > 10 ORDER BY yes, n DESC -- a comment',
    `SELECT e.code FROM warehouse.everything AS e WHERE words LIKE '%é📈%' OR words IS NULL OR code <> ')"'`,
    `SELECT "c""d, e", "FROM ", "select" FROM warehouse."Odd ""names"" " AS "x.y ""z" WHERE "a b" > 0`,
    // Of one name and one table on both sides.
    `SELECT f.small, e.small, e.n AS first, f.n AS second, e.small FROM warehouse.everything e
      JOIN warehouse.everything f ON e.n = f.n + 1 ORDER BY e.n`,
    `SELECT f.n, o."a b", e.n, o."FROM " FROM warehouse."Odd ""names"" " o LEFT JOIN warehouse.everything e ON e.n = o."a b" - 7
      FULL JOIN warehouse.everything AS "f.x ""r1"" " (n) ON "f.x ""r1"" ".n = o."select" + 20 CROSS JOIN LATERAL (SELECT "f.x ""r1"" ".n) f
      ORDER BY o."a b", f.n`,
    `SELECT e.n, f.t FROM warehouse.everything e LEFT JOIN warehouse.retyped f ON f.t = 'x' AND f.n = e.n AND e.words <> 'public.few r1''s' ORDER BY 1`,
    `WITH w AS (SELECT n, big FROM warehouse.everything) SELECT big, n FROM w WHERE n > -1 LIMIT ${many - 7} OFFSET 3`,
  ])('%s: the same rows, read directly', async (sql) => {
    await readTwice(sql);
    expect(copies).toBe(1);
  });

  it('pages that are large are read directly too', async () => {
    const { rows } = await readTwice('SELECT n FROM warehouse.everything', { limit: many - 99, offset: 20 });
    expect([rows.length, copies]).toEqual([many - 99, 1]);
  });

  it.each([
    ['is computed', 'SELECT n + 0 FROM warehouse.everything'],
    ['is a view over it', 'SELECT n FROM over_link'],
    ['is of few rows', 'SELECT n FROM warehouse.few'],
    ['is of few rows of many', 'SELECT n FROM warehouse.everything WHERE n = 7'],
    ['has a type of the database', 'SELECT mood FROM warehouse.moods'],
    ['is filtered here', 'SELECT n FROM warehouse.everything WHERE random() < 2'],
    [
      'has a value from elsewhere',
      'SELECT n FROM warehouse.everything WHERE n > (SELECT min(n) FROM warehouse.few)',
    ],
    ['is made different here', 'SELECT DISTINCT ON (n) n FROM warehouse.everything ORDER BY n'],
    ['is sorted here', 'SELECT n FROM warehouse.everything ORDER BY md5(n::text)'],
    ['is one of several', 'SELECT n FROM warehouse.everything UNION ALL SELECT n FROM warehouse.few'],
    [
      'is joined with rows of the database',
      'SELECT e.n FROM (VALUES (1)) v LEFT JOIN warehouse.everything e ON true',
    ],
    [
      'is joined and tested',
      'SELECT n FROM warehouse.everything e WHERE EXISTS (SELECT FROM warehouse.retyped r WHERE r.n = e.n)',
    ],
    ['is counted', 'SELECT count(*), min(n) FROM warehouse.everything'],
  ])('what %s is read through the database', async (_what, sql) => {
    await readTwice(sql);
    expect(copies).toBe(0);
  });

  it('so are pages, and JSON that Postgres has to write', async () => {
    await readTwice('SELECT n FROM warehouse.everything', { limit: 100 });
    await readTwice('SELECT ints FROM warehouse.everything', { nestedJson: true });
    expect(copies).toBe(0);
  });

  it('so are times in a zone, which servers may know differently', async () => {
    await executeSql(pair.local.superuserUrl, `ALTER ROLE ${pair.reader} SET TimeZone = 'Europe/Berlin'`);
    try {
      const { rows } = await readTwice('SELECT instant FROM warehouse.everything ORDER BY n');
      expect([rows[0], copies]).toEqual([['2026-03-29 01:31:00+01'], 0]);
      await readTwice('SELECT moment FROM warehouse.everything ORDER BY n');
      expect(copies).toBe(1);
    } finally {
      await executeSql(pair.local.superuserUrl, `ALTER ROLE ${pair.reader} RESET TimeZone`);
    }
  });

  it('so is a column that the remote has retyped since', async () => {
    await executeSql(pair.remote.ownerUrl, 'ALTER TABLE retyped ALTER n TYPE bigint');
    await readTwice('SELECT n FROM warehouse.retyped');
    expect(copies).toBe(0);
    await readTwice('SELECT t FROM warehouse.retyped');
    expect(copies).toBe(1);
  });

  it('so is a column whose values the database checks', async () => {
    await executeSql(pair.local.ownerUrl, 'ALTER DOMAIN warehouse.positive ADD CHECK (VALUE < 50000)');
    const failure = await open()
      .run('SELECT n FROM warehouse.checked')
      .then(failureOf, (error) => error);
    expect(failure).toMatchObject({ code: 'sql_failed', sql: { sqlstate: '23514' } });
    expect(copies).toBe(0);
    await readTwice('SELECT m FROM warehouse.checked');
    expect(copies).toBe(1);
  });

  it('so is a table that is being changed while the run begins', async () => {
    const sql = 'SELECT "a b", "FROM ", "select" FROM warehouse."Odd ""names"" " ORDER BY "select"';
    const swap = (a: string, b: string) =>
      `ALTER FOREIGN TABLE warehouse."Odd ""names"" " ALTER "a b" OPTIONS (${a}), ALTER "FROM " OPTIONS (${b})`;
    const owner = await Observer.open(pair.local.ownerUrl);
    const through = openReader(pair.local.readerUrl);
    opened.push(through);
    try {
      await owner.rows('BEGIN');
      await owner.rows(swap("ADD column_name 'FROM '", "ADD column_name 'a b'"));
      const run = runAll(open(), sql);
      await expect.poll(() => here.backends(`wait_event_type = 'Lock'`), soon).toBe(1);
      await owner.rows('COMMIT');
      expect((await run).rows[0]).toEqual((await runAll(through, sql)).rows[0]);
      expect((await run).rows[0]).toEqual(['2', '1', '1']);
      expect(copies).toBe(0);
      await readTwice(sql);
      expect(copies).toBe(1);
    } finally {
      await owner.end();
      await executeSql(pair.local.ownerUrl, swap('DROP column_name', 'DROP column_name'));
    }
  });

  it("views of the remote see postgres_fdw's settings, or are read through the database", async () => {
    const sql = 'SELECT * FROM warehouse.written';
    const { rows } = await readTwice(sql);
    expect([rows[0], copies]).toEqual([['1', '\\x5c00ff', 'GMT ISO, MDY postgres 3 pg_catalog'], 1]);
    const login = `${pair.remote.name}_reader`;
    await executeSql(
      pair.remote.superuserUrl,
      `ALTER ROLE ${login} SET bytea_output = 'escape'`,
      `ALTER ROLE ${login} SET DateStyle = 'SQL, DMY'`,
    );
    try {
      const escaped = await readTwice(sql);
      expect([escaped.rows[0]?.[1], copies]).toEqual(['\\\\\\000\\377', 1]);
    } finally {
      await executeSql(pair.remote.superuserUrl, `ALTER ROLE ${login} RESET ALL`);
    }
  });

  it('so is everything when the remote gives its login less time than the run has', async () => {
    const login = `${pair.remote.name}_reader`;
    await executeSql(pair.remote.superuserUrl, `ALTER ROLE ${login} SET statement_timeout = '15s'`);
    try {
      await readTwice('SELECT n FROM warehouse.everything');
      expect(copies).toBe(0);
      await readTwice('SELECT n FROM warehouse.everything', {}, { runDeadlineMs: 14_000 });
      expect(copies).toBe(1);
    } finally {
      await executeSql(pair.remote.superuserUrl, `ALTER ROLE ${login} RESET ALL`);
    }
  });

  it('so is everything when the server has an option that nobody knows', async () => {
    const alter = (options: string) =>
      executeSql(pair.local.superuserUrl, `ALTER SERVER warehouse_server OPTIONS (${options})`);
    await alter(`ADD passfile '/nowhere', SET fetch_size '9999'`);
    try {
      await readTwice('SELECT n FROM warehouse.everything');
      expect(copies).toBe(0);
      await alter('DROP passfile');
      await readTwice('SELECT n FROM warehouse.everything');
      expect(copies).toBe(1);
    } finally {
      await alter(`SET fetch_size '10000'`);
    }
  });

  it("what others have made beside Postgres's functions is not called", async () => {
    const refuse = `LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING MESSAGE = current_user; END'`;
    const made = ['FUNCTION public.setseed(numeric)', 'FUNCTION public.times(numeric, int)'];
    for (const { superuserUrl } of [pair.local, pair.remote])
      await executeSql(
        superuserUrl,
        `CREATE ${made[0]} RETURNS void ${refuse}`,
        `CREATE ${made[1]} RETURNS int ${refuse}`,
        'CREATE OPERATOR public.* (FUNCTION = public.times, LEFTARG = numeric, RIGHTARG = int)',
      );
    try {
      await readTwice('SELECT n FROM warehouse.everything');
      expect(copies).toBe(1);
    } finally {
      for (const { superuserUrl } of [pair.local, pair.remote])
        await executeSql(superuserUrl, `DROP ${made.join(' CASCADE; DROP ')} CASCADE`);
    }
  });

  it.each(['WAREHOUSE_URL has another login', 'WAREHOUSE_URL leads elsewhere', 'there is no owner login'])(
    'so is everything when %s',
    async (what) => {
      const { superuserUrl, readerUrl } = pair.remote;
      const settings: Record<string, Setting> = {
        'WAREHOUSE_URL has another login': { remoteUrl: superuserUrl },
        'WAREHOUSE_URL leads elsewhere': { remoteUrl: withPort(readerUrl, 1) },
        'there is no owner login': { ownerUrls: {} },
      };
      await readTwice('SELECT n FROM warehouse.everything', {}, settings[what]);
      expect(copies).toBe(0);
    },
  );

  it('so is everything when the clip login has a login of its own there', async () => {
    const { username, password } = new URL(pair.remote.readerUrl);
    await executeSql(
      pair.local.superuserUrl,
      `CREATE USER MAPPING FOR ${pair.reader} SERVER warehouse_server OPTIONS (user '${username}', password '${password}')`,
    );
    try {
      await readTwice('SELECT n FROM warehouse.everything');
      expect(copies).toBe(0);
    } finally {
      await executeSql(
        pair.local.superuserUrl,
        `DROP USER MAPPING FOR ${pair.reader} SERVER warehouse_server`,
      );
    }
  });

  it('a server that someone else marked as the link lends nobody the login of the remote', async () => {
    const [server] = await here.rows(`SELECT quote_literal(obj_description(s.oid, 'pg_foreign_server')),
      (SELECT string_agg(format('%I %L', option_name, option_value), ', ')
        FROM pg_options_to_table(s.srvoptions) WHERE option_name <> 'use_remote_estimate') FROM pg_foreign_server s`);
    const { username } = new URL(pair.remote.readerUrl);
    await executeSql(
      pair.local.superuserUrl,
      'CREATE SCHEMA forged',
      `CREATE SERVER forged FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${server?.[1]})`,
      `COMMENT ON SERVER forged IS ${server?.[0]}`,
      `CREATE USER MAPPING FOR PUBLIC SERVER forged OPTIONS (user '${username}', password 'guessed')`,
      `ALTER SERVER forged OWNER TO ${pair.local.name}_owner`,
      `CREATE FOREIGN TABLE forged.wide (id int, text text) SERVER forged OPTIONS (schema_name 'public')`,
      `UPDATE pg_class SET reltuples = ${many}, relpages = 1000 WHERE oid = 'forged.wide'::regclass`,
      'GRANT USAGE ON SCHEMA forged TO PUBLIC',
      'GRANT SELECT ON forged.wide TO PUBLIC',
    );
    try {
      expect(
        await open()
          .run('SELECT * FROM forged.wide')
          .catch((error) => error.code),
      ).toBe('remote_unavailable');
      expect(copies).toBe(0);
    } finally {
      await executeSql(pair.local.superuserUrl, 'DROP SERVER forged CASCADE', 'DROP SCHEMA forged CASCADE');
    }
  });

  it('what the clip login may not read is refused', async () => {
    await executeSql(pair.local.ownerUrl, `REVOKE SELECT ON warehouse.wide FROM ${pair.reader}`);
    try {
      await expect(open().run('SELECT * FROM warehouse.wide')).rejects.toMatchObject({
        code: 'sql_refused',
        sql: { sqlstate: '42501' },
      });
      expect(copies).toBe(0);
    } finally {
      await executeSql(pair.local.ownerUrl, `GRANT SELECT ON warehouse.wide TO ${pair.reader}`);
    }
  });

  const wide = 'SELECT * FROM warehouse.wide';
  const copying = `datname = current_database() AND query LIKE 'COPY %' AND application_name = 'pgclip' AND state = 'active'`;
  const copyingThere = () => there.rows(`SELECT pid FROM pg_stat_activity WHERE ${copying}`);

  it('a remote that is killed in the middle breaks it off', async () => {
    const result = await open().run(wide);
    await there.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${copying}`);
    // A backend that waits for its reader when it is ended closes the connection without a word.
    expect(await failureOf(result)).toMatchObject({
      code: 'remote_unavailable',
      sql: {
        sqlstate: expect.stringMatching(/^(57P01|08006)$/),
        remoteSql: 'SELECT id, text FROM public.wide',
      },
    });
    expect(copies).toBe(1);
  });

  it('an error of the remote after the first rows is told as one', async () => {
    const result = await open().run('SELECT id, q FROM warehouse.late_error');
    expect(await failureOf(result)).toMatchObject({ code: 'sql_failed', sql: { sqlstate: '22012' } });
    expect(copies).toBe(1);
  });

  it('who leaves ends it on the remote', async () => {
    const result = await open().run(wide);
    expect(await copyingThere()).toHaveLength(1);
    await result.close();
    await expect.poll(copyingThere, soon).toEqual([]);
    expect(copies).toBe(1);
  });

  it('and so do whoever started it and the deadline', async () => {
    const leaving = new AbortController();
    const result = await open().run(wide, { signal: leaving.signal });
    leaving.abort();
    expect(await failureOf(result)).toMatchObject({ code: 'run_cancelled' });
    await expect.poll(copyingThere, soon).toEqual([]);
    const late = await open({ runDeadlineMs: 3000 }).run(wide);
    await expect.poll(copyingThere, soon).toEqual([]);
    expect(await failureOf(late)).toMatchObject({ code: 'run_deadline' });
    expect(copies).toBe(2);
  });

  it('a remote that answers no more before the first row holds nobody past the deadline', async () => {
    const url = new URL(pair.remote.readerUrl);
    const relay = await openRelay(Number(url.port));
    const log = () => {};
    const connector = openConnector({
      ...{ name: 'WAREHOUSE_URL', url: withPort(url.href, relay.port), perRequest: false, log },
      queue: { size: 1, deadlineMs: 0 },
    });
    const silent: Connector = {
      ...connector,
      acquire: async (signal) => {
        const lease = await connector.acquire(signal);
        const query = lease.client.query.bind(lease.client) as (...given: unknown[]) => unknown;
        lease.client.query = ((...given: unknown[]) => {
          // Proves that the transaction has begun: from the next question on there is no answer.
          if (given[0] instanceof Object && !('query_timeout' in given[0])) relay.holdAnswers();
          return query(...given);
        }) as never;
        return lease;
      },
    };
    const direct = { findRemote: async () => silent };
    const database = openReader(pair.local.readerUrl, { direct, runDeadlineMs: 3000 });
    opened.push(database);
    const run = database.run(wide).then(failureOf, (error: unknown) => error);
    expect(await run).toMatchObject({ code: 'run_deadline' });
    await expect.poll(() => connector.leased, soon).toBe(0);
    await connector.close();
    await relay.close();
  });

  it('a remote that could not be reached is left alone for a while', async () => {
    const alter = (port: string) =>
      executeSql(pair.local.superuserUrl, `ALTER SERVER warehouse_server OPTIONS (SET port '${port}')`);
    const { readerUrl } = pair.remote;
    const way = openDirectWay({
      databases: [{ name: 'WAREHOUSE_URL', url: withPort(readerUrl, 1) }],
      ownerUrls: { DATABASE_URL: pair.local.ownerUrl },
      readsAtOnce: 1,
      log: () => {},
    });
    const rows = await here.rows(`SELECT oid FROM pg_foreign_server WHERE srvname = 'warehouse_server'`);
    const server = {
      database: 'DATABASE_URL',
      oid: Number(rows[0]?.[0]),
      remote: 'WAREHOUSE_URL',
      tables: [],
    };
    const { signal } = new AbortController();
    await alter('1');
    try {
      const connector = await way.findRemote(server, signal);
      await expect(connector?.acquire()).rejects.toMatchObject({ code: 'database_unavailable' });
      expect(await way.findRemote(server, signal)).toBeNull();
    } finally {
      await alter(new URL(readerUrl).port);
      await way.close();
    }
  });

  it('more at once than there are connections go through the database', async () => {
    const database = open();
    const others = await Promise.all([1, 2, 3].map(() => open().run(wide)));
    expect(copies).toBe(3);
    for (const each of others) await each.close();
    expect(database.leased).toBe(0);
  });
});

it('the types that are read directly are built in, and arrays of those', async () => {
  const observer = await Observer.open(inject('postgresUrl'));
  const rows = await observer.rows(
    'SELECT oid::regtype::text FROM pg_type WHERE oid = ANY($1) AND typelem = 0 ORDER BY 1',
    [[...steadyTypes]],
  );
  const arrays = await observer.rows(
    'SELECT FROM pg_type WHERE oid = ANY($1) AND typelem = ANY($1) AND typarray = 0',
    [[...steadyTypes]],
  );
  await observer.end();
  expect(rows.map(([name]) => name).join(', ')).toBe(
    'bigint, boolean, bytea, character, character varying, cidr, date, double precision, inet, integer, json, jsonb, macaddr, macaddr8, numeric, oid, real, smallint, text, time with time zone, time without time zone, timestamp with time zone, timestamp without time zone, uuid',
  );
  expect([rows.length, arrays.length]).toEqual([24, 24]);
  expect(steadyTypes.size).toBe(48);
});
