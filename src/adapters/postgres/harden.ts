/**
 * Makes the login that clips should run with: a role that can read a database's tables and do nothing else. Changes
 * roles and privileges in one transaction; changes no object of the database and takes nothing away from PUBLIC,
 * but says where PUBLIC may do more than read.
 * Source: PostgreSQL manual, "Database Roles", "Privileges", GRANT, ALTER DEFAULT PRIVILEGES.
 */
import pg, { escapeIdentifier } from 'pg';
import { redisMarkerPattern } from './links/marker.ts';
import { makePassword, makeScramVerifier } from './scram.ts';

export interface HardenOptions {
  /** The URL whose host, port and parameters the new URL gets. Default: the one that is connected with. */
  readonly addressUrl?: string;
}

export interface HardenedLogin {
  /** The URL of the new login. Secret; nowhere else is its password kept. */
  readonly url: string;
  readonly role: string;
  /** Sentences: what the login can't read, and what PUBLIC may do that is more than reading. */
  readonly warnings: readonly string[];
}

/**
 * Makes the role `pgclip_reader_<database>`, or gives it a new password and the grants that are missing.
 * `ownerUrl` is a login that may create roles and grant on the tables. Throws what Postgres throws, and an Error
 * when a role of that name may do more than read.
 */
export async function hardenDatabase(ownerUrl: string, options: HardenOptions = {}): Promise<HardenedLogin> {
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('BEGIN');
    const role = await getReaderRole(client);
    const password = makePassword();
    await putRole(client, role, password);
    const unreadable = await grantReading(client, role);
    const warnings = [
      ...unreadable,
      ...(await findMemberships(client, role)),
      ...(await findPublicRights(client)),
    ];
    await client.query('COMMIT');
    const url = new URL(options.addressUrl ?? ownerUrl);
    url.username = role;
    url.password = password;
    const refusal = await findConnectProblem(url.href);
    return { url: url.href, role, warnings: refusal === null ? warnings : [refusal, ...warnings] };
  } finally {
    // Ends the transaction as well, if it is still open.
    await client.end();
  }
}

/** The role's name holds the database's, since roles belong to the whole server. At most 63 bytes. */
async function getReaderRole(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string; hash: string }>(
    'SELECT current_database() AS name, left(md5(current_database()), 8) AS hash',
  );
  const { name = '', hash = '' } = rows[0] ?? {};
  const plain = name.toLowerCase().replace(/[^a-z0-9_]/g, '_');
  // The hash keeps two databases apart whose names become the same.
  return plain === name && name.length <= 49
    ? `pgclip_reader_${name}`
    : `pgclip_reader_${plain.slice(0, 40)}_${hash}`;
}

async function putRole(client: pg.Client, role: string, password: string): Promise<void> {
  const quoted = escapeIdentifier(role);
  const login = `LOGIN NOINHERIT PASSWORD '${makeScramVerifier(password)}'`;
  const { rows } = await client.query<{ strong: boolean }>(
    `SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS strong
     FROM pg_roles WHERE rolname = $1`,
    [role],
  );
  if (rows[0]?.strong)
    throw new Error(`The role ${role} exists and may do more than read. Remove it, then harden again.`);
  if (rows[0]) await client.query(`ALTER ROLE ${quoted} WITH ${login}`);
  else
    await client.query(
      `CREATE ROLE ${quoted} WITH ${login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION`,
    );
  await client.query(`ALTER ROLE ${quoted} SET default_transaction_read_only = on`);
}

