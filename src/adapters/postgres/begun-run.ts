/**
 * A run that has begun: its session, what may end it early, and what becomes of the session when it fails. A run ends
 * at its deadline, when nobody wants it any more, or by itself.
 */
import { AppError } from '../../domain/errors.ts';
import type { Log, RunOptions } from '../../domain/ports.ts';
import type { ColumnTypes } from './column-types.ts';
import type { Connector } from './connect.ts';
import type { DirectReads } from './direct-read.ts';
import type { LinkedRedisLook } from './linked-redis.ts';
import { isQueryCanceled, type SentText, toRunError } from './pg-error.ts';
import type { RedisWay } from './reduced-text.ts';
import { openSession, type Session } from './session.ts';

/** What a run needs of its database. */
export interface RunContext {
  readonly connector: Connector;
  readonly types: ColumnTypes;
  /** From the start to the last row. */
  readonly deadlineMs: number;
  readonly log: Log;
  /** How queries over linked Redis are reduced. Absent: they run as they are written. */
  readonly redis?: RedisWay;
  readonly linked?: LinkedRedisLook;
  /** How much of a linked table is read. Absent: through the database's own server. */
  readonly direct?: DirectReads;
}

/** Ends a session early: at the deadline or when nobody wants its rows any more. */
export class Stop {
  #reason: AppError | undefined;
  readonly #startedMs = performance.now();
  readonly #session: Session;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #signal: AbortSignal | undefined;
  readonly #stopped = new AbortController();
  readonly #abandon = () => this.stop(new AppError('run_cancelled', 'Nobody waits for this run any more.'));

  constructor(session: Session, deadlineMs: number, signal: AbortSignal | undefined) {
    this.#session = session;
    this.#signal = signal;
    this.#timer = setTimeout(() => this.stop(tooLong(deadlineMs)), deadlineMs);
    if (signal?.aborted) this.#abandon();
    else signal?.addEventListener('abort', this.#abandon, { once: true });
  }

  stop(reason: AppError): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.clear();
    this.#session.abort();
    this.#stopped.abort(reason);
  }

  /** Aborted with the reason when the session was ended early: for work elsewhere that goes with it. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Why the run ended with this error, when it is not the error that tells. */
  findReason(error: unknown): AppError | null {
    if (this.#reason) return this.#reason;
    // statement_timeout and a cancel by hand have one SQLSTATE.
    const { statementTimeoutMs } = this.#session;
    if (!isQueryCanceled(error) || performance.now() - this.#startedMs < statementTimeoutMs) return null;
    return tooLong(statementTimeoutMs);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#abandon);
  }
}

function tooLong(deadlineMs: number): AppError {
  return new AppError(
    'run_deadline',
    `The run took longer than the ${deadlineMs / 1000} s that a run may take.`,
  );
}

/** What the SQL has gone through: an error of it before it is proved means that Postgres does not take it. */
export type Stage = 'sql_refused' | 'sql_failed';

export interface BegunRun {
  readonly session: Session;
  readonly stop: Stop;
  /** The AppError of what was thrown, with the session seen to. */
  fail(error: unknown, stage: Stage, sent: SentText | undefined): AppError;
}

/** Begins a run. Throws `queue_full`, `run_cancelled`, `database_unavailable`. */
export async function beginRun(
  context: RunContext,
  options: Pick<RunOptions, 'signal'> = {},
): Promise<BegunRun> {
  let session: Session;
  try {
    session = await openSession(context.connector, {
      deadlineMs: context.deadlineMs,
      log: context.log,
      ...(context.linked ? { linked: context.linked } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    throw toRunError(error, 'sql_failed');
  }
  const stop = new Stop(session, context.deadlineMs, options.signal);
  return {
    session,
    stop,
    fail(error, stage, sent) {
      stop.clear();
      const failed = stop.findReason(error) ?? toRunError(error, stage, sent);
      // After an error of the SQL or of a remote the connection is as good as before.
      if (failed.sql) session.end();
      else if (failed.code === 'database_unavailable') session.drop();
      else session.abort();
      return failed;
    },
  };
}
