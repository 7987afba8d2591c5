/** Rows of the tables that have one row a key: `redis` (strings) and `keys` (any type). */
import type { Redis } from 'ioredis';
import type { LinkRow } from '../../domain/redis-link.ts';
import { type Argument, askAll, piecesOf, type ReadSize, type Reply } from './link-pipeline.ts';

/** What a table's reader is given. Rows carry the keys as they are given. */
export interface Reading {
  readonly redis: Redis;
  /** Of one SCAN step, or of a question; each once. */
  readonly keys: readonly Buffer[];
  /** Whether the keys are known to be there and to be of the table's type. */
  readonly known: boolean;
  readonly wanted: readonly boolean[];
  readonly parts: readonly Buffer[] | null;
  /** What one batch of a question has learned serves the next. */
  readonly size: ReadSize;
  readonly signal: AbortSignal;
}

/** Rows in batches; none for keys that are gone or of another type. */
export type TableReader = (reading: Reading) => AsyncGenerator<LinkRow[]>;

const keysPerPipeline = 500;
const wholeSeconds = (ms: number) => Math.floor(ms / 1000);
const twoDigits = (value: number) => String(value).padStart(2, '0');

/** A reply of PTTL as an interval, hours as far as they go; null: it doesn't expire. */
export function encodeTtl(ms: number): string | null {
  if (ms < 0) return null;
  const seconds = wholeSeconds(ms);
  const rest = ms % 1000;
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return clock.map(twoDigits).join(':') + (rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`);
}

async function readValues(redis: Redis, keys: readonly Buffer[], size: ReadSize): Promise<(Buffer | null)[]> {
  const values = await redis.mgetBuffer(keys as Buffer[]);
  let bytes = 0;
  for (const value of values) bytes += value?.length ?? 0;
  size.learn(keys.length, bytes);
  return values;
}

/** -2: the key is gone. */
async function readTtls(redis: Redis, keys: readonly Buffer[]): Promise<number[]> {
  return (await askAll(
    redis,
    keys.map((key) => ['PTTL', key] as const),
  )) as number[];
}

/** Keys that hold strings. */
async function findStrings(redis: Redis, keys: readonly Buffer[]): Promise<readonly Buffer[]> {
  const types = await askAll(
    redis,
    keys.map((key) => ['TYPE', key] as const),
  );
  return keys.filter((_, i) => String(types[i]) === 'string');
}

/** `redis`: key, value, ttl. */
export const readStrings: TableReader = async function* ({ redis, keys, known, wanted, size, signal }) {
  const [, wantsValue, wantsTtl] = wanted;
  for (let at = 0; at < keys.length; ) {
    signal.throwIfAborted();
    const count = wantsValue ? size.count : keysPerPipeline;
    let asked: readonly Buffer[] = keys.slice(at, at + count);
    at += count;
    if (!wantsValue && !known) asked = await findStrings(redis, asked);
    const values = wantsValue ? await readValues(redis, asked, size) : null;
    const ttls = wantsTtl ? await readTtls(redis, asked) : null;
    const rows: LinkRow[] = [];
    for (let i = 0; i < asked.length; i++) {
      const value = values ? (values[i] as Buffer | null) : null;
      const ttl = ttls ? (ttls[i] as number) : -1;
      if ((values && value === null) || ttl === -2) continue;
      rows.push([asked[i] as Buffer, value, ttls ? encodeTtl(ttl) : null]);
    }
    yield rows;
  }
};

/** `keys`: key, type, ttl, bytes. The bytes are MEMORY USAGE: with Redis's own overhead, collections estimated by samples. */
export const readKeys: TableReader = async function* ({ redis, keys, known, wanted, parts, signal }) {
  const [, wantsType, wantsTtl, wantsBytes] = wanted;
  const asksType = !known || wantsType || parts !== null;
  if (!asksType && !wantsTtl && !wantsBytes) {
    yield keys.map((key) => [key, null, null, null]);
    return;
  }
  const types = parts && new Set(parts.map((type) => type.toString('latin1')));
  for (const piece of piecesOf(keys, () => keysPerPipeline)) {
    signal.throwIfAborted();
    const ask = async (asks: boolean | undefined, ...command: readonly [string, ...string[]]) =>
      asks
        ? askAll(
            redis,
            piece.map((key) => [...command, key] as [string, ...Argument[]]),
          )
        : [];
    const [type, ttl, bytes] = await Promise.all([
      ask(asksType, 'TYPE'),
      ask(wantsTtl, 'PTTL'),
      ask(wantsBytes, 'MEMORY', 'USAGE'),
    ]);
    yield piece.flatMap((key, i) => keyRow(key, type[i], ttl[i], bytes[i], types));
  }
};

function keyRow(
  key: Buffer,
  type: Reply | undefined,
  ttl: Reply | undefined,
  bytes: Reply | undefined,
  types: ReadonlySet<string> | null,
): LinkRow[] {
  const name = type === undefined ? null : String(type);
  // TYPE says `none`, PTTL -2 and MEMORY USAGE null of a key that is gone.
  if (name === 'none' || ttl === -2 || bytes === null) return [];
  if (types && name !== null && !types.has(name)) return [];
  const interval = typeof ttl === 'number' ? encodeTtl(ttl) : null;
  return [
    [key, name === null ? null : Buffer.from(name), interval, bytes === undefined ? null : String(bytes)],
  ];
}
