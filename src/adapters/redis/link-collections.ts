/**
 * Rows of the tables that have many rows a key: hashes, sets, sorted sets, lists and streams. They are read in pieces,
 * since a key may hold millions: the first pieces of many keys in one round trip, then what is longer, key by key.
 */
import type { LinkRow } from '../../domain/redis-link.ts';
import type { Argument } from './link-connection.ts';
import { notRedis } from './link-errors.ts';
import { askAll, bytesOf, piecesOf, type ReadSize } from './link-pipeline.ts';
import type { Reply } from './link-replies.ts';
import { SeenKeys } from './link-seen-keys.ts';
import type { Reading, TableReader } from './link-strings.ts';

/** Elements of a key that are asked for at first; then it is known whether there are more. Fewer where they are large. */
const firstPiece = 50;

/** Of how many keys the first pieces are asked for at once. */
const keysAtOnce = (size: ReadSize) => Math.max(1, Math.floor(size.count / firstPiece));
/** Elements of one step of HSCAN and its like, which are slower than SCAN. */
const scanCount = (size: ReadSize) => Math.min(1_000, size.count);
const firstCount = (size: ReadSize) => Math.min(firstPiece, size.count);

type Pairs = readonly Buffer[];
type ScanReply = readonly [cursor: Buffer, elements: Pairs];

/** How one kind of collection becomes rows. */
interface Collection {
  /** Its SCAN. `width`: replies per element. */
  readonly scan: 'HSCAN' | 'SSCAN' | 'ZSCAN';
  readonly width: 1 | 2;
  /** The command that looks up given parts, and the row of its answer; null: the part isn't there. */
  readonly find: 'HMGET' | 'SMISMEMBER' | 'ZMSCORE';
  row(key: Buffer, part: Buffer, value: Reply): LinkRow | null;
}

const hashes: Collection = {
  scan: 'HSCAN',
  width: 2,
  find: 'HMGET',
  row: (key, part, value) => (value === null ? null : [key, part, value as Buffer]),
};

const sets: Collection = {
  scan: 'SSCAN',
  width: 1,
  find: 'SMISMEMBER',
  row: (key, part, there) => (there === 0 ? null : [key, part]),
};

const zsets: Collection = {
  scan: 'ZSCAN',
  width: 2,
  find: 'ZMSCORE',
  row: (key, part, score) => (score === null ? null : [key, part, String(score)]),
};

/** The elements of one step that haven't come before; `seen` is null when there is but one step. */
function rowsOfStep(
  { row, width }: Collection,
  key: Buffer,
  elements: Pairs,
  seen: SeenKeys | null,
): LinkRow[] {
  const rows: LinkRow[] = [];
  for (let i = 0; i < elements.length; i += width) {
    const part = elements[i] as Buffer;
    if (seen && !seen.add(part)) continue;
    const made = row(key, part, width === 1 ? 1 : (elements[i + 1] as Buffer));
    if (made) rows.push(made);
  }
  return rows;
}

async function* readRest(
  collection: Collection,
  { redis, size, signal }: Reading,
  key: Buffer,
  first: ScanReply,
): AsyncGenerator<LinkRow[]> {
  const seen = new SeenKeys();
  try {
    let [cursor, elements]: ScanReply = first;
    yield rowsOfStep(collection, key, elements, seen);
    while (String(cursor) !== '0') {
      signal.throwIfAborted();
      const [reply] = await askAll(redis, [[collection.scan, key, cursor, 'COUNT', scanCount(size)]]);
      // It has become another type meanwhile.
      if (!reply) return;
      [cursor, elements] = reply as unknown as ScanReply;
      size.learn(elements.length, bytesOf(elements));
      yield rowsOfStep(collection, key, elements, seen);
    }
  } finally {
    seen.release();
  }
}

async function* readWhole(collection: Collection, reading: Reading): AsyncGenerator<LinkRow[]> {
  const { redis, keys, size, signal } = reading;
  for (const piece of piecesOf(keys, () => keysAtOnce(size))) {
    signal.throwIfAborted();
    const replies = (await askAll(
      redis,
      piece.map((key) => [collection.scan, key, 0, 'COUNT', firstCount(size)] as const),
    )) as unknown as (ScanReply | null)[];
    size.learn(
      replies.reduce((sum, reply) => sum + (reply?.[1].length ?? 0), 0),
      bytesOf(replies),
    );
    for (const [i, first] of replies.entries()) {
      if (!first) continue;
      const key = piece[i] as Buffer;
      if (String(first[0]) === '0') yield rowsOfStep(collection, key, first[1], null);
      else yield* readRest(collection, reading, key, first);
    }
  }
}

