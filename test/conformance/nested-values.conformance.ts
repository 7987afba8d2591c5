/** Types that people make: composites, domains, enums, ranges, types of extensions, and all of them in each other. */
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

const extensions = ['citext', 'cube', 'hstore', 'isn', 'ltree', 'seg'];

const setup = [
  'CREATE SCHEMA conformance',
  'SET search_path = conformance, public',
  ...extensions.map((name) => `CREATE EXTENSION ${name} SCHEMA public`),
  `CREATE TYPE conformance."Mood" AS ENUM ('sad', 'ok', 'very, "happy"', 'a ''b'' \\ c', 'null')`,
  'CREATE TYPE conformance.pair AS (x integer, "the y" numeric(10, 2))',
  'CREATE TYPE conformance.nothing AS ()',
  `CREATE TYPE conformance.reading AS
   (label text, at timestamptz, mood conformance."Mood", pairs conformance.pair[], one conformance.pair, more jsonb)`,
  `CREATE DOMAIN conformance.price AS numeric(12, 2) CHECK (VALUE > 0)`,
  'CREATE DOMAIN conformance.low_price AS conformance.price CHECK (VALUE < 100)',
  'CREATE DOMAIN conformance.tags AS text[]',
  'CREATE DOMAIN conformance.spot AS conformance.pair',
  'CREATE DOMAIN conformance.day AS date',
  'CREATE DOMAIN conformance.stamp AS timestamptz(0)',
  'CREATE DOMAIN conformance.flag AS boolean',
  'CREATE DOMAIN conformance.document AS json',
  'CREATE DOMAIN conformance.bytes AS bytea',
  'CREATE DOMAIN conformance.markup AS xml',
  'CREATE DOMAIN conformance.attributes AS hstore',
  `CREATE TYPE conformance.float_range AS RANGE (subtype = float8, multirange_type_name = conformance.float_ranges)`,
  `CREATE TYPE conformance.text_range AS RANGE (subtype = text, multirange_type_name = conformance.text_ranges)`,
  'CREATE TABLE conformance.people (id int, name text, tags text[], home conformance.pair, born conformance.day)',
  `INSERT INTO conformance.people VALUES
   (1, 'Ann "A"', '{a,"b,c"}', '(1,2.50)', '2000-02-29'), (2, NULL, NULL, NULL, NULL), (3, '', '{}', '(,)', '0044-03-15 BC')`,
];

const reading = `ROW('a "b", (c)\\', '2024-02-29 12:00:00.5+02', 'very, "happy"', ARRAY[ROW(1, 2), NULL, ROW(NULL, NULL)]::conformance.pair[],
  ROW(-1, 1e5), '{"a": [1, 2.50]}')::conformance.reading`;

/** Values of one type with NULL, alone and in an array, a row and a JSON of Postgres's own. */
function alone(name: string, type: string, ...values: string[]): QueryCase {
  const rows = [...values, 'NULL'].map((value, n) => `(${n}, ${value}::${type})`).join(', ');
  const sql = `SELECT v, ARRAY[v, NULL] AS "array", ROW(v, 'x') AS "row", ARRAY[ROW(v)] AS "rows", to_json(v) AS "json"
    FROM (VALUES ${rows}) AS t(n, v) ORDER BY n`;
  return { name, sql };
}

