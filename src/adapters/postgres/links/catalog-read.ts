/**
 * How both catalogues are read: several statements in one round trip, names written alike whatever the connection's
 * settings are, values as text. Source: PostgreSQL manual, "Multiple Statements in a Simple Query".
 */
import type pg from 'pg';
import { rawText } from '../session.ts';
import type { CollationFacts } from './collation-order.ts';
import type { CollationText, ShapeAttribute, TypeText } from './shape.ts';

/** One value a column, in the order of the SELECT list. */
export type Row = readonly (string | null)[];

/**
 * For as long as the statements run: nothing is visible without its schema but pg_catalog, only names that need quotes
 * get them, and nothing is compiled, which takes longer than the statements do. Set for the transaction, so that a
 * pooler's connection goes back as it came.
 */
const settings = `SELECT pg_catalog.set_config('search_path', '', true),
  pg_catalog.set_config('quote_all_identifiers', 'off', true), pg_catalog.set_config('jit', 'off', true)`;

/** The rows of each statement. In a transaction of the caller's, the settings stay until its end. */
export async function readAll(client: pg.ClientBase, statements: readonly string[]): Promise<Row[][]> {
  const results = (await client.query({
    text: [settings, ...statements].join(';\n'),
    rowMode: 'array',
    types: rawText,
  })) as unknown as pg.QueryArrayResult<(string | null)[]>[];
  return results.slice(1).map((result) => result.rows);
}

/** The server's version, e.g. `15.18` and 150018. Asked by itself: the other statements depend on it. */
export async function readVersion(client: pg.ClientBase): Promise<{ text: string; number: number }> {
  const result = await client.query<[string, string]>({
    text: "SELECT current_setting('server_version'), current_setting('server_version_num')",
    rowMode: 'array',
    types: rawText,
  });
  const [text, number] = result.rows[0] as [string, string];
  return { text: text.replace(/ .*/s, ''), number: Number(number) };
}

/** Facts of a database as a whole. */
export interface DatabaseFacts {
  readonly databaseName: string;
  /** As Postgres names it: `UTF8`. */
  readonly encoding: string;
  /** Name of the locale in which `money` is written. */
  readonly lcMonetary: string;
  readonly defaultCollation: CollationFacts;
}

/** The statement that `toDatabaseFacts` reads. Columns that older versions lack are looked for in the row's JSON. */
export function databaseSql(versionNumber: number): string {
  const version =
    versionNumber >= 150000
      ? 'pg_database_collation_actual_version(d.oid)'
      : `(SELECT max(pg_collation_actual_version(c.oid)) FROM pg_collation c
          WHERE c.collprovider = 'c' AND c.collcollate = d.datcollate)`;
  return `SELECT d.datname, pg_encoding_to_char(d.encoding), current_setting('lc_monetary'),
  coalesce(j ->> 'datlocprovider', 'c'), coalesce(j ->> 'datlocale', j ->> 'daticulocale'),
  d.datcollate, d.datctype, j ->> 'daticurules', ${version}
FROM pg_database d, to_jsonb(d) j WHERE d.datname = current_database()`;
}

export function toDatabaseFacts(row: Row | undefined): DatabaseFacts {
  const [databaseName, encoding, lcMonetary, provider, locale, collate, ctype, rules, version] = (row ??
    []) as [string, string, string, string, string | null, string, string, string | null, string | null];
  return {
    databaseName,
    encoding,
    lcMonetary,
    defaultCollation: {
      schema: '',
      name: '',
      ...localeOf(provider, locale, collate, ctype),
      rules,
      deterministic: true,
      version,
    },
  };
}

/** The columns of `FROM pg_collation c, to_jsonb(c) j` that `toCollationFacts` reads. */
export const collationColumns = `(SELECT n.nspname FROM pg_namespace n WHERE n.oid = c.collnamespace), c.collname,
  c.collprovider, coalesce(j ->> 'colllocale', j ->> 'colliculocale'), c.collcollate, c.collctype,
  j ->> 'collicurules', c.collisdeterministic, pg_collation_actual_version(c.oid)`;

export function toCollationFacts(row: Row): CollationFacts {
  const [schema, name, provider, locale, collate, ctype, rules, deterministic, version] = row;
  return {
    schema: schema ?? '',
    name: name ?? '',
    ...localeOf(provider ?? '', locale ?? null, collate ?? '', ctype ?? ''),
    rules: rules ?? null,
    deterministic: deterministic === 't',
    version: version ?? null,
  };
}

const providers: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };

function localeOf(provider: string, locale: string | null, collate: string, ctype: string) {
  const name = providers[provider] ?? provider;
  // PostgreSQL 14 keeps the locale of ICU where later ones keep that of libc.
  if (name !== 'libc') return { provider: name, collate: locale ?? collate, ctype: locale ?? ctype };
  return { provider: name, collate, ctype };
}

/** A collation's text; NULL for none. */
export const collationText = (
  oid: string,
) => `(SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
  FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = ${oid})`;

/** A column's collation where it is not its type's own. */
export const ownCollationText = (collation: string, type: string) =>
  `CASE WHEN ${collation} <> ${type}.typcollation THEN ${collationText(collation)} END`;

/** From a JSON array of [name, type, collation]. */
export function parseAttributes(json: string | null): ShapeAttribute[] {
  const found = json === null ? [] : (JSON.parse(json) as [string, TypeText, CollationText][]);
  return found.map(([name, type, collation]) => ({ name, type, collation }));
}
