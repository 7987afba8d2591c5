/**
 * What a login can read, from the catalogue: schemas, tables, columns. Nothing that it may not select is listed.
 * Source: PostgreSQL manual, "System Catalogs".
 */
import type pg from 'pg';
import type { SchemaTable, SchemaTree } from '../../domain/ports.ts';
import { markerPattern, parseMarker } from './links/marker.ts';
import { rawText } from './session.ts';

const columnsQuery = `SELECT n.nspname, c.oid, c.relname, c.relkind, a.attname,
  pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
ORDER BY n.nspname, c.relname, c.oid, a.attnum`;

const tableKinds: Readonly<Record<string, SchemaTable['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

const markersQuery = `SELECT n.nspname, d.description
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_description d ON d.objoid = n.oid AND d.objsubid = 0
  AND d.classoid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
WHERE d.description LIKE $1`;

/** The data link of each schema that belongs to one. */
async function readLinks(client: pg.ClientBase): Promise<Map<string, string>> {
  const { rows } = await client.query<[string, string]>({
    text: markersQuery,
    values: [markerPattern],
    rowMode: 'array',
    types: rawText,
  });
  return new Map(
    rows.flatMap(([schema, comment]) => {
      const marker = parseMarker(comment);
      return marker ? [[schema, marker.link] as const] : [];
    }),
  );
}

/** Reads the tree, ordered by name. Throws what pg throws. */
export async function readSchema(client: pg.ClientBase): Promise<SchemaTree> {
  const result = await client.query<(string | null)[]>({
    text: columnsQuery,
    rowMode: 'array',
    types: rawText,
  });
  const schemas = new Map<
    string,
    Map<string, { name: string; kind: SchemaTable['kind']; columns: SchemaTable['columns'][number][] }>
  >();
  for (const [schema, oid, name, kind, column, type, notNull] of result.rows as [
    string,
    string,
    string,
    string,
    ...(string | null)[],
  ][]) {
    const tables = schemas.get(schema) ?? new Map();
    schemas.set(schema, tables);
    const table = tables.get(oid) ?? { name, kind: tableKinds[kind] ?? 'table', columns: [] };
    tables.set(oid, table);
    if (column) table.columns.push({ name: column, type: type ?? '', nullable: notNull !== 't' });
  }
  const links = await readLinks(client);
  return {
    schemas: [...schemas].map(([name, tables]) => ({
      name,
      link: links.get(name) ?? null,
      tables: [...tables.values()],
    })),
  };
}
