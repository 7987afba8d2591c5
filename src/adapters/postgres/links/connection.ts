/**
 * Connections of data links: one for each piece of work, closed at its end whatever happens. What a local or a remote
 * server answers becomes an AppError here, by SQLSTATE alone.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { AppError, type ErrorCode, toAppError } from '../../../domain/errors.ts';
import type { RemoteAddress } from '../../../domain/link-host.ts';
import { causeOf, isConnectionFailure, toDatabaseError } from '../pg-error.ts';
import { isOfRemote, isRemoteUnavailable } from '../remote-error.ts';

/** Makes the socket of a connection; Workers have one of their own. */
export type SocketMaker = (config: pg.ClientConfig) => Duplex;

const connectDeadlineMs = 10_000;
/** The longest that a remote may take to tell of its catalogue. */
const remoteDeadlineMs = 60_000;

function makeClient(url: string, socket: SocketMaker | undefined, more: pg.ClientConfig = {}): pg.Client {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'pgclip',
    connectionTimeoutMillis: connectDeadlineMs,
    keepAlive: true,
    stream: (socket ?? (() => new Socket())) as NonNullable<pg.ClientConfig['stream']>,
    ...more,
  });
  // A connection that breaks makes its query fail; without a listener it would end the process too.
  client.on('error', () => {});
  return client;
}

/** Does work on a connection of its own; `name` is the config var of its URL. Throws `database_unavailable` and what `toLinkError` makes of the rest. */
export async function withLocal<T>(
  { name, url }: RemoteAddress,
  socket: SocketMaker | undefined,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = makeClient(url, socket);
  try {
    await client.connect().catch((error: unknown) => {
      const refused = error instanceof pg.DatabaseError && error.code?.startsWith('28');
      if (!refused) throw toDatabaseError(error);
      const message = `The database refuses the login ${client.user}. Correct it in ${name}, and start pgclip again.`;
      throw new AppError('database_unavailable', message, { cause: causeOf(error) });
    });
    return await work(client);
  } catch (error) {
    throw toLinkError(error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** A remote that pgclip has reached by itself. */
export interface RemoteConnection {
  readonly name: string;
  /** Asks it something. Throws `remote_unavailable`, `remote_refused`. */
  ask<T>(question: (client: pg.Client) => Promise<T>): Promise<T>;
}

/**
 * Does work beside a connection to the remote, which is in a read-only transaction meanwhile. Throws
 * `remote_unavailable`, `remote_refused`, and what the work throws.
 */
export async function withRemote<T>(
  { name, url }: RemoteAddress,
  socket: SocketMaker | undefined,
  work: (remote: RemoteConnection) => Promise<T>,
): Promise<T> {
  const ask = async <U>(question: () => Promise<U>): Promise<U> => {
    try {
      return await question();
    } catch (error) {
      throw toRemoteError(error, name);
    }
  };
  const client = makeRemoteClient(name, url, socket);
  try {
    await ask(async () => {
      await client.connect();
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query("SET LOCAL search_path = ''; SET LOCAL idle_in_transaction_session_timeout = 0");
    });
    return await work({ name, ask: (question) => ask(() => question(client)) });
  } finally {
    await client.end().catch(() => {});
  }
}

/** pg reads the TLS files that the URL names. Throws `remote_refused` when it can't. */
function makeRemoteClient(name: string, url: string, socket: SocketMaker | undefined): pg.Client {
  try {
    return makeClient(url, socket, { query_timeout: remoteDeadlineMs });
  } catch (error) {
    const cause = causeOf(error);
    throw new AppError(
      'remote_refused',
      `pgclip can't use ${name} (${cause}). See that its parameters are right and that the TLS files which it names can be read here.`,
      { cause },
    );
  }
}

/** The AppError of what the remote answered, or of its silence. */
function toRemoteError(error: unknown, name: string): AppError {
  if (error instanceof AppError) return error;
  if (isMistake(error)) return toAppError(error);
  const state = error instanceof pg.DatabaseError ? (error.code ?? '') : '';
  if (state.startsWith('28')) {
    return new AppError(
      'remote_refused',
      `The server of ${name} refuses the login. Correct the user and the password in ${name}, or what pg_hba.conf allows it.`,
      { cause: `SQLSTATE ${state}` },
    );
  }
  if (state === '3D000') {
    return new AppError(
      'remote_refused',
      `The server of ${name} has no database of that name. Correct ${name}.`,
    );
  }
  if (state && !isConnectionFailure(error)) {
    return new AppError(
      'remote_refused',
      `${name} does not let its catalogue be read (SQLSTATE ${state}). See that it is a PostgreSQL 14 or later.`,
      { cause: `SQLSTATE ${state}` },
    );
  }
  const cause = causeOf(error);
  return new AppError(
    'remote_unavailable',
    `${name} does not answer (${cause}). See that it runs and that its URL leads to it, then try again.`,
    { cause, retryAfterSeconds: 5 },
  );
}

/** What Postgres says, in what the local database answers to link work. */
const meanings: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  '25006': ['links_read_only', 'The database takes no changes now: it is a standby or set to be read only.'],
  '40P01': ['link_busy', 'The tables of the link are in use. Try again in a moment.'],
  '55P03': ['link_busy', 'The link is being changed by someone else, or its tables are in use. Try again.'],
  '57014': ['link_busy', 'The database took too long over a step, or cancelled it. Try again in a moment.'],
  '42501': [
    'owner_lacks_rights',
    "The owner's login may not do a step of this. What Postgres says tells which right it lacks.",
  ],
  '53200': [
    'remote_refused',
    'The database has no room for so many tables at once: an administrator has to raise max_locks_per_transaction.',
  ],
  '0A000': ['link_in_use', 'Something else in the database uses the row type of a table that has to change.'],
  '2BP01': ['link_in_use', 'Something else in the database depends on the link; Postgres says what.'],
};

/** The AppError of what the local database threw while it worked on a link. */
export function toLinkError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isMistake(error)) return toAppError(error);
  if (!(error instanceof pg.DatabaseError)) return toDatabaseError(error);
  const state = error.code ?? 'XX000';
  const message = error.detail ? `${error.message} (${error.detail})` : error.message;
  const sql = { sqlstate: state, message, ...(error.hint ? { hint: error.hint } : {}) };
  // A transaction that has used the foreign server ends on the remote too, which may be gone by then.
  if (isOfRemote(error) && isRemoteUnavailable(error))
    return new AppError(
      'remote_unavailable',
      "The remote does not answer the database's server any more. The link is as it was; try again in a moment.",
      { sql, cause: `SQLSTATE ${state} of a remote`, retryAfterSeconds: 5 },
    );
  const known = meanings[state];
  if (known) {
    const [code, text] = known;
    return new AppError(code, text, { sql, ...(code === 'link_busy' ? { retryAfterSeconds: 10 } : {}) });
  }
  // Class XX tells of a tuple that two transactions changed as well: not of the connection, as it would of a run.
  if (isConnectionFailure(error) && !state.startsWith('XX')) return toDatabaseError(error);
  return new AppError('internal', `Postgres refused a step of the link (SQLSTATE ${state}).`, {
    sql,
    cause: `SQLSTATE ${state}`,
  });
}

/** True for what no server can cause. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError;
}

/** Throws `run_cancelled` once nobody wants the work any more. */
export function checkWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AppError('run_cancelled', 'Nobody waits for this any more. The link stays as it was.');
}