const cases: QueryCase[] = [
  alone('enum', 'conformance."Mood"', `'sad'`, `'very, "happy"'`, `'a ''b'' \\ c'`, `'null'`),
  alone('composite', 'conformance.pair', `'(1,2.5)'`, `'(,)'`, 'ROW(1, NULL)'),
  alone('composite of no fields', 'conformance.nothing', `'()'`),
  alone('composite of composites', 'conformance.reading', reading, 'ROW(NULL, NULL, NULL, NULL, NULL, NULL)'),
  alone('domain of numeric', 'conformance.price', '0.01', '9999999999.99'),
  alone('domain of a domain', 'conformance.low_price', '0.01', '99.99'),
  alone('domain of a composite', 'conformance.spot', `'(1,2.5)'`, `'(,)'`),
  alone('domain of date', 'conformance.day', `'2024-02-29'`, `'0044-03-15 BC'`),
  alone('domain of timestamptz', 'conformance.stamp', `'2024-02-29 12:00:00.6+05:30'`),
  alone('domain of boolean', 'conformance.flag', 'true', 'false'),
  alone('domain of json', 'conformance.document', `'{"a" :\n 1}'`, `'null'`),
  alone('domain of bytea', 'conformance.bytes', `'\\x00ff'`, `''`),
  alone('domain of xml', 'conformance.markup', `'<a>&amp;</a>'`, `''`),
  alone('domain of hstore', 'conformance.attributes', `'a=>1, b=>NULL'`),
  alone('range of float8', 'conformance.float_range', `'[1.5,2)'`, `'empty'`, `'[-Infinity,NaN]'`),
  alone('multirange of float8', 'conformance.float_ranges', `'{[1.5,2),[3,4]}'`, `'{}'`),
  alone('range of text', 'conformance.text_range', `'["a,b","c""d"]'`, `'[,)'`, `'["",b)'`),
  alone('multirange of text', 'conformance.text_ranges', `'{["a,b","c""d"]}'`),
  alone(
    'hstore',
    'hstore',
    `'a=>1, b=>NULL, "c d"=>"q\\"q", "<é>"=>"\\\\"'`,
    `''`,
    `'"NULL"=>"NULL", ""=>""'`,
  ),
  alone('citext', 'citext', `'A "b"'`, `''`, `'=1'`),
  alone('ltree', 'ltree', `'Top.Science.A_1-b'`, `''`),
  alone('lquery', 'lquery', `'*.Astro*@.*{1,2}'`),
  alone('ltxtquery', 'ltxtquery', `'Europe & Russia*@ & !Transportation'`),
  alone('cube', 'cube', `'(0,0,0),(1,1.5,1e300)'`, `'(1)'`),
  alone('seg', 'seg', `'6.25 .. 6.50'`, `'<5'`, `'1.00(+-)0.01'`),
  alone('isbn13', 'isbn13', `'978-0-11-000222-4'`),
  {
    name: 'rows of tables',
    sql: `SELECT p, p.*, ARRAY[p, NULL] AS pair, (SELECT array_agg(q ORDER BY q.id) FROM conformance.people q) AS "all",
      ROW(p, ROW(p)) AS deeper FROM conformance.people p ORDER BY id`,
  },
  {
    name: 'anonymous rows',
    sql: `SELECT ROW() AS none, ROW(NULL) AS null_one, ROW(1, 'a "b"', NULL, ARRAY[1, 2], ROW(2.50, now() - now())) AS many,
      ARRAY[ROW(1, 'a'), ROW(2, NULL)] AS list, ARRAY[ARRAY[ROW(1)], ARRAY[ROW(2)]] AS grid`,
  },
  {
    name: 'rows that hold everything with a JSON of its own',
    sql: `SELECT ROW('2024-02-29'::date, '2024-02-29 12:00:00.5'::timestamp, '2024-02-29 12:00:00+00'::timestamptz,
      1.50::numeric, 'NaN'::float8, true, '{"a" :\n 1}'::json, 'a=>1'::hstore, '<a/>'::xml, '\\x00'::bytea, '12.5'::money)`,
  },
  {
    name: 'arrays of domains',
    sql: `SELECT ARRAY[1.5, NULL]::conformance.price[] AS prices, '{2024-02-29}'::conformance.day[] AS days`,
  },
  {
    name: 'domain of an array',
    sql: `SELECT v::conformance.tags AS v FROM (VALUES ('{a,"b c",NULL}'), ('{}'), (NULL)) AS t(v)`,
  },
  {
    name: 'arrays of arrays by way of a domain',
    sql: `SELECT ARRAY['{a,"b,\\"c",NULL}', '{}', NULL]::conformance.tags[] AS lists`,
  },
  {
    name: 'arrays in every shape',
    sql: `SELECT '{}'::int[] AS none, '{{1,2},{3,4}}'::int[] AS grid, '{{{1},{2}},{{3},{4}}}'::int[] AS cube,
      '[-2:0]={1,2,3}'::int[] AS shifted, '[2:3][0:1]={{a,b},{c,d}}'::text[] AS shifted_grid, '{{"a,b",NULL},{"}","\\""}}'::text[] AS odd,
      ARRAY[NULL, NULL]::date[] AS nulls, '{NULL,"NULL",null,"null",nULL}'::text[] AS words, '{" a ",b c,"\t"}'::text[] AS blanks,
      ARRAY['{"a" :\n 1}', 'null']::json[] AS jsons, ARRAY[E'a\nb', E'\\\\', '{', ','] AS special,
      ARRAY[true, NULL, false] AS flags, ARRAY[box '((1,1),(0,0))', NULL, box '((3,3),(2,2))'] AS boxes, ARRAY['\\x00'::bytea, ''] AS bytes,
      ARRAY[interval '1 day', '-1 day 00:00:01'] AS spans, ARRAY['<a/>'::xml, ''] AS markups`,
  },
  {
    name: 'types with modifiers',
    sql: `SELECT 'ab'::char(5) AS c, 'abc'::varchar(2) AS v, 12.345::numeric(10, 2) AS n, 12345::numeric(3, -2) AS big, 0.00001234::numeric(3, 6) AS small,
      B'101'::bit(5) AS b, B'10101'::varbit(3) AS vb, '12:34:56.789'::time(1) AS t, '2024-02-29 12:34:56.789'::timestamp(2) AS ts,
      '2024-02-29 12:34:56.789+00'::timestamptz(0) AS tz, interval '1-2 3 4:05:06.789' YEAR TO MONTH AS ym, interval '1.789' SECOND(1) AS s,
      ARRAY[1.005, 2]::numeric(5, 2)[] AS list, 'ab'::char(4)::text AS cut, '12:34:56.789+02'::timetz(0) AS ttz`,
  },
  {
    name: 'columns that share a name',
    sql: 'SELECT 1 AS a, 2 AS a, 3 AS a_2, 4 AS a, 5 AS "A", 6, 7, 8 AS a_3',
    keys: ['a', 'a_4', 'a_2', 'a_5', 'A', '?column?', '?column?_2', 'a_3'],
  },
  {
    name: 'no rows',
    sql: `SELECT 1 AS a, 'x' AS b, ${reading} AS c, ARRAY[1] AS d, now() AS e, '{}'::json AS f WHERE false`,
  },
  { name: 'no columns', sql: 'SELECT FROM generate_series(1, 3)' },
  { name: 'neither rows nor columns', sql: 'SELECT WHERE false' },
  { name: 'one empty text', sql: `SELECT '' AS a UNION ALL SELECT NULL UNION ALL SELECT '\\.'` },
  { name: 'TABLE', sql: 'TABLE conformance.people' },
  { name: 'VALUES', sql: `VALUES (1, 'a', NULL), (2, 'b', 1.50)` },
  {
    name: 'WITH',
    sql: 'WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5) SELECT * FROM n -- end',
  },
];

describeGroup('nested values', cases, { setup });
