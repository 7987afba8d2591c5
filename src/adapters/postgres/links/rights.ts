/**
 * What the owner's login must be allowed before it can make a link. All that is missing is told at once, each with the
 * line of SQL that an administrator has to run.
 */
import pg, { escapeIdentifier } from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { madeTypeComment } from './shape-sql.ts';

/** The owner's login, as its connection sees itself. */
export interface OwnerFacts {
  readonly login: string;
  readonly superuser: boolean;
  readonly versionNumber: number;
}

interface Facts extends OwnerFacts {
  readonly database: string;
  readonly creates: boolean;
  readonly available: boolean;
  readonly installed: boolean;
  /** Whether it may use the language; null: it is not there. */
  readonly plpgsql: boolean | null;
}

const factsQuery = `SELECT current_user::text AS login, current_database()::text AS database,
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
  current_setting('server_version_num')::int AS "versionNumber",
  has_database_privilege(current_database(), 'CREATE') AS creates,
  EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw') AS available,
  EXISTS (SELECT FROM pg_foreign_data_wrapper WHERE fdwname = 'postgres_fdw') AS installed,
  (SELECT has_language_privilege(oid, 'USAGE') FROM pg_language WHERE lanname = 'plpgsql') AS plpgsql`;

/** Who the connection's login is. */
export async function readOwner(client: pg.ClientBase): Promise<OwnerFacts> {
  return readFacts(client);
}

async function readFacts(client: pg.ClientBase): Promise<Facts> {
  const { rows } = await client.query<Facts>(factsQuery);
  return rows[0] as Facts;
}

/**
 * Makes sure, in the connection's transaction, that a schema and a foreign server can be made; makes the extension if
 * it is missing. Throws `owner_lacks_rights` with all that is missing.
 */
export async function prepareRights(
  client: pg.ClientBase,
  needs: { readonly schema: boolean; readonly server: boolean },
): Promise<void> {
  const facts = await readFacts(client);
  const role = escapeIdentifier(facts.login);
  const missing: string[] = [];
  if (needs.schema && !facts.creates)
    missing.push(
      `It may not create schemas: GRANT CREATE ON DATABASE ${escapeIdentifier(facts.database)} TO ${role};`,
    );
  if (facts.plpgsql === null)
    missing.push('The database lacks the language plpgsql, which comes with it: CREATE EXTENSION plpgsql;');
  else if (!facts.plpgsql)
    missing.push(`It may not use the language plpgsql: GRANT USAGE ON LANGUAGE plpgsql TO ${role};`);
  if (needs.server) {
    const installed = facts.installed || (facts.available && (await createExtension(client)));
    if (!facts.available && !installed)
      missing.push(
        "The database's server lacks the extension postgres_fdw: install PostgreSQL's contrib package there (Debian and Ubuntu: postgresql-contrib), then CREATE EXTENSION postgres_fdw;",
      );
    else if (!installed)
      missing.push('It may not create the extension postgres_fdw: CREATE EXTENSION postgres_fdw;');
    if (!facts.superuser && !(installed && (await mayUseWrapper(client))))
      missing.push(
        `It may not use postgres_fdw: GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${role};`,
      );
  }
  if (missing.length === 0) return;
  throw new AppError(
    'owner_lacks_rights',
    `The owner's login ${facts.login} lacks rights; a superuser of the database has to run this in the database ${facts.database}.\n${missing.join('\n')}`,
  );
}

async function mayUseWrapper(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    "SELECT has_foreign_data_wrapper_privilege('postgres_fdw', 'USAGE') AS may",
  );
  return rows[0]?.may === true;
}

/** False when the login may not. */
async function createExtension(client: pg.ClientBase): Promise<boolean> {
  // Two links made at once would both find it missing.
  await client.query("SELECT pg_advisory_xact_lock(hashtextextended('pgclip extension postgres_fdw', 0))");
  await client.query('SAVEPOINT extension');
  try {
    // In public, where it is by default, unless that is gone.
    const { rows } = await client.query<{ schema: string }>(
      "SELECT coalesce(to_regnamespace('public')::text, 'pg_catalog') AS schema",
    );
    await client.query(
      `CREATE EXTENSION IF NOT EXISTS postgres_fdw SCHEMA ${escapeIdentifier(rows[0]?.schema ?? '')}`,
    );
    await client.query('RELEASE SAVEPOINT extension');
    return true;
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT extension');
    // 0A000: a managed Postgres (Azure) that has not allowed the extension.
    if (error instanceof pg.DatabaseError && ['42501', '0A000'].includes(error.code ?? '')) return false;
    throw error;
  }
}

/**
 * Throws `owner_lacks_rights` when parts of the link belong to a role that the login is not a member of; the message
 * has the lines that give them to it.
 */
export async function checkOwnership(
  client: pg.ClientBase,
  link: { readonly schema: number | null; readonly server: number | null },
): Promise<void> {
  const { rows } = await client.query<{ line: string }>(
    `SELECT format('ALTER %s OWNER TO %I;', what, current_user) AS line FROM (
       SELECT 1 AS rank, format('SCHEMA %I', nspname) AS what, nspowner AS owner
         FROM pg_namespace WHERE oid = $1
       UNION ALL SELECT 2, format('SERVER %I', srvname), srvowner FROM pg_foreign_server WHERE oid = $2
       UNION ALL SELECT 3, format('FOREIGN TABLE %I.%I', nspname, relname), relowner
         FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE n.oid = $1 AND relkind = 'f'
       UNION ALL SELECT 4, format(CASE typtype WHEN 'd' THEN 'DOMAIN %I.%I' ELSE 'TYPE %I.%I' END, nspname, typname),
           typowner FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid
         WHERE n.oid = $1 AND obj_description(t.oid, 'pg_type') = $3
          AND (typtype IN ('e', 'd') OR typtype = 'c' AND relkind = 'c')
     ) parts WHERE NOT pg_has_role(owner, 'USAGE') ORDER BY rank, what`,
    [link.schema, link.server, madeTypeComment],
  );
  if (rows.length === 0) return;
  throw new AppError(
    'owner_lacks_rights',
    `Parts of the link belong to another login than the owner's; a superuser of the database has to run:\n${rows.map(({ line }) => line).join('\n')}`,
  );
}
