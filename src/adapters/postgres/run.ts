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
import type { RunContext, Stop } from './begun-run.ts';
import { CopyOut } from './copy-out.ts';
import { proofPrefixLength, prove } from './proof.ts';
import { withReducedText } from './reduced-run.ts';
import type { Session } from './session.ts';

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
function copyText(
  sql: string,
  columns: readonly Column[],
  options: RunOptions,
): { prefixLength: number; text: string } {
  const asJson = columns.flatMap((column, index) =>
    column.jsonAt === undefined ? [] : [`pg_catalog.to_json(q.c${index})`],
  );
  const paged = options.limit !== undefined || options.offset !== undefined;
  if (asJson.length === 0 && !paged) {
    return { prefixLength: 'COPY ('.length, text: `COPY (${sql}\n) TO STDOUT` };
  }
  const before = `COPY (SELECT ${['q.*', ...asJson].join(', ')} FROM (`;
  const names = columns.length > 0 ? `(${columns.map((_, index) => `c${index}`).join(', ')})` : '';
  const limit = options.limit === undefined ? '' : ` LIMIT ${BigInt(options.limit)}`;
  const offset = options.offset === undefined ? '' : ` OFFSET ${BigInt(options.offset)}`;
  return {
    prefixLength: before.length,
    text: `${before}${sql}\n) AS q${names}${limit}${offset}) TO STDOUT`,
  };
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
    const { session, stop } = run;
    text.sentAfter(proofPrefixLength, 'sql_refused');
    const fields = await prove(session, text.sql);
    let columns = await context.types.columns(session.client, fields);
    if (options.nestedJson) columns = withNestedJson(columns);
    const copy = copyText(text.sql, columns, options);
    // Postgres plans it now; until it answers that rows will come it may still refuse.
    text.sentAfter(copy.prefixLength, 'sql_refused');
    const out = new CopyOut(copy.text, () => text.sentAfter(copy.prefixLength, 'sql_failed'));
    session.client.query(out);
    const texts = out.texts();
    // Up to here the query may be run once more, so that nothing has ended the session yet.
    const firstText = await texts.next();
    const fail = (error: unknown) => run.fail(error, text.stage, text.sent);
    const batches = readBatches(firstText, texts, widthOf(columns), { session, stop, fail });
    const first = await batches.next();
    return resultSet({ columns, first, batches, session, stop });
  });
}

function widthOf(columns: readonly Column[]): number {
  return columns.length + columns.filter((column) => column.jsonAt !== undefined).length;
}

async function* readBatches(
  first: IteratorResult<string, void>,
  others: AsyncGenerator<string, void, undefined>,
  width: number,
  run: { session: Session; stop: Stop; fail(error: unknown): AppError },
): AsyncGenerator<readonly Row[], void, undefined> {
  let whole = false;
  try {
    if (!first.done) yield decodeRows(first.value, width);
    for await (const text of others) yield decodeRows(text, width);
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
