/**
 * Runs one clip's SQL. The way of a run: a read-only transaction → the text is declared as a cursor, in the extended
 * protocol, which proves that it is one query and gives its columns → the same text inside `COPY (…) TO STDOUT` →
 * batches of rows. Text that has not been proved never gets into a COPY.
 * Source: PostgreSQL manual, "DECLARE", "COPY".
 */

import { decodeRows } from '../../domain/copy-text.ts';
import { AppError } from '../../domain/errors.ts';
import type { Log, RunOptions } from '../../domain/ports.ts';
import type { Column, ResultSet, Row } from '../../domain/result-set.ts';
import type { ColumnTypes, Field } from './column-types.ts';
import type { Connector } from './connect.ts';
import { CopyOut } from './copy-out.ts';
import { isQueryCanceled, type SentText, toRunError } from './pg-error.ts';
import { openSession, rawText, type Session } from './session.ts';
import { parseStatement } from './statement.ts';

/** What a run needs of its database. */
export interface RunContext {
  readonly connector: Connector;
  readonly types: ColumnTypes;
  /** From the start to the last row. */
  readonly deadlineMs: number;
  readonly log: Log;
}

const declare = 'DECLARE pgclip_run NO SCROLL CURSOR FOR ';

/** Proves that the text is one query and tells its columns, without running it. Throws pg's errors. */
async function prove(session: Session, sql: string, types: ColumnTypes): Promise<Column[]> {
  await session.client.query({ text: declare + sql, queryMode: 'extended' } as never);
  const described = (await session.client.query({
    text: 'FETCH 0 FROM pgclip_run; CLOSE pgclip_run',
    rowMode: 'array',
    types: rawText,
  })) as unknown as { fields: Field[] }[];
  return types.columns(session.client, described[0]?.fields ?? []);
}

/** The columns with `jsonAt` where their JSON has to come from Postgres. */
function withNestedJson(columns: readonly Column[]): Column[] {
  let at = columns.length;
  return columns.map((column) =>
    column.kind === 'array' || column.kind === 'nested' ? { ...column, jsonAt: at++ } : column,
  );
}

/**
 * The COPY of a proved query, and how many characters of ours stand before it. Columns are renamed by position, since
 * their own names may be the same or none.
 */
function copyText(sql: string, columns: readonly Column[], options: RunOptions): SentText & { text: string } {
  const asJson = columns.flatMap((column, index) =>
    column.jsonAt === undefined ? [] : [`pg_catalog.to_json(q.c${index})`],
  );
  const paged = options.limit !== undefined || options.offset !== undefined;
  if (asJson.length === 0 && !paged) {
    return { sql, prefixLength: 'COPY ('.length, text: `COPY (${sql}\n) TO STDOUT` };
  }
  const before = `COPY (SELECT ${['q.*', ...asJson].join(', ')} FROM (`;
  const names = columns.length > 0 ? `(${columns.map((_, index) => `c${index}`).join(', ')})` : '';
  const limit = options.limit === undefined ? '' : ` LIMIT ${BigInt(options.limit)}`;
  const offset = options.offset === undefined ? '' : ` OFFSET ${BigInt(options.offset)}`;
  return {
    sql,
    prefixLength: before.length,
    text: `${before}${sql}\n) AS q${names}${limit}${offset}) TO STDOUT`,
  };
}

function getStatement(sql: string): string {
  if (sql.includes('\0')) throw new AppError('sql_refused', 'The SQL holds a NUL character. Remove it.');
  const statement = parseStatement(sql);
  if (statement === '') {
    throw new AppError('sql_refused', 'The SQL holds no query. Write one SELECT, WITH, VALUES or TABLE.', {
      sql: { sqlstate: '42601', message: 'there is no query in the text', line: 1, column: 1 },
    });
  }
  return statement;
}

