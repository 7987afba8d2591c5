/**
 * The shape that a link has now, from the local catalogue: the foreign tables of its server in its schema, and the types
 * that were made for them.
 */
import pg from 'pg';
import { ownCollationText, parseAttributes, type Row, readAll } from './catalog-read.ts';
import { serverNameOf } from './marker.ts';
import type { LinkShape, ShapeColumn, ShapeTable, ShapeType } from './shape.ts';
import { madeTypeComment } from './shape-sql.ts';
import { inCreationOrder } from './type-references.ts';

/**
 * Reads it. Empty when there is no such schema, or nothing of the link's in it. In a transaction of the caller's,
 * `search_path` stays empty until its end. Throws what pg throws.
 */
export async function readActualShape(client: pg.ClientBase, schema: string): Promise<LinkShape> {
  const [tables, columns, types] = await readAll(client, [
    tablesSql(schema),
    columnsSql(schema),
    typesSql(schema),
  ]);
  const columnsOf = groupColumns(columns ?? []);
  return {
    types: inCreationOrder((types ?? []).map(toType)),
    tables: (tables ?? []).map((row) => toTable(row, columnsOf)),
  };
}

const schemaOid = (schema: string) =>
  `(SELECT oid FROM pg_namespace WHERE nspname = ${pg.escapeLiteral(schema)})`;

const linked = (schema: string) => `pg_class c JOIN pg_foreign_table f ON f.ftrelid = c.oid
  AND c.relnamespace = ${schemaOid(schema)}
JOIN pg_foreign_server s ON s.oid = f.ftserver AND s.srvname = ${pg.escapeLiteral(serverNameOf(schema))}`;

const tablesSql = (schema: string) => `SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class'),
  (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attisdropped)
FROM ${linked(schema)} ORDER BY c.relname COLLATE "C"`;

const columnsSql = (schema: string) => `SELECT c.oid, a.attname, format_type(a.atttypid, a.atttypmod),
  ${ownCollationText('a.attcollation', 't')}, a.attnotnull, d.description
FROM ${linked(schema)}
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = a.attnum
ORDER BY c.oid, a.attnum`;

const typesSql = (schema: string) => `SELECT t.typname, t.typtype, format_type(t.oid, -1),
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
  CASE t.typtype WHEN 'd' THEN (SELECT json_build_array(json_build_array('', format_type(b.oid, t.typtypmod),
      ${ownCollationText('t.typcollation', 'b')})) FROM pg_type b WHERE b.oid = t.typbasetype)
  ELSE (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
      ${ownCollationText('a.attcollation', 'b')}) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END
FROM pg_type t WHERE t.typnamespace = ${schemaOid(schema)} AND t.typtype IN ('e', 'd', 'c')
  AND obj_description(t.oid, 'pg_type') = ${pg.escapeLiteral(madeTypeComment)}
ORDER BY t.typname COLLATE "C"`;

function groupColumns(rows: readonly Row[]): Map<string, ShapeColumn[]> {
  const columns = new Map<string, ShapeColumn[]>();
  for (const [table, name, type, collation, notNull, comment] of rows as [
    string,
    string,
    string,
    ...(string | null)[],
  ][]) {
    const column = {
      ...{ name, type, collation: collation ?? null },
      ...{ notNull: notNull === 't', comment: comment ?? null },
    };
    const known = columns.get(table);
    if (known) known.push(column);
    else columns.set(table, [column]);
  }
  return columns;
}

function toTable(row: Row, columnsOf: ReadonlyMap<string, readonly ShapeColumn[]>): ShapeTable {
  const [oid, name, comment, former] = row;
  return {
    name: name ?? '',
    comment: comment ?? null,
    columns: columnsOf.get(oid ?? '') ?? [],
    ...(former === '0' ? {} : { formerColumns: Number(former) }),
  };
}

function toType(row: Row): ShapeType {
  const [name, kind, text, labels, parts] = row as [string, string, string, string | null, string | null];
  if (kind === 'e')
    return { kind: 'enum', name, text, labels: labels ? (JSON.parse(labels) as string[]) : [] };
  const attributes = parseAttributes(parts);
  if (kind === 'c') return { kind: 'composite', name, text, attributes };
  const [base] = attributes;
  return { kind: 'domain', name, text, base: base?.type ?? 'text', collation: base?.collation ?? null };
}
