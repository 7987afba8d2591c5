/**
 * What the clip login may do with a link: read its tables, and nothing else. In particular it may not use the foreign
 * server, which would show it the remote's password or let it make tables of its own.
 */
import type pg from 'pg';
import { escapeIdentifier } from 'pg';

/** What has to be granted or taken away. */
export interface RightsGap {
  readonly statements: readonly string[];
  /** What is wrong, as people read it: `may not read 3 tables`. */
  readonly details: readonly string[];
}

interface Facts {
  readonly usable: boolean | null;
  /** Roles that let the reader use the server, quoted. */
  readonly openers: readonly string[];
}

/**
 * SQL: the roles, quoted, through which a login may use the foreign server `s`. Being its owner, or a superuser, is no
 * right that could be taken away.
 */
export const openersSql = (
  reader: string,
): string => `ARRAY(SELECT DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC')
  FROM aclexplode(s.srvacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee JOIN pg_roles login ON login.rolname = ${reader}
  WHERE g.grantee <> s.srvowner
    AND (g.grantee IN (0, login.oid) OR NOT login.rolsuper AND pg_has_role(login.oid, g.grantee, 'MEMBER')))`;

const factsQuery = `SELECT
  (SELECT has_schema_privilege($3, n.oid, 'USAGE') FROM pg_namespace n WHERE nspname = $1) AS usable,
  coalesce((SELECT ${openersSql('$3')} FROM pg_foreign_server s WHERE s.srvname = $2), '{}') AS openers`;

const tablesQuery = `SELECT c.relname::text AS name, NOT has_table_privilege($2, c.oid, 'SELECT') AS hidden,
    EXISTS (SELECT FROM aclexplode(c.relacl) g WHERE g.privilege_type <> 'SELECT' AND g.grantee <> c.relowner
      AND g.grantee IN (0, (SELECT oid FROM pg_roles WHERE rolname = $2))) AS open
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1 AND c.relkind = 'f' ORDER BY 1`;

/** Tables that one GRANT names. */
const tablesAtOnce = 200;

/** Looks at the rights that there are now. Names are not quoted. */
export async function findRightsGap(
  client: pg.ClientBase,
  { schema, server, reader }: { readonly schema: string; readonly server: string; readonly reader: string },
): Promise<RightsGap> {
  const facts = (await client.query<Facts>(factsQuery, [schema, server, reader])).rows[0];
  const { rows: tables } = await client.query<{ name: string; hidden: boolean; open: boolean }>(tablesQuery, [
    schema,
    reader,
  ]);
  const role = escapeIdentifier(reader);
  const list = (names: readonly string[]) =>
    names.map((name) => `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`).join(', ');
  const hidden = tables.filter((table) => table.hidden).map(({ name }) => name);
  const open = tables.filter((table) => table.open).map(({ name }) => name);
  const statements: string[] = [];
  const details: string[] = [];
  if (facts?.usable === false) {
    statements.push(`GRANT USAGE ON SCHEMA ${escapeIdentifier(schema)} TO ${role}`);
    details.push('may not use the schema');
  }
  if (hidden.length > 0) {
    for (let i = 0; i < hidden.length; i += tablesAtOnce)
      statements.push(`GRANT SELECT ON TABLE ${list(hidden.slice(i, i + tablesAtOnce))} TO ${role}`);
    details.push(`may not read ${countTables(hidden.length)}`);
  }
  if (open.length > 0) {
    const rights = 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER';
    for (let i = 0; i < open.length; i += tablesAtOnce)
      statements.push(
        `REVOKE ${rights} ON TABLE ${list(open.slice(i, i + tablesAtOnce))} FROM ${role}, PUBLIC`,
      );
    details.push(`may do more than read with ${countTables(open.length)}`);
  }
  const openers = facts?.openers ?? [];
  if (openers.length > 0) {
    statements.push(`REVOKE ALL ON FOREIGN SERVER ${escapeIdentifier(server)} FROM ${openers.join(', ')}`);
    details.push('may use the foreign server');
  }
  return { statements, details };
}

const countTables = (count: number) => `${count} ${count === 1 ? 'table' : 'tables'}`;
