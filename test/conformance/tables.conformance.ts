/** Real data and large results: the demo's tables, and what is long, wide or big. Kept in Redis. */
import { readDemoTables } from '../../src/demo/data.ts';
import { getDemoDatabase } from '../../src/demo/database.ts';
import { demoDatabase } from '../../src/demo/databases.ts';
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

const maxColumns = 1_600;
const withoutExcel = ['csv', 'json', 'ndjson', 'xml'] as const;

const setup = [
  'CREATE SCHEMA conformance',
  `CREATE TABLE conformance.wide (${Array.from({ length: maxColumns }, (_, n) => `c${n} int`).join(', ')})`,
  `INSERT INTO conformance.wide SELECT FROM generate_series(1, 2)`,
  `INSERT INTO conformance.wide SELECT ${Array.from({ length: maxColumns }, (_, n) => n).join(', ')}`,
];

const mixed = `SELECT n, md5(n::text) AS hash, n * 1.10 AS price, timestamptz '2024-01-01 00:00:00+00' + n * interval '1 hour 1.5 s' AS at,
  n % 3 = 0 AS flag, nullif(n % 7, 0) AS maybe, sqrt(n) AS root, n * 900719925474099::int8 AS big, date '1899-12-01' + n AS day,
  CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'a "q", b' WHEN 3 THEN E'two\\nlines' ELSE 'é😀' END AS words,
  ARRAY[n, NULL, n + 1] AS list, ROW(n, 'x') AS pair, json_build_object('n', n) AS doc
  FROM generate_series(1, 10000) AS n`;

const cases: QueryCase[] = [
  ...(await readDemoTables()).map(
    ({ name, rows }): QueryCase => ({
      name,
      sql: `SELECT * FROM ${name}`,
      database: 'DEMO_URL',
      // SheetJS takes half a minute for 200,000 rows.
      ...(rows.length > 50_000 ? { formats: withoutExcel } : {}),
    }),
  ),
  { name: '10,000 rows of everything', sql: mixed },
  {
    name: 'a moment of every week from 1900 to 2100',
    sql: `SELECT timestamp '1900-03-01' + n * interval '7 days 01:02:03' AS at, timestamptz '1900-03-01 00:00:00+00' + n * interval '7 days 01:02:03.456' AS precise
      FROM generate_series(1, 10400) AS n`,
  },
  { name: '1,600 columns', sql: 'TABLE conformance.wide' },
  {
    name: 'a text as long as a cell may be',
    sql: `SELECT repeat('ä', 32767) AS a, repeat('😀', 16383) || 'x' AS b`,
  },
  {
    name: 'a text of 30 MB',
    sql: `SELECT 1 AS n, repeat(E'a "q", <é>\\\\\\n😀\\t', 1500000) AS long`,
    refused: { xlsx: /^Row 1, column "long": the text has \d+ characters/ },
  },
  {
    name: 'the longest numbers',
    sql: `SELECT n, v FROM (VALUES (1, 1.0), (2, repeat('9', 131072)::numeric), (3, -('0.' || repeat('0', 16382) || '1')::numeric),
      (4, (repeat('8', 131072) || '.' || repeat('7', 16383))::numeric)) AS t(n, v) ORDER BY n`,
    refused: { xlsx: /^Row 2, column "v": the text has 131072 characters/ },
  },
  { name: 'the smallest number', sql: `SELECT ('0.' || repeat('0', 16382) || '1')::numeric AS v` },
  {
    name: 'a snapshot of several segments',
    sql: `SELECT n, repeat(md5(n::text), 40) AS t, ARRAY[n] AS l FROM generate_series(1, 5000) n`,
    formats: withoutExcel,
  },
];

describeGroup('tables', cases, {
  setup,
  redisDatabase: 1,
  databases: async (postgresUrl) => {
    const urlOf = (database: string) => {
      const url = new URL(postgresUrl);
      url.pathname = `/${database}`;
      return url.href;
    };
    return { DEMO_URL: (await getDemoDatabase(urlOf, demoDatabase, () => {})).url };
  },
});