/** Ends a session early: at the deadline or when nobody wants its rows any more. */
class Stop {
  #reason: AppError | undefined;
  readonly #startedMs = performance.now();
  readonly #session: Session;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #signal: AbortSignal | undefined;
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

/** As `Database.describe`. */
export async function describeQuery(context: RunContext, sql: string): Promise<readonly Column[]> {
  const statement = getStatement(sql);
  const { session, stop } = await begin(context, {});
  try {
    return await prove(session, statement, context.types);
  } catch (error) {
    throw stop.findReason(error) ?? toRunError(error, 'sql_refused', { sql, prefixLength: declare.length });
  } finally {
    stop.clear();
    session.end();
  }
}

async function begin(context: RunContext, options: RunOptions): Promise<{ session: Session; stop: Stop }> {
  let session: Session;
  try {
    session = await openSession(context.connector, {
      deadlineMs: context.deadlineMs,
      log: context.log,
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    throw toRunError(error, 'sql_failed');
  }
  return { session, stop: new Stop(session, context.deadlineMs, options.signal) };
}

/** As `Database.run`. */
export async function openRun(
  context: RunContext,
  sql: string,
  options: RunOptions = {},
): Promise<ResultSet> {
  const statement = getStatement(sql);
  const { session, stop } = await begin(context, options);
  let sent: SentText = { sql, prefixLength: declare.length };
  let stage: 'sql_refused' | 'sql_failed' = 'sql_refused';
  const fail = (error: unknown): AppError => {
    stop.clear();
    const failed = stop.findReason(error) ?? toRunError(error, stage, sent);
    // After an error of the SQL the connection is as good as before.
    if (failed.sql) session.end();
    else if (failed.code === 'database_unavailable') session.drop();
    else session.abort();
    return failed;
  };
  try {
    let columns = await prove(session, statement, context.types);
    if (options.nestedJson) columns = withNestedJson(columns);
    const copy = copyText(statement, columns, options);
    sent = { sql, prefixLength: copy.prefixLength };
    stage = 'sql_failed';
    const out = new CopyOut(copy.text);
    session.client.query(out);
    const batches = readBatches(out, widthOf(columns), { session, stop, fail });
    const first = await batches.next();
    return resultSet({ columns, first, batches, session, stop });
  } catch (error) {
    throw fail(error);
  }
}

function widthOf(columns: readonly Column[]): number {
  return columns.length + columns.filter((column) => column.jsonAt !== undefined).length;
}

async function* readBatches(
  out: CopyOut,
  width: number,
  run: { session: Session; stop: Stop; fail(error: unknown): AppError },
): AsyncGenerator<readonly Row[], void, undefined> {
  let whole = false;
  try {
    for await (const text of out.texts()) yield decodeRows(text, width);
    whole = true;
  } catch (error) {
    throw run.fail(error);
  } finally {
    run.stop.clear();
    // Left in the middle, the backend is still writing rows that nobody reads.
    if (whole) run.session.end();
    else run.session.abort();
  }
}

function resultSet(parts: {
  columns: readonly Column[];
  first: IteratorResult<readonly Row[], void>;
  batches: AsyncGenerator<readonly Row[], void, undefined>;
  session: Session;
  stop: Stop;
}): ResultSet {
  const { first, batches, session, stop } = parts;
  let taken = false;
  const iterator: AsyncIterator<readonly Row[]> = {
    async next() {
      if (!taken) {
        taken = true;
        return first as IteratorResult<readonly Row[]>;
      }
      return batches.next() as Promise<IteratorResult<readonly Row[]>>;
    },
    async return() {
      stop.clear();
      session.abort();
      return { done: true, value: undefined };
    },
  };
  return {
    columns: parts.columns,
    ranAt: session.startedAt,
    serverVersion: session.serverVersion,
    batches: { [Symbol.asyncIterator]: () => iterator },
    async close() {
      stop.clear();
      // Does nothing when the rows had ended: the session is given back already.
      session.abort();
    },
  };
}
