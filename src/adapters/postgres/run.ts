/**
 * Runs one clip's SQL. The way of a run: a read-only transaction → the text is parsed as a cursor's, which proves that
 * it is one query and gives its columns → the same text inside `COPY (…) TO STDOUT` → batches of rows. Text that has
 * not been proved never gets into a COPY.
 * Source: PostgreSQL manual, "COPY".
 */

import { decodeRows } from '../../domain/copy-text.ts';
import type { AppError } from '../../domain/errors.ts';
import type { RunOptions } from '../../domain/ports.ts';
import type { Column, ResultSet, Row } from '../../domain/result-set.ts';
import type { BegunRun, RunContext } from './begun-run.ts';
import type { Field } from './column-types.ts';
import { CopyOut } from './copy-out.ts';
import { explain, openDirectRead } from './direct-read.ts';
import { toDirectError } from './pg-error.ts';
import { proofPrefixLength, prove } from './proof.ts';
import { type RunText, withReducedText } from './reduced-run.ts';
import type { Session } from './session.ts';

/** The columns with `jsonAt` where their JSON has to come from Postgres. */
function withNestedJson(columns: readonly Column[]): Column[] {
  let at = columns.length;
  return columns.map((column) =>
    column.kind === 'array' || column.kind === 'nested' ? { ...column, jsonAt: at++ } : column,
  );
}

/** The query that a proved one is copied as, and how many characters of ours stand before it. */
interface CopiedQuery {
  readonly query: string;
  readonly prefixLength: number;
}

/** Columns are renamed by position, since their own names may be the same or none. */
function copiedQuery(sql: string, columns: readonly Column[], options: RunOptions): CopiedQuery {
  const asJson = columns.flatMap((column, index) =>
    column.jsonAt === undefined ? [] : [`pg_catalog.to_json(q.c${index})`],
  );
  const paged = options.limit !== undefined || options.offset !== undefined;
  if (asJson.length === 0 && !paged) return { prefixLength: 0, query: sql };
  const before = `SELECT ${['q.*', ...asJson].join(', ')} FROM (`;
  const names = columns.length > 0 ? `(${columns.map((_, index) => `c${index}`).join(', ')})` : '';
  const limit = options.limit === undefined ? '' : ` LIMIT ${BigInt(options.limit)}`;
  const offset = options.offset === undefined ? '' : ` OFFSET ${BigInt(options.offset)}`;
  return { prefixLength: before.length, query: `${before}${sql}\n) AS q${names}${limit}${offset}` };
}

const copy = 'COPY (';

function copyText(query: string): string {
  return `${copy}${query}\n) TO STDOUT`;
}

/** As `Database.describe`. */
export async function describeQuery(context: RunContext, sql: string): Promise<readonly Column[]> {
  return withReducedText(context, sql, { describeOnly: true }, async ({ session, stop }, text) => {
    text.sentAfter(proofPrefixLength, 'sql_refused');
    const fields = await prove(session, text.sql, { plan: true });
    const columns = await context.types.columns(session.client, fields);
    stop.clear();
    session.end();
    return columns;
  });
}

/** As `Database.run`. */
export async function openRun(
  context: RunContext,
  sql: string,
  options: RunOptions = {},
): Promise<ResultSet> {
  return withReducedText(context, sql, options, async (run, text) => {
    const { session } = run;
    text.sentAfter(proofPrefixLength, 'sql_refused');
    const fields = await prove(session, text.sql);
    let columns = await context.types.columns(session.client, fields);
    if (options.nestedJson) columns = withNestedJson(columns);
    const { query, prefixLength } = copiedQuery(text.sql, columns, options);
    const reading =
      (await readDirectly(context, run, text, {
        ...{ fields, columns, query, prefixLength },
      })) ?? (await readHere(run, text, { query, prefixLength }));
    const batches = readBatches(reading, widthOf(columns));
    const first = await batches.next();
    return resultSet({ columns, first, batches, session, reading });
  });
}

/** Text that has begun to come. */
interface Reading {
  readonly first: IteratorResult<string, void>;
  readonly others: AsyncGenerator<string, void, undefined>;
  /** The AppError of what was thrown, with the sessions seen to. */
  fail(error: unknown): AppError;
  /** All has been read. */
  end(): void;
  /** Left in the middle: the backend is still writing rows that nobody reads. After `end` it does nothing. */
  abort(): void;
}

/** Throws what pg throws; up to then the query may be run once more, so that nothing has ended the session. */
async function readHere(
  run: BegunRun,
  text: RunText,
  { query, prefixLength }: CopiedQuery,
): Promise<Reading> {
  const { session, stop } = run;
  // Postgres plans it now; until it answers that rows will come it may still refuse.
  const sentLength = copy.length + prefixLength;
  text.sentAfter(sentLength, 'sql_refused');
  const out = new CopyOut(copyText(query), () => text.sentAfter(sentLength, 'sql_failed'));
  session.client.query(out);
  const others = out.texts();
  return {
    first: await others.next(),
    others,
    fail: (error) => run.fail(error, text.stage, text.sent),
    end() {
      stop.clear();
      session.end();
    },
    abort() {
      stop.clear();
      session.abort();
    },
  };
}

/** Reads from the remote of a link, or null when that can't be done or has failed before the first row. */
async function readDirectly(
  context: RunContext,
  run: BegunRun,
  text: RunText,
  asked: CopiedQuery & {
    readonly fields: readonly Field[];
    readonly columns: readonly Column[];
  },
): Promise<Reading | null> {
  const { direct, log } = context;
  const { fields, query, prefixLength } = asked;
  if (!direct || asked.columns.some(({ jsonAt }) => jsonAt !== undefined)) return null;
  const { session, stop } = run;
  text.sentAfter(explain.length + prefixLength, 'sql_refused');
  const read = await openDirectRead(session, {
    ...direct,
    ...{ fields, query, log, signal: stop.signal },
  });
  if (!read) return null;
  const remote = read.session;
  const out = new CopyOut(copyText(read.query));
  remote.client.query(out);
  const others = out.texts();
  const first = await others.next().catch(() => null);
  if (first === null) {
    remote.abort();
    return null;
  }
  return {
    first,
    others,
    fail(error) {
      remote.abort();
      return run.fail(stop.findReason(error) ?? toDirectError(error, read.query), 'sql_failed', undefined);
    },
    end() {
      stop.clear();
      remote.end();
      session.end();
    },
    abort() {
      stop.clear();
      remote.abort();
      session.abort();
    },
  };
}

function widthOf(columns: readonly Column[]): number {
  return columns.length + columns.filter((column) => column.jsonAt !== undefined).length;
}

async function* readBatches(
  reading: Reading,
  width: number,
): AsyncGenerator<readonly Row[], void, undefined> {
  let whole = false;
  try {
    if (!reading.first.done) yield decodeRows(reading.first.value, width);
    for await (const text of reading.others) yield decodeRows(text, width);
    whole = true;
  } catch (error) {
    throw reading.fail(error);
  } finally {
    if (whole) reading.end();
    else reading.abort();
  }
}

function resultSet(parts: {
  columns: readonly Column[];
  first: IteratorResult<readonly Row[], void>;
  batches: AsyncGenerator<readonly Row[], void, undefined>;
  session: Session;
  reading: Reading;
}): ResultSet {
  const { first, batches, session, reading } = parts;
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
      reading.abort();
      return { done: true, value: undefined };
    },
  };
  return {
    columns: parts.columns,
    ranAt: session.startedAt,
    serverVersion: session.serverVersion,
    batches: { [Symbol.asyncIterator]: () => iterator },
    async close() {
      reading.abort();
    },
  };
}
