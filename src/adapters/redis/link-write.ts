/**
 * Changes of a link's keys, applied together: one MULTI, so that nobody sees a part of them, under a WATCH of the keys
 * that they rest on, so that what was found out about them still holds and no command of it can fail halfway.
 * Source: Redis, "Transactions".
 */
import { type Redis, ReplyError } from 'ioredis';
import { type LinkChange, type LinkWriting, RedisLinkError } from '../../domain/redis-link.ts';
import type { Command } from './link-connection.ts';
import { toLinkError } from './link-errors.ts';
import { piecesOf } from './link-pipeline.ts';

/** Keys that a writing may rest on: as many as changes may be applied together (gateway/pending-changes.ts). */
const maxWatched = 10_000;
const maxIdle = 4;

/**
 * How many keys one WATCH may name. Redis compares each of them with all that the connection watches already: 100,000
 * keys would hold it up for minutes, and a single WATCH of 1,000 of them for seconds. So many comparisons take about 2 ms.
 */
const comparisonsPerWatch = 200_000;
const keysPerWatch = (watched: number) =>
  Math.max(1, Math.min(400, Math.floor(comparisonsPerWatch / (watched + 1))));

/** The command of each kind of change. */
function commandOf(change: LinkChange): Command {
  const { key } = change;
  switch (change.kind) {
    case 'set':
      if (change.ttlMs === 'keep') return ['SET', key, change.value, 'KEEPTTL'];
      return change.ttlMs === null
        ? ['SET', key, change.value]
        : ['SET', key, change.value, 'PX', change.ttlMs];
    case 'expire':
      return change.ttlMs === null ? ['PERSIST', key] : ['PEXPIRE', key, change.ttlMs];
    case 'delete':
      return ['UNLINK', key];
    case 'hashSet':
      return ['HSET', key, change.part, change.value];
    case 'hashDelete':
      return ['HDEL', key, change.part];
    case 'setAdd':
      return ['SADD', key, change.part];
    case 'setRemove':
      return ['SREM', key, change.part];
    case 'scoreSet':
      return ['ZADD', key, change.score, change.part];
    case 'scoreRemove':
      return ['ZREM', key, change.part];
  }
}

const conflict = 'A key of Redis has been changed by someone else meanwhile. Run the transaction again.';
const tooMuch = `A transaction may look at ${maxWatched} keys to change them, or Redis would be held up for others.`;
const unknown =
  "The link's Redis has not answered the COMMIT: it has made all of the changes, or none of them.";

/** A connection of its own, since WATCH and EXEC belong to one; as it was, when it is given back. */
export class Writing implements LinkWriting {
  readonly #redis: Redis;
  readonly #fullKey: (key: Buffer) => Buffer;
  readonly #watched = new Set<string>();
  #giveBack: (() => void) | null;

  constructor(redis: Redis, fullKey: (key: Buffer) => Buffer, giveBack: () => void) {
    this.#redis = redis;
    this.#fullKey = fullKey;
    this.#giveBack = giveBack;
  }

  async watch(keys: readonly Buffer[]): Promise<void> {
    const watched = this.#watched;
    const fresh = keys.filter((key) => !watched.has(key.toString('latin1')));
    if (watched.size + fresh.length > maxWatched) throw new RedisLinkError('tooMuch', tooMuch);
    try {
      for (const piece of piecesOf(fresh, () => keysPerWatch(watched.size))) {
        await this.#redis.watch(piece.map((key) => this.#fullKey(key)));
        for (const key of piece) watched.add(key.toString('latin1'));
      }
    } catch (error) {
      throw toLinkError(error);
    }
  }

  async apply(changes: readonly LinkChange[]): Promise<void> {
    const wasThere = this.#redis.status === 'ready';
    try {
      const multi = this.#redis.multi();
      for (const change of changes) {
        const [name, ...args] = commandOf({ ...change, key: this.#fullKey(change.key) });
        multi.callBuffer(name, ...args);
      }
      const replies = await multi.exec();
      if (!replies) throw new RedisLinkError('conflict', conflict);
      for (const [error] of replies) if (error) throw error;
    } catch (thrown) {
      const error = toLinkError(thrown);
      if (error.failure !== 'unreachable' || thrown instanceof ReplyError) throw error;
      // What is still under way there may not be mixed with another writing.
      this.#redis.disconnect();
      throw wasThere ? new RedisLinkError('unknown', unknown, error.cause) : error;
    } finally {
      this.#end();
    }
  }

  close(): void {
    if (!this.#giveBack) return;
    if (this.#redis.status === 'ready') this.#redis.unwatch().catch(() => undefined);
    this.#end();
  }

  #end(): void {
    this.#giveBack?.();
    this.#giveBack = null;
  }
}

/** The connections that are written on, a few of them kept for the next writing. */
export class WritingConnections {
  readonly #idle: Redis[] = [];
  readonly #all = new Set<Redis>();
  readonly #newClient: () => Redis;

  /** `newClient` makes a client that connects at its first command and not again. */
  constructor(newClient: () => Redis) {
    this.#newClient = newClient;
  }

  open(fullKey: (key: Buffer) => Buffer): LinkWriting {
    const redis = this.#idle.pop() ?? this.#connect();
    return new Writing(redis, fullKey, () => {
      if (redis.status === 'ready' && this.#idle.length < maxIdle) this.#idle.push(redis);
      else redis.disconnect();
    });
  }

  #connect(): Redis {
    // Connected anew it would have forgotten what it watches: it ends instead.
    const redis = this.#newClient();
    redis.on('error', () => undefined);
    this.#all.add(redis);
    redis.on('end', () => {
      this.#all.delete(redis);
      const at = this.#idle.indexOf(redis);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return redis;
  }

  close(): void {
    for (const redis of this.#all) redis.disconnect();
  }
}
