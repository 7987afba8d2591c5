/**
 * Carries a fetch plan out, inside the transaction of a run: asks for the keys, has their rows read from Redis and hands
 * them over chunk by chunk as settings of the transaction. No more than one chunk is held at a time.
 * Source: PostgreSQL manual, "set_config".
 */
import type pg from 'pg';
import type { Edit } from '../../reduction/edits.ts';
import type { FetchPlan, FetchScan } from '../../reduction/fetch.ts';
import { rawText } from './session.ts';

/** Rows of one relation, in the order of `FetchScan.columns`, as the database's text. */
type Rows = readonly (readonly (string | null)[])[];

export interface RowReader {
  /** Reads the rows of these keys, each key once, in batches; those of an absent key are none. */
  ofKeys(scan: FetchScan, keys: readonly string[]): AsyncIterable<Rows>;
  /** Reads the rows of all keys with this prefix. */
  ofPrefix(scan: FetchScan, prefix: string): AsyncIterable<Rows>;
}

/** About 1 MB of JSON: what is held at a time. */
const chunkCharacters = 1_000_000;

/** Bounds of what may be handed to one query. */
export interface HandOverLimits {
  readonly maxKeys: number;
  readonly maxCharacters: number;
}

export type HandedOver =
  | { readonly kind: 'ready'; readonly sql: string; readonly edits: readonly Edit[] }
  /** Nothing was run; the transaction is as good as before. */
  | { readonly kind: 'too much'; readonly scan: FetchScan };

/** Does it for all scans of a plan, one after the other. Throws what pg or the reader throws. */
export async function handOver(
  client: pg.ClientBase,
  plan: Extract<FetchPlan, { kind: 'fetch' }>,
  reader: RowReader,
  limits: HandOverLimits,
): Promise<HandedOver> {
  const handed: { chunks: number; rows: number }[] = [];
  let characters = 0;
  for (const [n, scan] of plan.scans.entries()) {
    const keys = 'query' in scan.keys ? await readKeys(client, scan.keys.query, limits.maxKeys) : null;
    if (keys && keys.length > limits.maxKeys) return { kind: 'too much', scan };
    const prefix = 'prefix' in scan.keys ? scan.keys.prefix : '';
    const batches = keys ? reader.ofKeys(scan, keys) : reader.ofPrefix(scan, prefix);
    const counts = { chunks: 0, rows: 0 };
    for await (const rows of inChunks(batches)) {
      const { name, value } = plan.chunk(n, counts.chunks++, rows);
      counts.rows += rows.length;
      characters += value.length;
      if (characters > limits.maxCharacters) return { kind: 'too much', scan };
      await client.query({ text: 'SELECT FROM pg_catalog.set_config($1, $2, true)', values: [name, value] });
    }
    handed.push(counts);
  }
  return { kind: 'ready', ...plan.finish(handed) };
}

/** The different keys, without NULL; one more than the limit when there are more. */
async function readKeys(client: pg.ClientBase, query: string, maxKeys: number): Promise<string[]> {
  const result = await client.query<(string | null)[]>({
    text: `SELECT DISTINCT k."key" FROM (${query}) AS k("key") WHERE k."key" IS NOT NULL LIMIT ${BigInt(maxKeys) + 1n}`,
    rowMode: 'array',
    types: rawText,
    // One statement and no other, like the text that it was made from.
    queryMode: 'extended',
  } as never);
  return result.rows.flatMap(([key]) => (key === null || key === undefined ? [] : [key]));
}

async function* inChunks(batches: AsyncIterable<Rows>): AsyncGenerator<Rows, void, undefined> {
  let chunk: (readonly (string | null)[])[] = [];
  let size = 0;
  for await (const rows of batches) {
    for (const row of rows) {
      chunk.push(row);
      for (const value of row) size += (value?.length ?? 4) + 10;
      if (size < chunkCharacters) continue;
      yield chunk;
      chunk = [];
      size = 0;
    }
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * How many keys Postgres expects a query to yield: a bound for reducing at all, since an array of keys is held in
 * memory. An estimate by the statistics, so it may be wrong either way. Throws what pg throws.
 */
export async function estimateKeys(client: pg.ClientBase, query: string): Promise<number> {
  const result = await client.query<string[]>({
    text: `EXPLAIN (FORMAT JSON) ${query}`,
    rowMode: 'array',
    types: rawText,
    queryMode: 'extended',
  } as never);
  const [plan] = JSON.parse(result.rows[0]?.[0] ?? '[]') as { Plan?: { 'Plan Rows'?: number } }[];
  return plan?.Plan?.['Plan Rows'] ?? Number.POSITIVE_INFINITY;
}
