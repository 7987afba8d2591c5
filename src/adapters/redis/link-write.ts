/**
 * Changes of a link's keys, applied together: one MULTI, so that nobody sees a part of them, under a WATCH of the keys
 * that they rest on, so that what was found out about them still holds and no command of it can fail halfway.
 * Source: Redis, "Transactions".
 */
import type { Redis } from 'ioredis';
import { type LinkChange, type LinkWriting, RedisLinkError } from '../../domain/redis-link.ts';
import { toLinkError } from './link-errors.ts';
import { type Argument, piecesOf } from './link-pipeline.ts';

const keysPerWatch = 1_000;
const maxIdle = 4;

type Command = readonly [string, ...Argument[]];

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

/** A connection of its own, since WATCH and EXEC belong to one; as it was, when it is given back. */
export class Writing implements LinkWriting {
  readonly #redis: Redis;
  readonly #fullKey: (key: Buffer) => Buffer;
  #giveBack: (() => void) | null;

  constructor(redis: Redis, fullKey: (key: Buffer) => Buffer, giveBack: () => void) {
    this.#redis = redis;
    this.#fullKey = fullKey;
    this.#giveBack = giveBack;
  }

  async watch(keys: readonly Buffer[]): Promise<void> {
    await attempt(async () => {
      for (const piece of piecesOf(keys, () => keysPerWatch))
        await this.#redis.watch(piece.map((key) => this.#fullKey(key)));
    });
  }

  async apply(changes: readonly LinkChange[]): Promise<void> {
    try {
      await attempt(async () => {
        const multi = this.#redis.multi();
        for (const change of changes) {
          const [name, ...args] = commandOf({ ...change, key: this.#fullKey(change.key) });
          multi.callBuffer(name, ...args);
        }
        const replies = await multi.exec();
        if (!replies) throw new RedisLinkError('conflict', conflict);
        for (const [error] of replies) if (error) throw error;
      });
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

async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw toLinkError(error);
  }
}

/** The connections that are written on, a few of them kept for the next writing. */
export class WritingConnections {
  readonly #idle: Redis[] = [];
  readonly #all = new Set<Redis>();
  readonly #source: Redis;

  /** `source`: the client whose like they are. */
  constructor(source: Redis) {
    this.#source = source;
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
    const redis = this.#source.duplicate({ lazyConnect: true, retryStrategy: () => null });
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
