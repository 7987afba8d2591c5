/**
 * A Redis as the tables of a data link: which keys a question is about, the reader of its table, and the link's prefix.
 * Asks with commands that only read, but for `openWriting`. A single server or a primary behind Sentinels; no cluster.
 */
import type { Redis } from 'ioredis';
import { parseRedisAddress } from '../../domain/redis-address.ts';
import {
  type LinkQuestion,
  type LinkRow,
  type LinkTable,
  type LinkWriting,
  linkTables,
  type RedisLink,
  RedisLinkError,
} from '../../domain/redis-link.ts';
import { makeClient } from './client.ts';
import { readHashes, readLists, readSets, readStreams, readZsets } from './link-collections.ts';
import { LinkConnection } from './link-connection.ts';
import { notRedis, toLinkError } from './link-errors.ts';
import { askAll, piecesOf, ReadSize } from './link-pipeline.ts';
import { scanKeys } from './link-scan.ts';
import { readKeys, readStrings, type TableReader } from './link-strings.ts';
import { WritingConnections } from './link-write.ts';

/** The reader of each table, and the type that its keys have. */
const tables: Readonly<Record<LinkTable, { read: TableReader; type: string | null }>> = {
  redis: { read: readStrings, type: 'string' },
  hashes: { read: readHashes, type: 'hash' },
  lists: { read: readLists, type: 'list' },
  sets: { read: readSets, type: 'set' },
  zsets: { read: readZsets, type: 'zset' },
  streams: { read: readStreams, type: 'stream' },
  keys: { read: readKeys, type: null },
};

/** What SCAN may be asked to filter by; it refuses types that it doesn't know. */
const scanTypes = new Set(['string', 'list', 'set', 'zset', 'hash', 'stream']);
const keysAtOnce = 10_000;
/** The largest value: it is in memory several times on its way, and shown as hex it is twice as long. */
const maxCellBytes = 64 * 1024 * 1024;

export interface RedisLinkOptions {
  /** One server's URL or one with Sentinels (domain/redis-address.ts). Secret. */
  readonly url: string;
  /** Only keys that begin with it are there, and it is left out of their names. Default: every key. */
  readonly prefix?: string;
}

/** The type that SCAN filters by. MGET passes over other types by itself, and faster than SCAN does. */
function scanType({ table, wanted, parts }: LinkQuestion): string | null {
  if (table === 'redis' && wanted[1]) return null;
  const [type, ...more] = table === 'keys' ? (parts ?? []).map((part) => part.toString('latin1')) : [];
  if (type !== undefined && more.length === 0 && scanTypes.has(type)) return type;
  return tables[table].type;
}

/** Throws for what no Redis answers: it would become rows that aren't there, or break the answer off in its middle. */
function expectRows(table: LinkTable, rows: readonly LinkRow[]): void {
  const width = linkTables[table].length;
  for (const row of rows)
    for (let at = 0; at < width; at++) {
      const cell = row[at];
      if (cell !== null && typeof cell !== 'string' && !Buffer.isBuffer(cell)) throw notRedis();
    }
}

function expectReadable(rows: readonly LinkRow[]): void {
  const isTooLarge = rows.some((row) => row.some((cell) => (cell?.length ?? 0) > maxCellBytes));
  if (isTooLarge)
    throw new RedisLinkError(
      'tooMuch',
      `A value of Redis has more than ${maxCellBytes / 1024 / 1024} MiB, which is more than can be read.`,
    );
}

/**
 * Makes clients of the URL, which connect at their first command and not again. Throws RedisLinkError for a URL that
 * can't be linked.
 */
function clientsOf(url: string): () => Redis {
  const address = parseRedisAddress(url);
  if (!address || address.kind === 'cluster')
    throw new RedisLinkError(
      'rejected',
      address
        ? 'A Redis Cluster cannot be linked: link a single Redis.'
        : "The link's URL cannot be read: it must be like redis://host:6379/0.",
    );
  return () => makeClient(address, true) as Redis;
}

class Link implements RedisLink {
  readonly #redis: LinkConnection;
  readonly #prefix: Buffer;
  readonly #writing: WritingConnections;

  constructor({ url, prefix = '' }: RedisLinkOptions) {
    const newClient = clientsOf(url);
    this.#redis = new LinkConnection(newClient);
    this.#prefix = Buffer.from(prefix);
    this.#writing = new WritingConnections(newClient);
  }

  async countKeys(): Promise<number> {
    try {
      const [count] = await askAll(this.#redis, [['DBSIZE']]);
      return Number(count);
    } catch (error) {
      throw toLinkError(error, this.#redis.lastFailure);
    }
  }

  async *read(question: LinkQuestion): AsyncGenerator<readonly LinkRow[], void> {
    const { wanted, parts, signal } = question;
    const { read } = tables[question.table];
    const size = new ReadSize();
    const known = question.keys === null && (question.table === 'keys' || scanType(question) !== null);
    try {
      for await (const keys of this.#batches(question)) {
        for await (const rows of read({ redis: this.#redis, keys, known, wanted, parts, size, signal }))
          if (rows.length > 0) {
            expectRows(question.table, rows);
            if (size.bytes > maxCellBytes) expectReadable(rows);
            yield this.#withoutPrefix(rows);
          }
      }
    } catch (error) {
      signal.throwIfAborted();
      throw toLinkError(error, this.#redis.lastFailure);
    }
  }

  /** The keys that are asked for, by their whole names. */
  async *#batches(question: LinkQuestion): AsyncGenerator<readonly Buffer[]> {
    const { keys, prefix, signal } = question;
    if (keys === null) {
      const whole = Buffer.concat([this.#prefix, prefix]);
      yield* scanKeys(this.#redis, { prefix: whole, type: scanType(question), signal });
      return;
    }
    for (const piece of piecesOf(keys, () => keysAtOnce)) yield piece.map((key) => this.#fullKey(key));
  }

  #fullKey(key: Buffer): Buffer {
    return this.#prefix.length === 0 ? key : Buffer.concat([this.#prefix, key]);
  }

  #withoutPrefix(rows: readonly LinkRow[]): readonly LinkRow[] {
    const { length } = this.#prefix;
    if (length === 0) return rows;
    return rows.map(([key, ...rest]) => [(key as Buffer).subarray(length), ...rest]);
  }

  openWriting(): LinkWriting {
    return this.#writing.open((key) => this.#fullKey(key));
  }

  async close(): Promise<void> {
    this.#writing.close();
    this.#redis.close();
  }
}

/** Opens a link; nothing connects before the first question. To be closed. Throws RedisLinkError for a URL that can't be linked. */
export function openRedisLink(options: RedisLinkOptions): RedisLink {
  return new Link(options);
}
