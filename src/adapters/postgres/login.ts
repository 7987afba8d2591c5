/**
 * Looks at a login: what it may do beyond reading. The login is the wall between a clip's SQL and the data, so what
 * it is allowed to do counts, not what a clip seems to do.
 * Source: PostgreSQL manual, "Predefined Roles", "System Information Functions".
 */
import type pg from 'pg';
import type { LoginProblem } from '../../domain/ports.ts';
import { rawText } from './session.ts';

/**
 * Asks about the login itself and every role that it can become. The login is session_user: a clip undoes a role that
 * is set beforehand. `acting` are those whose privileges the login does not have by itself already.
 */
const loginQuery = `WITH role AS (
  SELECT r.* FROM pg_catalog.pg_roles r
  WHERE r.rolname = session_user OR pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')
), acting AS (
  SELECT oid FROM role WHERE rolname = session_user OR NOT pg_catalog.pg_has_role(session_user, oid, 'USAGE')
), relation AS (
  SELECT c.oid, c.relowner, c.relkind FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT
  current_setting('server_version'),
  current_database(),
  session_user,
  (SELECT bool_or(rolsuper) FROM role),
  (SELECT bool_or(rolcreaterole) FROM role),
  (SELECT bool_or(rolcreatedb) FROM role),
  (SELECT bool_or(rolreplication) FROM role),
  (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM role WHERE rolname IN (
    'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program',
    'pg_maintain', 'pg_signal_backend', 'pg_checkpoint', 'pg_create_subscription')),
  EXISTS (SELECT FROM pg_catalog.pg_database d JOIN role ON role.oid = d.datdba
    WHERE d.datname = current_database() AND role.rolname <> 'pg_database_owner'),
  EXISTS (SELECT FROM relation JOIN role ON role.oid = relation.relowner),
  EXISTS (SELECT FROM pg_catalog.pg_namespace n JOIN role ON role.oid = n.nspowner
    WHERE role.rolname <> 'pg_database_owner'),
  EXISTS (SELECT FROM relation, acting WHERE relkind <> 'S' AND (
    pg_catalog.has_table_privilege(acting.oid, relation.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
    OR pg_catalog.has_any_column_privilege(acting.oid, relation.oid, 'INSERT, UPDATE'))),
  EXISTS (SELECT FROM relation, acting WHERE relkind = 'S' AND
    pg_catalog.has_sequence_privilege(acting.oid, relation.oid, 'UPDATE, USAGE')),
  (SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname) FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND EXISTS (
      SELECT FROM acting WHERE pg_catalog.has_schema_privilege(acting.oid, n.oid, 'CREATE'))),
  EXISTS (SELECT FROM acting WHERE pg_catalog.has_database_privilege(acting.oid, current_database(), 'CREATE')),
  (SELECT string_agg(quote_ident(s.srvname), ', ' ORDER BY s.srvname) FROM pg_catalog.pg_foreign_server s
    WHERE NOT (SELECT bool_or(rolsuper) FROM role) AND EXISTS (
      SELECT FROM acting WHERE pg_catalog.has_server_privilege(acting.oid, s.oid, 'USAGE'))),
  NOT (SELECT bool_or(rolsuper) FROM role) AND EXISTS (SELECT FROM acting, pg_catalog.pg_depend d
    JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
    JOIN pg_catalog.pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    WHERE e.extname = 'dblink' AND p.proname IN ('dblink', 'dblink_connect', 'dblink_exec', 'dblink_send_query')
      AND pg_catalog.has_function_privilege(acting.oid, p.oid, 'EXECUTE'))`;

/** What each answer of the query means, in its order after version, database and login. `null` when all is well. */
const meanings: readonly ((value: string | null) => LoginProblem | null)[] = [
  when('refuse', 'It is a superuser: it can read files of the server and change anything.'),
  when('refuse', 'It may make roles, and so give itself more rights.'),
  when('refuse', 'It may make databases.'),
  when('refuse', 'It may replicate, and so read every database of the server.'),
  (roles) => (roles ? { level: 'refuse', message: `It is a member of ${roles}.` } : null),
  when('refuse', 'It owns the database.'),
  when('refuse', 'It owns tables, and so may change and drop them.'),
  when('refuse', 'It owns a schema.'),
  when('refuse', 'It may write to tables.'),
  when('warn', 'It may use sequences. Read-only transactions stop it, its rights do not.'),
  (schemas) =>
    schemas
      ? {
          level: 'warn',
          message: `It may create objects in ${schemas}. Read-only transactions stop it, its rights do not.`,
        }
      : null,
  when('warn', 'It may create schemas. Read-only transactions stop it, its rights do not.'),
  (servers) =>
    servers
      ? {
          level: 'warn',
          message: `It may use the foreign server ${servers}, and so see its password or read more there than its tables show. A data link needs no such right.`,
        }
      : null,
  when('warn', 'It may call functions of dblink, and so open connections to other databases.'),
];

function when(level: LoginProblem['level'], message: string): (value: string | null) => LoginProblem | null {
  return (value) => (value === 't' ? { level, message } : null);
}

/** What the server and the login are. */
export interface LoginFacts {
  readonly serverVersion: string;
  readonly databaseName: string;
  readonly login: string;
  readonly problems: readonly LoginProblem[];
}

/** Asks the server about the login of this connection. Throws what pg throws. */
export async function inspectLogin(client: pg.ClientBase): Promise<LoginFacts> {
  const result = await client.query<(string | null)[]>({
    text: loginQuery,
    rowMode: 'array',
    types: rawText,
  });
  const [version, databaseName, login, ...answers] = result.rows[0] as (string | null)[];
  return {
    serverVersion: (version as string).split(' ')[0] as string,
    databaseName: databaseName as string,
    login: login as string,
    problems: meanings.flatMap((meaning, index) => meaning(answers[index] ?? null) ?? []),
  };
}
