/**
 * The questions about the catalogue that postgres_fdw asks: for ANALYZE and for IMPORT FOREIGN SCHEMA. They are fixed
 * texts; a question that is none of them isn't answered. Source: postgres_fdw.c of PostgreSQL 14 to 18.
 */
import { isLinkTable, type LinkColumnType, linkTables } from '../domain/redis-link.ts';
import type { OutputCell, OutputColumn } from './wire-output.ts';

export const textOid = 25;

/** pg_type.oid of each kind of column. */
export const typeOids: Readonly<Record<LinkColumnType, number>> = {
  text: textOid,
  interval: 1186,
  bigint: 20,
  'double precision': 701,
};

/** A result that is known at once. */
export interface FixedResult {
  readonly columns: readonly OutputColumn[];
  readonly rows: readonly (readonly OutputCell[])[];
}

/** A result of text columns. */
export function textResult(names: readonly string[], rows: readonly (readonly OutputCell[])[]): FixedResult {
  return { columns: names.map((name) => ({ name, typeOid: textOid })), rows };
}

const relationSize = /^SELECT pg_catalog\.pg_relation_size\('public\.(\w+)'::pg_catalog\.regclass\) \/ 8192$/;
const relationRows =
  /^SELECT reltuples, relkind FROM pg_catalog\.pg_class WHERE oid = 'public\.(\w+)'::pg_catalog\.regclass$/;
const schemaExists = /^SELECT 1 FROM pg_catalog\.pg_namespace WHERE nspname = '((?:[^']|'')*)'$/;
const importColumns =
  /^SELECT relname, attname, format_type\(atttypid, atttypmod\), attnotnull, (?:pg_get_expr\(adbin, adrelid\), (?:attgenerated|NULL)|(?:attgenerated|NULL), pg_get_expr\(adbin, adrelid\)), (collname, collnsp\.nspname|NULL, NULL) FROM pg_class c /;
const importSchema = / n\.nspname = '((?:[^']|'')*)'/;
const importTables = / AND c\.relname (NOT )?IN \(([^()]*)\)/;

/** Rows that ANALYZE is told of: unknown, so that it takes its sample from all of them. */
const unknownRows = '-1';
const pageBytes = 8192;
/** Far more than an IMPORT FOREIGN SCHEMA of these tables has. */
const maxQuestion = 100_000;
/** What a key takes, about. It only tells a large table from a small one. */
const bytesPerKey = 100;

/** The tables that IMPORT FOREIGN SCHEMA wants, of a list as it writes one. */
function importedTables(sql: string): string[] {
  const [, except, list] = importTables.exec(sql) ?? [];
  const named = list === undefined ? null : new Set(list.split(',').map((name) => name.trim().slice(1, -1)));
  return Object.keys(linkTables)
    .filter((table) => named === null || named.has(table) === (except === undefined))
    .sort();
}

function importResult(sql: string, collation: string): FixedResult {
  const hasSchema = importSchema.exec(sql)?.[1] === 'public';
  const rows = (hasSchema ? importedTables(sql) : []).flatMap((table) => {
    if (!isLinkTable(table)) return [];
    return linkTables[table].map(({ name, type }, i) => [
      table,
      name,
      type,
      i === 0 ? 't' : 'f',
      // Nothing is generated and nothing has a default, in whichever order that is asked.
      null,
      null,
      ...(collation.startsWith('collname') && type === 'text' ? ['C', 'pg_catalog'] : [null, null]),
    ]);
  });
  const names = ['relname', 'attname', 'format_type', 'attnotnull', 'pg_get_expr', 'attgenerated'];
  return textResult([...names, 'collname', 'nspname'], rows);
}

/** The answer to a question about the catalogue; null: it is none. `countKeys` tells how many keys there are. */
export async function answerCatalogue(
  sql: string,
  countKeys: () => Promise<number>,
): Promise<FixedResult | null> {
  if (sql.length > maxQuestion) return null;
  const question = sql.trim().replace(/\s+/g, ' ');
  const sized = relationSize.exec(question)?.[1];
  if (sized !== undefined && isLinkTable(sized)) {
    const pages = Math.ceil(((await countKeys()) * bytesPerKey) / pageBytes);
    return textResult(['?column?'], [[String(pages)]]);
  }
  const counted = relationRows.exec(question)?.[1];
  if (counted !== undefined && isLinkTable(counted))
    return textResult(['reltuples', 'relkind'], [[unknownRows, 'r']]);
  const schema = schemaExists.exec(question)?.[1];
  if (schema !== undefined) return textResult(['?column?'], schema === 'public' ? [['1']] : []);
  const collation = importColumns.exec(question)?.[1];
  if (collation !== undefined) return importResult(question, collation);
  return null;
}
