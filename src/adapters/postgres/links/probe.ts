/**
 * Whether two servers are the one that they should be, proved by advisory locks of random keys: who sees the lock is
 * connected with the server that holds it. A host name may mean one machine to pgclip and another to the database.
 */
import { randomBytes, randomInt } from 'node:crypto';
import pg, { escapeIdentifier, escapeLiteral } from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { isQueryCanceled } from '../pg-error.ts';
import { isRemoteUnavailable } from '../remote-error.ts';
import type { RemoteConnection } from './connection.ts';

/** Two positive integers, the keys of a lock. */
type Keys = readonly [number, number];

const newKeys = (): Keys => [randomInt(1, 2 ** 31), randomInt(1, 2 ** 31)];
/** The longest that a remote may take to answer the database's server. */
const deadlineMs = 30_000;

const lockQuery = 'SELECT pg_advisory_xact_lock($1, $2)';

/** Whether another connection leads to the database of this one, which is in a transaction. Throws what `ask` throws. */
export async function isSameDatabase(client: pg.ClientBase, ask: RemoteConnection['ask']): Promise<boolean> {
  const keys = newKeys();
  await client.query(lockQuery, [...keys]);
  const { rows } = await ask((other) =>
    other.query(
      `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND objid = $2 AND objsubid = 2
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [...keys],
    ),
  );
  return rows.length > 0;
}

/** Throws `remote_refused` when the remote is the database of the connection, which is in a transaction. */
export async function checkNotItself(client: pg.ClientBase, remote: RemoteConnection): Promise<void> {
  if (await isSameDatabase(client, remote.ask))
    throw new AppError(
      'remote_refused',
      `${remote.name} is this database itself. Its tables are here already; link another database.`,
    );
}

export interface ProbePlace {
  /** The link's schema, which the reader may use already. */
  readonly schema: string;
  readonly server: string;
  /** The login to look with, because the connection's is a superuser, of whom less is asked; else null. */
  readonly reader: string | null;
}

/** What came of a probe: `password not asked` is the remote's fault that a superuser can allow. */
export type ProbeOutcome = 'reached' | 'password not asked';

/**
 * Looks through the foreign server, in the connection's transaction, and leaves nothing behind. Throws
 * `remote_refused` when the server leads elsewhere or nowhere, `remote_unavailable`.
 */
export async function probeServer(
  client: pg.ClientBase,
  place: ProbePlace,
  remote: RemoteConnection,
): Promise<ProbeOutcome> {
  const keys = newKeys();
  const { rows } = await remote.ask(async (other) => {
    await other.query(lockQuery, [...keys]);
    return other.query<{ oid: number }>('SELECT oid FROM pg_database WHERE datname = current_database()');
  });
  const table = `${escapeIdentifier(place.schema)}.pgclip_${randomBytes(8).toString('hex')}`;
  await client.query(`SAVEPOINT probe; SET LOCAL statement_timeout = ${deadlineMs}`);
  let outcome: ProbeOutcome | AppError;
  try {
    outcome = (await look(client, place, table, keys, rows[0]?.oid ?? 0))
      ? 'reached'
      : new AppError('remote_refused', elsewhere(remote.name));
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    outcome = error.code === '2F003' ? 'password not asked' : toProbeError(error, remote.name);
  }
  // The caller undoes everything then; to undo this part alone would ask a remote that may be gone.
  if (outcome instanceof AppError) throw outcome;
  // Takes the role back too.
  await client.query('ROLLBACK TO SAVEPOINT probe');
  return outcome;
}

async function look(
  client: pg.ClientBase,
  { server, reader }: ProbePlace,
  table: string,
  keys: Keys,
  database: number,
): Promise<boolean> {
  await client.query(
    `CREATE FOREIGN TABLE ${table} (locktype text, database oid, classid oid, objid oid, objsubid int2)
     SERVER ${escapeIdentifier(server)} OPTIONS (schema_name 'pg_catalog', table_name 'pg_locks')`,
  );
  if (reader !== null) {
    await client.query(`GRANT SELECT ON ${table} TO ${escapeIdentifier(reader)}`);
    await client.query(`SET LOCAL ROLE ${escapeIdentifier(reader)}`);
  }
  const { rows } = await client.query(
    `SELECT locktype FROM ${table} WHERE locktype = 'advisory' AND database = ${escapeLiteral(String(database))}
     AND classid = ${keys[0]} AND objid = ${keys[1]} AND objsubid = 2`,
  );
  return rows.length > 0;
}

function elsewhere(name: string): string {
  return `With the address of ${name} the database's server comes to another database than pgclip does: a name such as localhost means another machine there. Put an address into ${name} that means the same to both.`;
}

/** libpq's reason has addresses and the user in it, never the password. */
function toProbeError(error: pg.DatabaseError, name: string): AppError {
  const state = error.code ?? '';
  const reason = error.detail ?? error.message;
  if (state === '08001')
    return new AppError(
      'remote_refused',
      `pgclip reaches ${name}, but the database's server does not: ${reason.trim()} See that the address and the TLS files in ${name} are good there too.`,
    );
  // The remote's own words come with its own SQLSTATE.
  if (isRemoteUnavailable(error) || isQueryCanceled(error))
    return new AppError(
      'remote_unavailable',
      `${name} does not answer the database's server. Try again in a moment.`,
      {
        cause: `SQLSTATE ${state}`,
        retryAfterSeconds: 5,
      },
    );
  return new AppError(
    'remote_refused',
    `The database's server can't read ${name} (SQLSTATE ${state}): ${error.message}.`,
    { cause: `SQLSTATE ${state}` },
  );
}
