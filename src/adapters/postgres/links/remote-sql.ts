/**
 * The statements that read a remote's catalogue. They name nothing that PostgreSQL 14 to 18 don't all have, and are sent
 * by `readAll` with its settings.
 */
import pg from 'pg';
import { collationColumns } from './catalog-read.ts';

/** OID of `pg_catalog."default"` in every version. */
export const defaultCollationOid = '100';

export const schemaSql = (schema: string) =>
  `SELECT oid FROM pg_namespace WHERE nspname = ${pg.escapeLiteral(schema)}`;

/** Partitions are not listed: their table is. */
const linkable = (schema: string) => `c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND c.relnamespace = (${schemaSql(schema)})`;

const readableSchema = `has_schema_privilege(c.relnamespace, 'USAGE')`;
const readableColumn = `(has_table_privilege(c.oid, 'SELECT') OR has_column_privilege(c.oid, a.attnum, 'SELECT'))`;

/** A table's size is what its last VACUUM or ANALYZE saw, and unknown before the first. */
export const tablesSql = (schema: string) => `WITH RECURSIVE parts(root, oid) AS (
  SELECT c.oid, c.oid FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm') AND ${linkable(schema)}
  UNION ALL
  SELECT parts.root, i.inhrelid FROM parts JOIN pg_inherits i ON i.inhparent = parts.oid
  JOIN pg_class p ON p.oid = i.inhrelid AND p.relispartition
), sizes AS (
  SELECT parts.root, sum(p.relpages::int8) * current_setting('block_size')::int8 AS bytes
  FROM parts JOIN pg_class p ON p.oid = parts.oid WHERE p.relkind <> 'p'
  GROUP BY 1 HAVING bool_and(p.reltuples >= 0)
)
SELECT c.oid, c.relname, c.relkind, d.description, s.bytes::int8,
  ${readableSchema} AND has_any_column_privilege(c.oid, 'SELECT')
FROM pg_class c LEFT JOIN sizes s ON s.root = c.oid
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
WHERE ${linkable(schema)} ORDER BY c.relname COLLATE "C"`;

/** A NOT NULL that was never checked (18 and later) is no promise, and those of views and foreign tables are none. */
export const columnsSql = (schema: string) => `SELECT c.oid, a.attname, a.atttypid,
  format_type(a.atttypid, a.atttypmod), nullif(a.attcollation, 0),
  a.attnotnull AND c.relkind IN ('r', 'p') AND (c.oid, a.attnum) NOT IN (SELECT k.conrelid, unnest(k.conkey)
    FROM pg_constraint k WHERE k.contype = 'n' AND NOT k.convalidated),
  d.description
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = a.attnum
WHERE ${linkable(schema)} AND ${readableSchema} AND ${readableColumn} ORDER BY c.oid, a.attnum`;

/** The types of the columns, and what those are made of. */
export const typesSql = (schema: string) => `WITH RECURSIVE needed(oid) AS (
  SELECT a.atttypid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped WHERE ${linkable(schema)} AND ${readableSchema} AND ${readableColumn}
  UNION
  SELECT part.oid FROM needed JOIN pg_type t ON t.oid = needed.oid CROSS JOIN LATERAL (
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
      AND a.attnum > 0 AND NOT a.attisdropped
  ) part(oid)
)
SELECT t.oid, n.nspname, t.typname, t.typtype,
  (SELECT x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    AND d.refclassid = 'pg_extension'::regclass LIMIT 1),
  (SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid),
  t.typdelim, coalesce(r.relkind <> 'c', false),
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
  CASE t.typtype WHEN 'd' THEN json_build_array(json_build_array('', t.typbasetype::text,
    format_type(t.typbasetype, t.typtypmod), nullif(t.typcollation, 0)::text))
  ELSE (SELECT json_agg(json_build_array(a.attname, a.atttypid::text, format_type(a.atttypid, a.atttypmod),
      nullif(a.attcollation, 0)::text) ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped) END,
  (SELECT json_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid) COLLATE "C")
    FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), t.typnotnull
FROM needed JOIN pg_type t ON t.oid = needed.oid JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class r ON r.oid = t.typrelid`;

export const collationsSql = `SELECT c.oid, ${collationColumns} FROM pg_collation c, to_jsonb(c) j
WHERE c.oid <> ${defaultCollationOid} AND c.oid IN (
  SELECT attcollation FROM pg_attribute UNION SELECT typcollation FROM pg_type)`;
