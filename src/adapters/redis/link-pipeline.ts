/**
 * Many commands in one round trip, with the replies as bytes. A key that holds another type than asked for is no error:
 * its reply is null.
 */
import type { Command, LinkConnection } from './link-connection.ts';
import { isWrongType } from './link-errors.ts';
import type { Reply } from './link-replies.ts';

/** The replies in the order of the commands. Throws what Redis refuses. */
export async function askAll(redis: LinkConnection, commands: readonly Command[]): Promise<Reply[]> {
  const replies = await redis.ask(commands);
  return replies.map((reply) => {
    if (!(reply instanceof Error)) return reply;
    if (isWrongType(reply)) return null;
    throw reply;
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

const maxCount = 1_000;
/** What one round trip should bring at most. */
const bytesPerTrip = 512 * 1024;

/**
 * How many values the next round trip may ask for, by what the ones before brought: values may be of any size, and neither
 * Redis nor the memory here may be held up by them.
 */
export class ReadSize {
  #count = 16;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  /** Of the values that came last. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Notes how many values came and how many bytes they had. */
  learn(count: number, bytes: number): void {
    this.#bytes = bytes;
    const fitting = Math.floor((bytesPerTrip * Math.max(count, 1)) / Math.max(bytes, 1));
    this.#count = Math.max(1, Math.min(maxCount, this.#count * 2, fitting));
  }
}
