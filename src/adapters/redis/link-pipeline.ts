/**
 * Many commands in one round trip, with the replies as bytes. A key that holds another type than asked for is no error:
 * its reply is null.
 */
import type { Redis } from 'ioredis';
import { isWrongType } from './link-errors.ts';

export type Argument = string | number | Buffer;

/** A reply of Redis, strings as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

/** The replies in the order of the commands, each `[name, …arguments]`. Throws what Redis refuses. */
export async function askAll(
  redis: Redis,
  commands: readonly (readonly [string, ...Argument[]])[],
): Promise<Reply[]> {
  if (commands.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const [name, ...args] of commands) pipeline.callBuffer(name, ...args);
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (!error) return reply as Reply;
    if (isWrongType(error)) return null;
    throw error;
  });
}

/** The list in pieces, in order; `size` is asked for the length of each. */
export function* piecesOf<T>(list: readonly T[], size: () => number): Generator<readonly T[]> {
  for (let at = 0; at < list.length; ) {
    const piece = list.slice(at, at + size());
    at += piece.length;
    yield piece;
  }
}

/** Bytes of a reply, with everything in it. */
export function bytesOf(reply: Reply): number {
  if (Buffer.isBuffer(reply)) return reply.length;
  if (!Array.isArray(reply)) return 0;
  let bytes = 0;
  for (const part of reply as readonly Reply[]) bytes += bytesOf(part);
  return bytes;
}

const maxCount = 2_000;
/** What one round trip should bring at most. */
const bytesPerTrip = 512 * 1024;

/**
 * How many values the next round trip may ask for, by what the ones before brought: values may be of any size, and neither
 * Redis nor the memory here may be held up by them.
 */
export class ReadSize {
  #count = 64;

  get count(): number {
    return this.#count;
  }

  /** Notes how many values came and how many bytes they had. */
  learn(count: number, bytes: number): void {
    const fitting = Math.floor((bytesPerTrip * Math.max(count, 1)) / Math.max(bytes, 1));
    this.#count = Math.max(1, Math.min(maxCount, this.#count * 2, fitting));
  }
}