async function* readParts(
  collection: Collection,
  { redis, keys, size, signal }: Reading,
  parts: readonly Buffer[],
): AsyncGenerator<LinkRow[]> {
  for (const some of piecesOf(parts, () => size.count)) {
    for (const piece of piecesOf(keys, () => Math.max(1, Math.floor(size.count / some.length)))) {
      signal.throwIfAborted();
      const replies = await askAll(
        redis,
        piece.map((key) => [collection.find, key, ...some] as const),
      );
      size.learn(piece.length * some.length, bytesOf(replies));
      yield replies.flatMap((reply, i) =>
        ((reply ?? []) as readonly Reply[]).flatMap((value, at) => {
          const row = collection.row(piece[i] as Buffer, some[at] as Buffer, value);
          return row ? [row] : [];
        }),
      );
    }
  }
}

const readCollection =
  (collection: Collection): TableReader =>
  (reading) =>
    reading.parts ? readParts(collection, reading, reading.parts) : readWhole(collection, reading);

/** `hashes`: key, field, value. */
export const readHashes = readCollection(hashes);
/** `sets`: key, member. */
export const readSets = readCollection(sets);
/** `zsets`: key, member, score. */
export const readZsets = readCollection(zsets);

/** How a collection is read by position. */
interface Positions<P> {
  readonly start: P;
  /** Asks for `count` elements from a position. */
  command(key: Buffer, at: P, count: number): readonly [string, Buffer, ...Argument[]];
  rows(key: Buffer, at: P, reply: readonly Reply[]): LinkRow[];
  /** Where the piece after this one begins. */
  next(at: P, reply: readonly Reply[]): P;
}

async function* readPositions<P>(
  { start, command, rows, next }: Positions<P>,
  { redis, keys, size, signal }: Reading,
): AsyncGenerator<LinkRow[]> {
  for (const piece of piecesOf(keys, () => keysAtOnce(size))) {
    const asked = firstCount(size);
    const replies = (await askAll(
      redis,
      piece.map((key) => command(key, start, asked)),
    )) as (readonly Reply[] | null)[];
    size.learn(
      replies.reduce((sum, reply) => sum + (reply?.length ?? 0), 0),
      bytesOf(replies),
    );
    for (const [i, first] of replies.entries()) {
      const key = piece[i] as Buffer;
      let [at, count, reply] = [start, asked, first];
      while (reply) {
        signal.throwIfAborted();
        yield rows(key, at, reply);
        if (reply.length < count) break;
        at = next(at, reply);
        count = size.count;
        [reply = null] = (await askAll(redis, [command(key, at, count)])) as (readonly Reply[] | null)[];
        size.learn(reply?.length ?? 0, bytesOf(reply));
      }
    }
  }
}

const lists: Positions<number> = {
  start: 0,
  command: (key, at, count) => ['LRANGE', key, at, at + count - 1],
  rows: (key, at, reply) => reply.map((value, i) => [key, String(at + i), value as Buffer]),
  next: (at, reply) => at + reply.length,
};

type Entry = readonly [id: Buffer, pairs: readonly Buffer[]];

function entryRows(key: Buffer, [id, pairs]: Entry): LinkRow[] {
  if (!Array.isArray(pairs)) throw notRedis();
  const rows: LinkRow[] = [];
  for (let i = 0; i < pairs.length; i += 2) rows.push([key, id, pairs[i] as Buffer, pairs[i + 1] as Buffer]);
  return rows;
}

const streams: Positions<string> = {
  start: '-',
  command: (key, at, count) => ['XRANGE', key, at, '+', 'COUNT', count],
  rows: (key, _, reply) => reply.flatMap((entry) => entryRows(key, entry as unknown as Entry)),
  next: (_, reply) => `(${String((reply.at(-1) as unknown as Entry)[0])}`,
};

/** `lists`: key, index from 0, value. A list that is pushed to at its head meanwhile shifts under the reader. */
export const readLists: TableReader = (reading) => readPositions(lists, reading);
/** `streams`: key, id, field, value; one row for each field of an entry, oldest entries first. */
export const readStreams: TableReader = (reading) => readPositions(streams, reading);
