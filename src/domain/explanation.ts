/**
 * What ran where, in words: the sentences that the page and the command line show of an explanation. They hold names
 * of links and counts, no SQL and no values.
 */

/** A part of a query that ran on a remote. */
export interface RemotePart {
  /** The data link, or the foreign server's name when it is no link of pgclip's. */
  readonly link: string;
  readonly server: string;
  /** Tables that the remote read for it, as the database knows them: `warehouse.users`. */
  readonly tables: readonly string[];
  /** What the remote did beside reading and filtering. */
  readonly work: readonly ('join' | 'aggregate' | 'sort' | 'limit')[];
  /** Rows that the query took from it, all times together: before PostgreSQL 18 of rounded averages. */
  readonly rows: number;
  /** How often it was asked. */
  readonly times: number;
  /** The query it was asked. For signed-in users only. */
  readonly sql: string;
}

/** What a query read of a relation of a linked Redis. */
export interface RedisRead {
  /** `hredis.redis`. */
  readonly relation: string;
  readonly reads: 'keys' | 'prefix' | 'everything';
  /** How many different keys were asked for; null when that isn't known, or it wasn't keys. */
  readonly keys: number | null;
  /** Why everything was read, as far as that is known. */
  readonly reason: string | null;
  /** pgclip read Redis itself and handed the rows to the query. */
  readonly handedOver: boolean;
}

/** How a query was run. */
export interface Explanation {
  /** In the order of the plan. */
  readonly remoteParts: readonly RemotePart[];
  /** In the order of the query. Absent: it reads no linked Redis. */
  readonly reductions?: readonly RedisRead[];
  readonly rows: number;
  readonly durationMs: number;
  /** Postgres's plan, laid out as EXPLAIN (ANALYZE, VERBOSE). Holds SQL of the remote and values of the query. */
  readonly plan: string;
}

const doneTo: Readonly<Record<RemotePart['work'][number], string>> = {
  join: 'joined',
  aggregate: 'aggregated',
  sort: 'sorted',
  limit: 'limited',
};

/** One part without a full stop: `2 tables joined on warehouse, 1,204 rows fetched`. */
export function describeRemotePart({ tables, work, link, rows, times }: RemotePart): string {
  const what = count(tables.length, 'table');
  if (times === 0) return `${what} on ${link} not needed, never asked`;
  const itself = work.includes('join') && tables.length === 1 ? ' with itself' : '';
  const done = work.map((each) => (each === 'join' ? `joined${itself}` : doneTo[each]));
  const fetched = rows === 0 ? 'no rows' : count(rows, 'row');
  if (times === 1) return `${what} ${joinWords(done)} on ${link}, ${fetched} fetched`;
  // Postgres tells the average of all times, rounded.
  const all = rows === 0 ? fetched : `about ${fetched}`;
  return `${what} ${joinWords(done)} on ${link}, ${all} fetched, asked ${count(times, 'time')}`;
}

/** One relation without a full stop: `hredis.redis read by 1,000 keys`. */
export function describeRedisRead({ relation, reads, keys, reason, handedOver }: RedisRead): string {
  const by = handedOver ? ', by pgclip itself' : '';
  if (reads === 'keys') return `${relation} read by ${keys === null ? 'its keys' : count(keys, 'key')}${by}`;
  if (reads === 'prefix') return `${relation} read by a prefix of its keys${by}`;
  // Reasons begin with what they are about.
  const why = reason?.startsWith(`${relation}: `) ? reason.slice(relation.length + 2) : reason;
  return `${relation} not reduced to keys${why === null || why === undefined ? '' : `: ${why}`}`;
}

/**
 * A line for each part, in the order of the plan, then one for each relation of Redis; one line when no remote had a
 * part in it.
 */
export function summarize({
  remoteParts,
  reductions = [],
}: Pick<Explanation, 'remoteParts' | 'reductions'>): string[] {
  if (remoteParts.length + reductions.length === 0) return ['Everything ran in the database itself.'];
  return [...remoteParts.map(describeRemotePart), ...reductions.map(describeRedisRead)];
}

function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? 'read';
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}
