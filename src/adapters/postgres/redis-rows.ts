/** Rows of a linked Redis as the text that the database would get of them through the gateway. */
import { AppError } from '../../domain/errors.ts';
import {
  isLinkTable,
  type LinkCell,
  type LinkRow,
  linkTables,
  type RedisLink,
  RedisLinkError,
} from '../../domain/redis-link.ts';
import { parseShown, parseShownPrefix, showBytes } from '../../domain/shown-text.ts';
import type { FetchScan } from '../../reduction/fetch.ts';
import type { RowReader } from './reduction-rows.ts';

/** The link that a relation belongs to. */
export type FindLink = (scan: FetchScan) => RedisLink;

/** Reads until the signal is aborted, then throws its reason at once. Throws `remote_unavailable`, `sql_failed`. */
export function readRows(findLink: FindLink, signal: AbortSignal): RowReader {
  async function* read(scan: FetchScan, keys: Buffer[] | null, prefix: string) {
    const table = scan.relation.name;
    if (!isLinkTable(table)) throw notAsMade(table);
    const columns = linkTables[table];
    const order = scan.columns.map((name) => columns.findIndex((column) => column.name === name));
    if (order.includes(-1)) throw notAsMade(table);
    const wanted = columns.map((_, n) => order.includes(n));
    // What is shown in hex may begin with it too: then all have to be looked at.
    const begin = parseShownPrefix(Buffer.from(prefix)) ?? Buffer.alloc(0);
    const key = columns.findIndex(({ name }) => name === 'key');
    const question = { table, keys, prefix: begin, parts: null, wanted, signal } as const;
    try {
      for await (const rows of untilAborted(findLink(scan).read(question), signal)) {
        const shown = rows.map((row: LinkRow) => row.map(toText));
        yield shown
          .filter((row) => keys !== null || row[key]?.startsWith(prefix))
          .map((row) => order.map((n) => row[n] ?? null));
      }
    } catch (error) {
      throw error instanceof RedisLinkError ? toAppError(error) : error;
    }
  }
  return {
    ofKeys: (scan, keys) =>
      read(
        scan,
        // What no bytes are shown as is no key.
        keys.flatMap((key) => parseShown(Buffer.from(key)) ?? []),
        '',
      ),
    ofPrefix: (scan, prefix) => read(scan, null, prefix),
  };
}

function toText(cell: LinkCell): string | null {
  return cell === null || typeof cell === 'string' ? cell : showBytes(cell).toString('utf8');
}

async function* untilAborted<T>(
  rows: AsyncGenerator<T, void>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  // Nobody may be waiting for it just then.
  aborted.catch(() => {});
  signal.addEventListener('abort', abort, { once: true });
  try {
    for (;;) {
      const next = await Promise.race([rows.next(), aborted]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    // It ends when its Redis answers, which may be never.
    void rows.return().catch(() => {});
  }
}

function notAsMade(table: string): AppError {
  return new AppError('sql_refused', 'A view of a data link is not as pgclip made it. Refresh the link.', {
    sql: { sqlstate: '0A000', message: `the view ${table} of a linked Redis has been changed` },
  });
}

/** As the database would tell of it through the gateway. */
function toAppError({ failure, message }: RedisLinkError): AppError {
  if (failure === 'unreachable' || failure === 'refused') {
    return new AppError(
      'remote_unavailable',
      'The remote of a data link that the query reads does not answer now. Try again in a moment.',
      { sql: { sqlstate: 'HV00N', message }, cause: `Redis: ${failure}`, retryAfterSeconds: 5 },
    );
  }
  return new AppError('sql_failed', 'The remote of a data link did not do its part of the query.', {
    sql: { sqlstate: failure === 'denied' ? '42501' : 'HV000', message },
  });
}
