/**
 * One read-only transaction on a leased connection: begun with the settings that fix how values are written, always
 * rolled back, its connection given back as it was found. Source: PostgreSQL manual, "SET TRANSACTION", "DISCARD".
 */
import type pg from 'pg';
import type { Log } from '../../domain/ports.ts';
import { answerDeadlineMs, type Connector, type Lease } from './connect.ts';
import type { LinkedRedis, LinkedRedisLook } from './linked-redis.ts';
import { isConnectionFailure } from './pg-error.ts';

export interface Session {
  readonly client: pg.ClientBase;
  /** Backend that serves it, asked from the server: behind a pooler the protocol's own pid is not the backend's. */
  readonly pid: number;
  /** Transaction time by the database's clock, ISO 8601 UTC with milliseconds. */
  readonly startedAt: string;
  /** e.g. `18.4`. */
  readonly serverVersion: string;
  /** What the server gives a statement: the deadline, or less when the login has less. The query may change it. */
  readonly statementTimeoutMs: number;
  /** The Redis that are linked into the database, as the transaction sees it. */
  readonly linkedRedis: readonly LinkedRedis[];
  /** Begins the transaction again, on the same connection as if it were a new one. Throws what pg throws. */
  renew(): Promise<void>;
  /** Rolls back and, in the background, gives the connection back once it holds nothing of this run. */
  end(): void;
  /**
   * Closes the connection at once and, in the background, cancels what the backend still does. Of `end`, `abort` and
   * `drop` the first call counts; later ones do nothing.
   */
  abort(): void;
  /** Closes a connection that is broken already. */
  drop(): void;
}

/**
 * What every run begins with. Values are written the same whatever the server's or the login's defaults are, but for
 * the time zone, which people set on purpose. A lower statement_timeout of the login stays. setseed keeps one run
 * from foretelling another's random(). Everything is named in full: what a login's search_path has of the same name,
 * or nearer to these types, is somebody else's.
 */
function beginText(deadlineMs: number, linked: LinkedRedisLook | undefined): string {
  return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL bytea_output = 'hex';
SET LOCAL xmlbinary = 'base64';
SET LOCAL extra_float_digits = 1;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL standard_conforming_strings = on;
SELECT pg_catalog.pg_backend_pid(),
  pg_catalog.to_char(pg_catalog.transaction_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1),
  pg_catalog.setseed(${(Math.random() * 2 - 1).toFixed(15)}),
  extract(epoch FROM pg_catalog.set_config('statement_timeout', CASE
    WHEN pg_catalog.current_setting('statement_timeout') OPERATOR(pg_catalog.=) '0'
      OR pg_catalog.current_setting('statement_timeout')::interval OPERATOR(pg_catalog.>) interval '${deadlineMs} ms' THEN '${deadlineMs}'
    ELSE pg_catalog.current_setting('statement_timeout') END, true)::interval) OPERATOR(pg_catalog.*) 1000,
  (${linked?.query ?? 'NULL'})`;
}

interface BeginOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Default: linked Redis are not looked for. */
  readonly linked?: LinkedRedisLook;
}

/** Opens a session. Throws `queue_full`, `run_cancelled`, `database_unavailable` or what pg throws. */
export async function openSession(
  connector: Connector,
  options: BeginOptions & { log: Log },
): Promise<Session> {
  let lease = await connector.acquire(options.signal);
  let begun: BeginRow;
  try {
    begun = await begin(lease, options);
  } catch (error) {
    lease.destroy();
    if (!isConnectionFailure(error)) throw error;
    // A pooled connection may have died unnoticed while it was idle; a second one is new, or says what is wrong.
    lease = await connector.acquire(options.signal);
    try {
      begun = await begin(lease, options);
    } catch (again) {
      lease.destroy();
      throw again;
    }
  }
  return startSession(connector, lease, toFacts(begun, options), options);
}

type SessionFacts = Pick<
  Session,
  'pid' | 'startedAt' | 'serverVersion' | 'statementTimeoutMs' | 'linkedRedis'
>;

function toFacts(row: BeginRow, { linked }: BeginOptions): SessionFacts {
  const [pid, startedAt, serverVersion, , statementTimeoutMs, links] = row;
  return {
    pid: Number(pid),
    startedAt,
    serverVersion,
    statementTimeoutMs: Number(statementTimeoutMs),
    linkedRedis: linked?.take(links) ?? [],
  };
}

/** Type parsers off: every value arrives as the text that Postgres wrote. */
export const rawText = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;

/** Backend pid, transaction time, server version, nothing (setseed), statement_timeout in milliseconds, linked Redis. */
type BeginRow = readonly [string, string, string, string, string, string | null];

async function begin(lease: Lease, { deadlineMs, signal, linked }: BeginOptions): Promise<BeginRow> {
  const leave = () => lease.destroy();
  signal?.addEventListener('abort', leave, { once: true });
  if (signal?.aborted) leave();
  try {
    const results = await lease.client.query({
      text: beginText(deadlineMs, linked),
      rowMode: 'array',
      types: rawText,
      ...answered(deadlineMs),
    });
    // The simple protocol answers several statements with several results.
    const last = (results as unknown as pg.QueryArrayResult[]).at(-1);
    return last?.rows[0] as unknown as BeginRow;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

/** For a statement that does no work: pg gives up on it, since a peer that vanished answers never. */
function answered(deadlineMs: number): { query_timeout: number } {
  return { query_timeout: Math.min(deadlineMs, answerDeadlineMs) };
}

function startSession(
  connector: Connector,
  lease: Lease,
  begun: SessionFacts,
  options: BeginOptions,
): Session {
  let facts = begun;
  let over = false;
  const once = (last: () => void) => () => {
    if (over) return;
    over = true;
    last();
  };
  return {
    client: lease.client,
    // Behind a pooler another backend may serve the transaction that begins again.
    get pid() {
      return facts.pid;
    },
    get startedAt() {
      return facts.startedAt;
    },
    get serverVersion() {
      return facts.serverVersion;
    },
    get statementTimeoutMs() {
      return facts.statementTimeoutMs;
    },
    get linkedRedis() {
      return facts.linkedRedis;
    },
    renew: async () => {
      await reset(lease);
      facts = toFacts(await begin(lease, options), options);
    },
    end: once(() => connector.background(giveBack(lease))),
    // Closing alone is noticed only when the backend next writes, so it is cancelled too. The connection is never
    // used again, since the cancel may arrive late.
    abort: once(() => {
      lease.destroy();
      connector.background(connector.cancel(facts.pid));
    }),
    drop: once(() => lease.destroy()),
  };
}

async function reset(lease: Lease): Promise<void> {
  await lease.client.query({ text: 'ROLLBACK', ...answered(answerDeadlineMs) });
  // Session-level advisory locks and the like outlive a rollback.
  await lease.client.query({ text: 'DISCARD ALL', ...answered(answerDeadlineMs) });
}

async function giveBack(lease: Lease): Promise<void> {
  try {
    await reset(lease);
    lease.release();
  } catch {
    lease.destroy();
  }
}
