/**
 * What the clip login may do with a linked Redis: read the views, and nothing else. Neither it nor everyone gets to the
 * foreign tables behind them, the server, or the changes that a writable link takes.
 */
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { rawSchemaOf, serverNameOf } from '../marker.ts';
import type { RightsGap } from '../reader-rights.ts';
import { type RowSource, redisTables } from './tables-sql.ts';

interface Facts {
  readonly usable: boolean | null;
  readonly server: boolean;
  readonly raw: boolean;
  readonly hidden: readonly string[];
  readonly open: readonly string[];
  readonly rawOpen: boolean;
}

const own = 'g.grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = $4))';
const factsQuery = `SELECT
  (SELECT has_schema_privilege($4, oid, 'USAGE') FROM pg_namespace WHERE nspname = $1) AS usable,
  EXISTS (SELECT FROM pg_foreign_server s, aclexplode(s.srvacl) g
    WHERE s.srvname = $3 AND ${own} AND g.grantee <> s.srvowner) AS server,
  EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) g
    WHERE n.nspname = $2 AND ${own} AND g.grantee <> n.nspowner) AS raw,
  EXISTS (SELECT FROM pg_class c, aclexplode(c.relacl) g
    WHERE c.relnamespace = to_regnamespace(quote_ident($2)) AND ${own} AND g.grantee <> c.relowner) AS "rawOpen",
  ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'v'
    AND c.relname = ANY($5) AND NOT has_table_privilege($4, c.oid, 'SELECT') ORDER BY 1) AS hidden,
  ARRAY(SELECT DISTINCT c.relname::text FROM pg_class c, aclexplode(c.relacl) g
    WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind = 'v' AND c.relname = ANY($5)
    AND g.privilege_type <> 'SELECT' AND g.grantee <> c.relowner AND ${own} ORDER BY 1) AS open`;

/** Looks at the rights that there are now. Names are not quoted. */
export async function findRedisRightsGap(
  client: pg.ClientBase,
  link: string,
  reader: string,
  source: RowSource,
): Promise<RightsGap> {
  const [server, raw] = [serverNameOf(link), rawSchemaOf(link)];
  const tables = redisTables.map(([table]) => table);
  // Without a gateway schema and server of these names are others'.
  const behind = source === 'gateway' ? [raw, server] : [null, null];
  const { rows } = await client.query<Facts>(factsQuery, [link, ...behind, reader, tables]);
  const facts = rows[0] as Facts;
  const role = escapeIdentifier(reader);
  const statements: string[] = [];
  const details: string[] = [];
  const list = (names: readonly string[]) =>
    names.map((name) => `${escapeIdentifier(link)}.${escapeIdentifier(name)}`).join(', ');
  const add = (detail: string, ...sql: readonly string[]) => {
    statements.push(...sql);
    details.push(detail);
  };
  if (facts.usable === false)
    add('may not use the schema', `GRANT USAGE ON SCHEMA ${escapeIdentifier(link)} TO ${role}`);
  if (facts.hidden.length > 0)
    add(`may not read ${count(facts.hidden)}`, `GRANT SELECT ON ${list(facts.hidden)} TO ${role}`);
  if (facts.open.length > 0)
    add(
      `may do more than read with ${count(facts.open)}`,
      `REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON ${list(facts.open)} FROM ${role}, PUBLIC`,
    );
  if (facts.raw || facts.rawOpen)
    add(
      'may use what is behind the views',
      `REVOKE ALL ON SCHEMA ${escapeIdentifier(raw)} FROM ${role}, PUBLIC`,
      `REVOKE ALL ON ALL TABLES IN SCHEMA ${escapeIdentifier(raw)} FROM ${role}, PUBLIC`,
    );
  if (facts.server)
    add(
      'may use the foreign server',
      `REVOKE ALL ON FOREIGN SERVER ${escapeIdentifier(server)} FROM ${role}, PUBLIC`,
    );
  return { statements, details };
}

const count = ({ length }: readonly string[]) => `${length} ${length === 1 ? 'table' : 'tables'}`;
