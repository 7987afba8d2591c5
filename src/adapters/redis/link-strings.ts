/** Rows of the tables that have one row a key: `redis` (strings) and `keys` (any type). */
import type { LinkRow } from '../../domain/redis-link.ts';
import type { Argument, LinkConnection } from './link-connection.ts';
import { notRedis } from './link-errors.ts';
import { askAll, piecesOf, type ReadSize } from './link-pipeline.ts';
import type { Reply } from './link-replies.ts';

/** What a table's reader is given. Rows carry the keys as they are given. */
export interface Reading {
  readonly redis: LinkConnection;
  /** Of one SCAN step, or of a question; each once. */
  readonly keys: readonly Buffer[];
  /** Whether the keys are known to be there and to be of a type that the table has. */
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

/** The hours that Postgres's interval can hold; beyond them come days. */
const maxHours = 2_000_000_000;

/** A reply of PTTL as an interval, hours as far as they go; null: it doesn't expire. Throws for what is none. */
export function encodeTtl(ms: Reply | undefined): string | null {
  if (typeof ms !== 'number') throw notRedis();
  if (ms < 0) return null;
  const seconds = wholeSeconds(ms);
  const rest = ms % 1000;
  const hours = Math.floor(seconds / 3600);
  const days = hours > maxHours ? Math.floor(hours / 24) : 0;
  const clock = [hours - days * 24, Math.floor(seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`;
  return `${days === 0 ? '' : `${days} days `}${clock}${fraction}`;
}

async function readValues(
  redis: LinkConnection,
  keys: readonly Buffer[],
  size: ReadSize,
): Promise<readonly (Buffer | null)[]> {
  const [reply] = await askAll(redis, [['MGET', ...keys]]);
  if (!Array.isArray(reply)) throw notRedis();
  const values = reply as readonly (Buffer | null)[];
  let bytes = 0;
  for (const value of values) bytes += value?.length ?? 0;
  size.learn(keys.length, bytes);
  return values;
}

/** -2: the key is gone. */
async function readTtls(redis: LinkConnection, keys: readonly Buffer[]): Promise<Reply[]> {
  return await askAll(
    redis,
    keys.map((key) => ['PTTL', key] as const),
  );
}

/** Keys that hold strings. */
async function findStrings(redis: LinkConnection, keys: readonly Buffer[]): Promise<readonly Buffer[]> {
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
      const ttl = ttls ? ttls[i] : -1;
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
  const interval = ttl === undefined ? null : encodeTtl(ttl);
  return [
    [key, name === null ? null : Buffer.from(name), interval, bytes === undefined ? null : String(bytes)],
  ];
}
