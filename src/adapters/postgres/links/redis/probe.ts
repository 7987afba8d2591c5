/**
 * Whether clips can read a linked Redis: one key that is not there is asked for on their way, through the view, the
 * foreign server and the gateway. That the gateway is ours it proves itself, by knowing the password.
 */
import { randomUUID } from 'node:crypto';
import pg, { escapeIdentifier, escapeLiteral } from 'pg';
import { AppError } from '../../../../domain/errors.ts';
import { isQueryCanceled } from '../../pg-error.ts';
import { isOfRemote, isRemoteUnavailable } from '../../remote-error.ts';
import { viewName } from './tables-sql.ts';

/** The longest that the gateway may take to answer the database's server. */
const deadlineMs = 30_000;

export interface RedisProbe {
  readonly link: string;
  /** Config var of the Redis. */
  readonly remote: string;
  /** Where the gateway is, for people. */
  readonly place: string;
  /** The login to look with, because the connection's is a superuser, of whom less is asked; else null. */
  readonly reader: string | null;
}

/** Looks, in the connection's transaction, which goes on after. Throws `remote_refused`, `remote_unavailable`. */
export async function probeRedis(client: pg.ClientBase, probe: RedisProbe): Promise<void> {
  const failure = await askGateway(client, viewName(probe.link, 'redis'), probe);
  if (failure) throw toProbeError(failure, probe);
}

/**
 * Reads from the relation, given as SQL, with the rights of `reader`, or of the connection's login. Returns what the gateway
 * or the way to it made fail, or null; throws what pg throws otherwise.
 */
export async function askGateway(
  client: pg.ClientBase,
  relation: string,
  { reader = null, waitMs = deadlineMs }: { readonly reader?: string | null; readonly waitMs?: number } = {},
): Promise<pg.DatabaseError | null> {
  await client.query(`SAVEPOINT probe; SET LOCAL statement_timeout = ${waitMs}`);
  try {
    if (reader !== null) await client.query(`SET LOCAL ROLE ${escapeIdentifier(reader)}`);
    await client.query(`SELECT FROM ${relation} WHERE key = ${escapeLiteral(randomUUID())}`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !(isOfRemote(error) || isQueryCanceled(error))) throw error;
    await client.query('ROLLBACK TO SAVEPOINT probe');
    return error;
  }
  // Takes the role back too.
  await client.query('ROLLBACK TO SAVEPOINT probe');
  return null;
}

/**
 * Why the database does not get into the gateway, as sentences; null: it does, and something else is wrong. libpq's reasons
 * are in the server's language, so they are told, and nothing is concluded from them.
 */
export function findNoEntry(failure: pg.DatabaseError): string | null {
  // From 16 on postgres_fdw does not heed connect_timeout: what drops packets is known by our own deadline alone.
  if (isQueryCanceled(failure)) return 'It gets no answer there. Set GATEWAY_ADDRESS to where it does.';
  return failure.code === '08001' ? describeNoEntry(failure) : null;
}

function describeNoEntry({ detail, message }: pg.DatabaseError): string {
  // One line for each address that was tried; what is set in tells what to do about a PostgreSQL.
  const lines = (detail ?? message).trim().split('\n');
  const reasons = lines.filter((line) => !line.startsWith('\t')).map((line) => line.replace(/\.$/, ''));
  return `It does not get in: ${reasons.join('; ')}. Set GATEWAY_ADDRESS to where it reaches the gateway, and see that the pgclip there has the same API_TOKEN.`;
}

/** libpq's reason has addresses and the user in it, never the password; what the gateway says is for anyone. */
export function toProbeError(
  error: pg.DatabaseError,
  { place, remote }: Pick<RedisProbe, 'place' | 'remote'>,
): AppError {
  const cause = `SQLSTATE ${error.code}`;
  if (error.code === '08001')
    return new AppError(
      'remote_refused',
      `The database's server can't use pgclip's gateway at ${place}. ${describeNoEntry(error)}`,
      { cause },
    );
  if (error.code === '2F003')
    return new AppError(
      'remote_refused',
      `What answers at ${place} lets the login in without asking for its password: it is not pgclip's gateway. Correct GATEWAY_ADDRESS.`,
      { cause },
    );
  if (isRemoteUnavailable(error) || isQueryCanceled(error))
    return new AppError(
      'remote_unavailable',
      `${remote} does not answer through pgclip's gateway now: ${error.message}`,
      { cause, retryAfterSeconds: 5 },
    );
  return new AppError('remote_refused', `pgclip's gateway refuses to read ${remote}: ${error.message}`, {
    cause,
  });
}
