/** What a run gives on a real server: rows as Postgres writes them, pages, errors and their place. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openReader, runAll } from '../support/runs.ts';

let database: TestDatabase;
let reader: ReturnType<typeof openReader>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.ownerUrl,
    'CREATE EXTENSION hstore',
    'CREATE SCHEMA app',
    `CREATE TYPE app.mood AS ENUM ('sad', 'glad')`,
    'CREATE TYPE app.pair AS (a int, b text)',
  );
  reader = openReader(database.readerUrl, { poolSize: 2 });
});

afterEach(() => expect.poll(() => reader.leased).toBe(0));

afterAll(async () => {
  await reader.close();
  await database.drop();
});

describe('rows', () => {
  it("are the database's own text", async () => {
    const values = [
      ['null', null],
      [`''`, ''],
      [`'\\N'`, '\\N'],
      [`E'tab\\there\\nline\\r\\\\'`, 'tab\there\nline\r\\'],
      ['9223372036854775807', '9223372036854775807'],
      [`'123456789012345678901234567890.123456789'::numeric`, '123456789012345678901234567890.123456789'],
      [`'NaN'::float8`, 'NaN'],
      ['0.1::float8 + 0.2::float8', '0.30000000000000004'],
      ['true', 't'],
      [`'2024-01-02'::date`, '2024-01-02'],
      [`'0044-03-15 BC'::date`, '0044-03-15 BC'],
      [`'1 year 2 mons 3 days 04:05:06'::interval`, '1 year 2 mons 3 days 04:05:06'],
      [`'\\xdeadbeef'::bytea`, '\\xdeadbeef'],
      [`array['a', null, 'b,c', '"']`, '{a,NULL,"b,c","\\""}'],
      [`'👩‍👩‍👧 שלום'`, '👩‍👩‍👧 שלום'],
    ] as const;
    const { rows } = await runAll(reader, `select ${values.map(([sql]) => sql).join(', ')}`);
    expect(rows).toEqual([values.map(([, text]) => text)]);
  });

  it("are written the same whatever the login's settings are", async () => {
    const sql = `select '2024-01-02'::date, '1 day 2 hours'::interval, '\\xff'::bytea, 0.1::float8 + 0.2::float8,
      'a\\b', '2024-06-01 12:00+00'::timestamptz`;
    const plain = await runAll(reader, sql);
    const login = new URL(database.readerUrl).username;
    const odd = {
      DateStyle: 'German',
      IntervalStyle: 'iso_8601',
      bytea_output: 'escape',
      extra_float_digits: '-5',
      standard_conforming_strings: 'off',
      client_encoding: 'LATIN1',
      TimeZone: 'Asia/Tokyo',
    };
    const set = Object.entries(odd).map(([name, value]) => `ALTER ROLE ${login} SET ${name} TO '${value}'`);
    await executeSql(database.superuserUrl, ...set);
    const other = openReader(database.readerUrl);
    try {
      const { rows } = await runAll(other, sql);
      expect(rows[0]?.slice(0, -1)).toEqual(plain.rows[0]?.slice(0, -1));
      // But for the time zone, which people set on purpose.
      expect([plain.rows[0]?.at(-1), rows[0]?.at(-1)]).toEqual([
        '2024-06-01 12:00:00+00',
        '2024-06-01 21:00:00+09',
      ]);
    } finally {
      await other.close();
      await executeSql(database.superuserUrl, `ALTER ROLE ${login} RESET ALL`);
    }
  });

  it('may be none, of any columns or of no column', async () => {
    expect(await runAll(reader, 'select 1 as a where false')).toEqual({
      columns: [{ name: 'a', type: 'integer', kind: 'int' }],
      rows: [],
    });
    expect(await runAll(reader, 'select')).toEqual({ columns: [], rows: [[]] });
    expect(await runAll(reader, 'select from generate_series(1, 3)')).toEqual({
      columns: [],
      rows: [[], [], []],
    });
    expect(
      (await runAll(reader, 'select from generate_series(1, 3)', { limit: 2, nestedJson: true })).rows,
    ).toEqual([[], []]);
    expect((await runAll(reader, `select ''`)).rows).toEqual([['']]);
  });

  it('come in the order of the query, all of them, over many batches', async () => {
    const result = await reader.run(
      `select n, repeat('x', 100) from generate_series(1, 50000) n order by n desc`,
    );
    let expected = 50_000;
    let batches = 0;
    for await (const batch of result.batches) {
      batches++;
      for (const [n] of batch) if (n !== String(expected--)) throw new Error(`${n} came too early`);
    }
    expect(expected).toBe(0);
    expect(batches).toBeGreaterThan(10);
  });

  it('may hold a value of 50 MB', async () => {
    const { rows } = await runAll(reader, `select repeat('ab', 25 * 1000 * 1000), 'end'`);
    expect(rows[0]?.[0]?.length).toBe(50_000_000);
    expect(rows[0]?.[1]).toBe('end');
  });

  it('can be had a page at a time', async () => {
    const sql = 'select n from generate_series(1, 10) n order by n desc -- all';
    const page = async (options: { limit?: number; offset?: number }) =>
      (await runAll(reader, sql, options)).rows.flat();
    expect(await page({ limit: 3 })).toEqual(['10', '9', '8']);
    expect(await page({ limit: 3, offset: 8 })).toEqual(['2', '1']);
    expect(await page({ offset: 9 })).toEqual(['1']);
    expect(await page({ offset: 99 })).toEqual([]);
    expect(await page({ limit: 0 })).toEqual([]);
  });

  it("bring Postgres's own JSON of what the text does not tell", async () => {
    const nested = [
      ['array[1, null]', '{1,NULL}', '[1,null]'],
      ['array[array[1, 2], array[3, 4]]', '{{1,2},{3,4}}', '[[1,2],[3,4]]'],
      [`row(1, 'a "b"')::app.pair`, '(1,"a ""b""")', '{"a":1,"b":"a \\"b\\""}'],
      [`row(1.50, 'x')`, '(1.50,x)', '{"f1":1.50,"f2":"x"}'],
      [`'k=>v, n=>NULL'::hstore`, '"k"=>"v", "n"=>NULL', '{"k": "v", "n": null}'],
      [`array['glad'::app.mood]`, '{glad}', '["glad"]'],
      ['array[]::int[]', '{}', '[]'],
      ['null::int[]', null, null],
    ] as const;
    const sql = `select 'first' as a, ${nested.map(([value]) => `${value} as a`).join(', ')}, 'last'`;
    const { columns, rows } = await runAll(reader, sql, { nestedJson: true });
    const width = nested.length + 2;
    expect(columns.map((column) => column.jsonAt)).toEqual([
      undefined,
      ...nested.map((_, index) => width + index),
      undefined,
    ]);
    expect(rows).toEqual([
      ['first', ...nested.map(([, text]) => text), 'last', ...nested.map(([, , json]) => json)],
    ]);
    const plain = await runAll(reader, sql);
    expect(plain.rows[0]).toHaveLength(width);
  });

  it("are dated by the database's clock", async () => {
    const result = await reader.run(
      `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
    );
    expect(result.ranAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    for await (const [row] of result.batches) expect(row).toEqual([result.ranAt]);
  });
});

describe('errors', () => {
  it.each([
    ['selec 1', '42601', 1, 1],
    ['select nope', '42703', 1, 8],
    ['select 1\r\nfrom nowhere', '42P01', 2, 6],
    [`select '日本👩‍👩‍👧', nope`, '42703', 1, 19],
    [`/* é */\n\nselect\n  'ü' as "ß", nope(1)`, '42883', 4, 15],
    [`select\n  'a'::int`, '22P02', 2, 3],
    ['select 1 +', '42601', 1, 11],
  ])('of %j have their place', async (sql, sqlstate, line, column) => {
    const refused = { code: 'sql_refused', status: 422, sql: { sqlstate, line, column } };
    await expect(reader.run(sql)).rejects.toMatchObject(refused);
    await expect(reader.run(sql, { limit: 1, nestedJson: true })).rejects.toMatchObject(refused);
    await expect(reader.describe(sql)).rejects.toMatchObject(refused);
  });

  it("have Postgres's words and hint apart from what anyone may read", async () => {
    await expect(reader.run(`select 'secret'::int`)).rejects.toMatchObject({
      message: expect.not.stringContaining('secret'),
      sql: { message: expect.stringContaining('secret') },
    });
    await expect(reader.run('select lenght(1)')).rejects.toMatchObject({
      sql: { hint: expect.stringMatching(/./) },
    });
  });

  it('before the first row are thrown at once, later ones after the rows so far', async () => {
    await expect(reader.run('select 1 / (n - n) from generate_series(1, 2) n')).rejects.toMatchObject({
      code: 'sql_failed',
      sql: { sqlstate: '22012' },
    });
    const result = await reader.run(`select n, 1 / (500000 - n) from generate_series(1, 1000000) n`);
    let rows = 0;
    const reading = (async () => {
      for await (const batch of result.batches) rows += batch.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'sql_failed', sql: { sqlstate: '22012' } });
    expect(rows).toBeGreaterThan(400_000);
    expect(rows).toBeLessThan(500_000);
  });

  it('are what bytes become that are no text, never other text', async () => {
    const name = `${database.name}_ascii`;
    await executeSql(
      database.superuserUrl,
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'`,
    );
    const url = new URL(database.readerUrl);
    url.pathname = `/${name}`;
    const ascii = openReader(url.href);
    try {
      expect((await runAll(ascii, `select 'Zürich'`)).rows).toEqual([['Zürich']]);
      const notText = { code: 'sql_failed', sql: { sqlstate: '22021' } };
      await expect(ascii.run(`select E'a\\xff'`)).rejects.toMatchObject(notText);
      await expect(ascii.run(`select repeat(E'\\xff', 1000000)`)).rejects.toMatchObject(notText);
      const late = await ascii.run(
        `select repeat(case n when 5000 then E'\\xe9' else 'e' end, 100) from generate_series(1, 9000) n`,
      );
      await expect(async () => {
        for await (const batch of late.batches) expect(batch.flat().join('')).toMatch(/^e+$/);
      }).rejects.toMatchObject(notText);
      await expect.poll(() => ascii.leased).toBe(0);
    } finally {
      await ascii.close();
      await executeSql(database.superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    }
  });
});
