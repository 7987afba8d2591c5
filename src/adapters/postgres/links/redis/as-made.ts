/**
 * Whether what a clip names of a linked Redis is as pgclip made it. pgclip reads in the place of a view only what the view
 * itself would show: an owner who has put another one there, which may hide rows, is obeyed. Reads only, in one round
 * trip. Source: PostgreSQL manual, "System Information Functions".
 */
import pg from 'pg';
import { isLinkTable } from '../../../../domain/redis-link.ts';
import { rawText } from '../../session.ts';
import { rawSchemaOf } from '../marker.ts';
import { findSource, refusalBody, refusalName } from './tables-sql.ts';

/** A table of a link that is about to be read in its place. */
export interface NamedTable {
  readonly schema: string;
  readonly name: string;
  /** Foreign server of the link; null: it has none. */
  readonly server: string | null;
}

const literal = pg.escapeLiteral;

/** What stands behind a view is asked for beside it: with it changed, the view would show something else as well. */
const lookQuery = (values: string) => `SELECT n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid),
  c.relowner = n.nspowner AND c.reloptions = '{security_barrier=true}' AND CASE WHEN t.gateway
    THEN EXISTS (SELECT FROM pg_catalog.pg_foreign_table f JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
      JOIN pg_catalog.pg_class r ON r.oid = f.ftrelid JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace
      WHERE m.nspname = t.raw AND r.relname = c.relname AND r.relowner = c.relowner AND s.srvname = t.server
      AND f.ftoptions @> ARRAY['schema_name=public', 'table_name=' || c.relname])
    ELSE EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
      WHERE p.pronamespace = n.oid AND p.proname = ${literal(refusalName)} AND p.pronargs = 0 AND p.proowner = c.relowner
      AND p.prosrc = t.body AND l.lanname = 'plpgsql' AND NOT p.prosecdef AND p.proconfig IS NULL
      AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')) END
FROM (VALUES ${values}) t(schema, name, gateway, server, raw, body)
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name AND c.relkind = 'v'`;

/**
 * The first that is not as it was made; undefined: all are. Throws what pg throws: `XX000` where a refresh has just taken
 * away what a view of the transaction's snapshot reads.
 */
export async function findChanged<T extends NamedTable>(
  client: pg.ClientBase,
  tables: readonly T[],
): Promise<T | undefined> {
  // A text may name a view over Redis and mean a WITH query of its own.
  if (tables.length === 0) return undefined;
  const values = tables.map(({ schema, name, server }) => {
    const texts = [server ?? '', rawSchemaOf(schema), refusalBody(schema)].map(literal);
    return `(${literal(schema)}, ${literal(name)}, ${server !== null}, ${texts.join(', ')})`;
  });
  const distinct = [...new Set(values)];
  const setPath = (path: string) => `SELECT pg_catalog.set_config('search_path', ${path}, true)`;
  const answers = await client.query({
    text: [
      "SELECT pg_catalog.set_config('pgclip.search_path', pg_catalog.current_setting('search_path'), true)",
      // A definition names all schemas only where none is in the path.
      setPath("''"),
      lookQuery(distinct.join(', ')),
      setPath("pg_catalog.current_setting('pgclip.search_path')"),
    ].join(';\n'),
    rowMode: 'array',
    types: rawText,
  });
  const { rows } = (answers as unknown as { rows: string[][] }[])[2] ?? { rows: [] };
  return tables.find(({ schema, name, server }) => {
    const row = rows.find((each) => each[0] === schema && each[1] === name);
    const [, , definition, untouched] = row ?? [];
    if (!isLinkTable(name) || definition === undefined || untouched !== 't') return true;
    return findSource(schema, name, definition) !== (server === null ? 'pgclip' : 'gateway');
  });
}
