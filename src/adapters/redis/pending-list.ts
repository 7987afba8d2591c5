/**
 * Chunks on their way into Redis: they gather in a list of their own that nobody reads and that expires when nothing
 * is appended for an hour. A script renames it when they are published.
 */
import { Buffer } from 'node:buffer';
import { newId } from '../../domain/clip.ts';
import { chunksMissing } from '../store-order.ts';
import type { RedisConnection } from './connection.ts';
import { pendingKey } from './keys.ts';

/** How long a list stays when nothing is appended to it. */
export const pendingTtlMs = 3_600_000;

export interface PendingList {
  readonly key: string;
  append(bytes: Uint8Array): Promise<void>;
  abandon(): Promise<void>;
}

/** A new list in the clip's slot. */
export function openPendingList({ redis, attempt }: RedisConnection, clipId: string): PendingList {
  const key = pendingKey(clipId, newId());
  let count = 0;
  return {
    key,
    append: (bytes) =>
      attempt(async () => {
        const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        const replies = await redis.multi().rpush(key, chunk).pexpire(key, pendingTtlMs).exec();
        count++;
        // Another length: the list expired while the query kept silent, and what was before is gone.
        if (replies?.[0]?.[1] !== count) throw chunksMissing();
      }),
    abandon: () =>
      attempt(async () => {
        await redis.unlink(key);
      }),
  };
}
