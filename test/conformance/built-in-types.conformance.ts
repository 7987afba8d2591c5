/** Every built-in type: odd values of it alone, in arrays of all shapes, in rows, and in arrays of rows. */
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { builtInTypes, type TypeCase, withoutValues } from './built-in-types.ts';
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

const setup = [
  'CREATE SCHEMA conformance',
  'CREATE TABLE conformance."Odd, ""Name""" (a int)',
  `CREATE TYPE conformance."Mood" AS ENUM ('ok')`,
  'CREATE TABLE conformance.measured AS SELECT n % 3 AS a, n % 6 AS b FROM generate_series(1, 1000) AS n',
  'CREATE STATISTICS conformance.of_both (ndistinct, dependencies, mcv) ON a, b FROM conformance.measured',
  'ANALYZE conformance.measured',
  `CREATE TABLE conformance.statistics AS
   SELECT stxdndistinct AS n_distinct, stxddependencies AS dependencies, stxdmcv AS mcv
   FROM pg_statistic_ext_data JOIN pg_statistic_ext ON oid = stxoid WHERE stxname = 'of_both'`,
];

function valuesQuery(type: string, values: readonly string[], arrayless: boolean): string {
  const arrays = `, ARRAY[v, NULL, v] AS "array", ARRAY[]::${type}[] AS "empty array",
    ARRAY[ARRAY[v, NULL], ARRAY[v, v]] AS "grid", array_fill(v, ARRAY[2], ARRAY[-1]) AS "shifted array",
    ARRAY[ROW(v, ARRAY[v])] AS "array of rows"`;
  return `SELECT v AS "value", ROW(v, n) AS "row"${arrayless ? '' : arrays}
    FROM (VALUES ${[...values, 'NULL'].map((value, n) => `(${n}, ${value}::${type})`).join(',\n')}) AS t(n, v)
    ORDER BY n`;
}

function casesOf([name, { literals = [], expressions = [], notInXml = [], arrayless = false }]: [
  string,
  TypeCase,
]): QueryCase[] {
  const type = pg.escapeIdentifier(name);
  const inSchema = informationSchema.has(name) ? `information_schema.${type}` : `pg_catalog.${type}`;
  const escaped = literals.map((literal) => pg.escapeLiteral(literal));
  const cases: QueryCase[] = [{ name, sql: valuesQuery(inSchema, [...escaped, ...expressions], arrayless) }];
  if (notInXml.length > 0) {
    const values = notInXml.map((value) => pg.escapeLiteral(value));
    const sql = valuesQuery(inSchema, values, arrayless);
    cases.push({ name: `${name} not in XML`, sql, refused: { xml: /^Row 1, column "value": / } });
  }
  return cases;
}

const informationSchema = new Set([
  'cardinal_number',
  'character_data',
  'sql_identifier',
  'time_stamp',
  'yes_or_no',
]);

test('every built-in type is here, or it is said why not', async () => {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  const { rows } = await client.query<{ typname: string }>(`
    SELECT typname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
    WHERE nspname IN ('pg_catalog', 'information_schema') AND typtype NOT IN ('p', 'c')
      AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)`);
  await client.end();
  const known = [...Object.keys(builtInTypes), ...Object.keys(withoutValues)];
  expect(known.toSorted()).toEqual(rows.map(({ typname }) => typname).toSorted());
});

describeGroup('built-in types', Object.entries(builtInTypes).flatMap(casesOf), { setup });
