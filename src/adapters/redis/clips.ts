/** Clips and revisions in Redis: the port ClipStore. Source of its rules: domain/ports.ts. */
import type { Clip, Revision } from '../../domain/clip.ts';
import type { ClipPage, ClipStore } from '../../domain/ports.ts';
import { clipMatcher, clipPosition, encodeCursor, parseCursor } from '../store-order.ts';
import { encodeClip } from './clip-hash.ts';
import { openClipRestorer } from './clip-restorer.ts';
import type { RedisClient, RedisConnection } from './connection.ts';
import {
  findClip,
  findClipBySlug,
  findListed,
  readPositions,
  removeEntries,
  withMovedSlug,
  withNewEntries,
} from './directory.ts';
import { chunksPrefix, clipKey, encodingsPrefix, revisionsKey, snapshotsKey } from './keys.ts';
import { openSlugLookup } from './slug-lookup.ts';

/** How many clips a search looks at in one go. */
const searchBlock = 200;

/** The JSON of a new clip's first revision. */
export function encodeFirstRevision(clip: Clip): string {
  const { revision: number, sql, database, createdAt } = clip;
  return JSON.stringify({ number, sql, database, createdAt } satisfies Revision);
}

async function listClips(
  redis: RedisClient,
  { limit, cursor, query }: { limit: number; cursor?: string; query?: string },
): Promise<ClipPage> {
  const matches = clipMatcher(query);
  // One more than asked for tells whether there is a next page.
  const blockSize = query ? searchBlock : limit + 1;
  let after = cursor === undefined ? null : parseCursor(cursor);
  const clips: Clip[] = [];
  for (;;) {
    const positions = await readPositions(redis, after, blockSize);
    const block = await Promise.all(positions.map((position) => findListed(redis, position)));
    for (const clip of block) {
      if (!clip || !matches(clip)) continue;
      const last = clips.at(-1);
      if (last && clips.length === limit) return { clips, next: encodeCursor(clipPosition(last)) };
      clips.push(clip);
    }
    if (positions.length < blockSize) return { clips, next: null };
    after = positions.at(-1) ?? null;
  }
}

/** The port on this connection. */
export function redisClipStore(connection: RedisConnection): ClipStore {
  const { redis, attempt, perRequest } = connection;
  const findBySlug = perRequest ? (slug: string) => findClipBySlug(redis, slug) : openSlugLookup(redis);
  return {
    create: (clip) =>
      attempt(async () => {
        const create = async () => {
          const keys = [clipKey(clip.id), revisionsKey(clip.id)];
          const made = await redis.createClip(...keys, encodeFirstRevision(clip), ...encodeClip(clip));
          return made === 1 ? true : null;
        };
        await withNewEntries(redis, clip, create);
      }),

    find: (id) => attempt(() => findClip(redis, id)),

    findBySlug: (slug) => attempt(() => findBySlug(slug)),

    list: (options) => attempt(() => listClips(redis, options)),

    update: (clip, revision) =>
      attempt(async () => {
        const update = async () => {
          const keys = [clipKey(clip.id), revisionsKey(clip.id)];
          const version = String(clip.version - 1);
          const json = revision ? JSON.stringify(revision) : '';
          const updated = await redis.updateClip(...keys, version, json, ...encodeClip(clip));
          return updated === 1 ? true : null;
        };
        return (await withMovedSlug(redis, clip, update)) !== null;
      }),

    remove: (id) =>
      attempt(async () => {
        const keys = [clipKey(id), revisionsKey(id), snapshotsKey(id)];
        const had = await redis.removeClip(...keys, chunksPrefix(id), encodingsPrefix(id));
        if (had === null) return false;
        const [slug, createdAt] = had;
        await removeEntries(redis, slug, clipPosition({ id, createdAt }));
        return true;
      }),

    revisions: (id) =>
      attempt(async () => {
        const items = await redis.lrange(revisionsKey(id), 0, -1);
        return items.map((json) => JSON.parse(json) as Revision).reverse();
      }),

    async restore(id) {
      return openClipRestorer(connection, id);
    },
  };
}