// Schemas of the server itself and of sessions' temporary tables begin with pg_. What stands behind the views of a linked
// Redis is its owner's alone.
const userSchemas = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
  SELECT FROM pg_class b JOIN pg_foreign_table f ON f.ftrelid = b.oid
  JOIN pg_description d ON d.objoid = f.ftserver AND d.classoid = 'pg_foreign_server'::regclass
  WHERE b.relnamespace = n.oid AND d.description LIKE '${redisMarkerPattern}')`;

const schemasQuery = `
  SELECT n.nspname AS name, has_schema_privilege(n.oid, 'USAGE WITH GRANT OPTION') AS grantable
  FROM pg_namespace n WHERE ${userSchemas} ORDER BY 1`;

// Tables, partitioned tables, views, materialized views, foreign tables. Partitions are read through their table.
const tablesQuery = `
  SELECT n.nspname AS schema, c.relname AS name,
         has_table_privilege(c.oid, 'SELECT WITH GRANT OPTION') AS grantable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${userSchemas} ORDER BY 1, 2`;

// Whoever may make tables that are to be read later, as far as this login may act for them.
const ownersQuery = `
  SELECT r.rolname AS name FROM pg_roles r
  WHERE r.rolname !~ '^pg_' AND pg_has_role(r.oid, 'USAGE') AND r.oid IN (
    SELECT relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${userSchemas}
    UNION SELECT nspowner FROM pg_namespace n WHERE ${userSchemas}
    UNION SELECT datdba FROM pg_database WHERE datname = current_database()
    UNION SELECT oid FROM pg_roles WHERE rolname = current_user)
  ORDER BY 1`;

/** Grants what there is and what will be. Returns a sentence for what this login can't grant. */
async function grantReading(client: pg.Client, role: string): Promise<string[]> {
  const quoted = escapeIdentifier(role);
  const { rows: names } = await client.query<{ name: string; granted: boolean }>(
    `SELECT current_database() AS name, has_database_privilege($1, current_database(), 'CONNECT') AS granted`,
    [role],
  );
  for (const { name, granted } of names)
    if (!granted) await client.query(`GRANT CONNECT ON DATABASE ${escapeIdentifier(name)} TO ${quoted}`);

  const schemas = (await client.query<{ name: string; grantable: boolean }>(schemasQuery)).rows;
  for (const { name, grantable } of schemas)
    if (grantable) await client.query(`GRANT USAGE ON SCHEMA ${escapeIdentifier(name)} TO ${quoted}`);

  const tables = (await client.query<{ schema: string; name: string; grantable: boolean }>(tablesQuery)).rows;
  for (const { name: schema } of schemas) {
    const list = tables.filter((table) => table.schema === schema && table.grantable);
    if (list.length === 0) continue;
    const targets = list.map((table) => `${escapeIdentifier(schema)}.${escapeIdentifier(table.name)}`);
    await client.query(`GRANT SELECT ON TABLE ${targets.join(', ')} TO ${quoted}`);
  }

  for (const { name } of (await client.query<{ name: string }>(ownersQuery)).rows) {
    const later = `ALTER DEFAULT PRIVILEGES FOR ROLE ${escapeIdentifier(name)}`;
    await client.query(`${later} GRANT USAGE ON SCHEMAS TO ${quoted}`);
    await client.query(`${later} GRANT SELECT ON TABLES TO ${quoted}`);
  }
  const closed = schemas.filter((schema) => !schema.grantable).map((schema) => `the schema ${schema.name}`);
  const hidden = tables.filter((table) => !table.grantable).map((table) => `${table.schema}.${table.name}`);
  return [...closed, ...hidden].length === 0
    ? []
    : [`This login may not grant on ${summarize([...closed, ...hidden])}; their owner must.`];
}

/** What else the role may be. It inherits nothing of it, but can switch to it with SET ROLE. */
async function findMemberships(client: pg.Client, role: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT g.rolname AS name FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
     JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = $1 ORDER BY 1`,
    [role],
  );
  return rows.map(({ name }) => `${role} is a member of ${name} and may do what that role may; revoke it.`);
}

// Functions that read or write files or open connections; granted to PUBLIC by nobody's default but dblink's.
const dangerousFunctions =
  '^(pg_read_file|pg_read_binary_file|pg_ls_.*|pg_stat_file|lo_import|lo_export|dblink.*)$';

async function findPublicRights(client: pg.Client): Promise<string[]> {
  const schemas = await client.query<{ name: string }>(
    `SELECT n.nspname AS name FROM pg_namespace n
     WHERE has_schema_privilege('public', n.oid, 'CREATE') AND ${userSchemas} ORDER BY 1`,
  );
  const functions = await client.query<{ name: string }>(
    `SELECT DISTINCT p.proname AS name FROM pg_proc p
     WHERE p.proname ~ $1 AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1`,
    [dangerousFunctions],
  );
  const warnings = schemas.rows.map(
    ({ name }) =>
      `Everyone may create objects in the schema ${name}: REVOKE CREATE ON SCHEMA ${escapeIdentifier(name)} FROM PUBLIC.`,
  );
  if (functions.rows.length > 0)
    warnings.push(
      `Everyone may execute ${summarize(functions.rows.map(({ name }) => `${name}()`))}: revoke EXECUTE from PUBLIC.`,
    );
  return warnings;
}

function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

async function findConnectProblem(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return null;
  } catch (error) {
    return `The new login can't connect yet (${error instanceof Error ? error.message : error}); see pg_hba.conf.`;
  } finally {
    await client.end();
  }
}
