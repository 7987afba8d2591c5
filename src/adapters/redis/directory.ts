/**
 * The two ways to a clip that live in other slots than the clip: slug → id, and the list of all clips. They can't
 * change in one step with it, so the clip's hash is the truth and what contradicts it is not seen. Entries are
 * written before the hash and removed after it: a crash in between leaves entries that lead nowhere, never a clip
 * that can't be found. The list drops such entries when it meets them; a dead slug's few bytes stay.
 */
import type { Clip } from '../../domain/clip.ts';
import { clipExists, clipPosition } from '../store-order.ts';
import { parseClip } from './clip-hash.ts';
import type { RedisClient } from './connection.ts';
import { clipKey, listingKey, slugKey } from './keys.ts';

/** The clip with this id, or null. */
export async function findClip(redis: RedisClient, id: string): Promise<Clip | null> {
  return parseClip(await redis.hgetall(clipKey(id)));
}

/** The clip whose slug this is now, or null. */
export async function findClipBySlug(redis: RedisClient, slug: string): Promise<Clip | null> {
  const id = await redis.get(slugKey(slug));
  const clip = id === null ? null : await findClip(redis, id);
  return clip?.slug === slug ? clip : null;
}

async function claimSlug(redis: RedisClient, clip: Clip): Promise<void> {
  if ((await redis.set(slugKey(clip.slug), clip.id, 'NX')) === 'OK') return;
  const owner = await findClipBySlug(redis, clip.slug);
  if (owner && owner.id !== clip.id) throw clipExists();
  await redis.set(slugKey(clip.slug), clip.id);
}

function enlist(redis: RedisClient, clip: Clip): Promise<unknown> {
  return redis.zadd(listingKey, 0, clipPosition(clip));
}

/**
 * Runs `create`, which brings the clip into being or resolves with null, with the entries around it.
 * Throws `clip_changed` when the slug or the id is another clip's.
 */
export async function withNewEntries<T>(
  redis: RedisClient,
  clip: Clip,
  create: () => Promise<T | null>,
): Promise<T> {
  await claimSlug(redis, clip);
  await enlist(redis, clip);
  const made = await create();
  if (made === null) throw clipExists();
  // A list that came by before the clip was there has taken the entry for a leftover (see `findListed`).
  await enlist(redis, clip);
  return made;
}

/** Runs `change`, which replaces the clip or resolves with null, and lets its slug's entry follow. */
export async function withMovedSlug<T>(
  redis: RedisClient,
  clip: Clip,
  change: () => Promise<T | null>,
): Promise<T | null> {
  const before = await redis.hget(clipKey(clip.id), 'slug');
  if (before === null || before === clip.slug) return change();
  await claimSlug(redis, clip);
  const changed = await change();
  // Whoever won, the slug that the clip has now is the one to keep.
  const now = await redis.hget(clipKey(clip.id), 'slug');
  for (const slug of [before, clip.slug]) if (slug !== now) await redis.unlink(slugKey(slug));
  return changed;
}

/** As `withMovedSlug`, for a `change` that may also move the clip to another place in the list. */
export async function withReplacedEntries(
  redis: RedisClient,
  clip: Clip,
  change: () => Promise<true | null>,
): Promise<void> {
  const createdAt = await redis.hget(clipKey(clip.id), 'createdAt');
  await enlist(redis, clip);
  if ((await withMovedSlug(redis, clip, change)) === null) throw clipExists();
  await enlist(redis, clip);
  if (createdAt !== null && createdAt !== clip.createdAt)
    await redis.zrem(listingKey, clipPosition({ id: clip.id, createdAt }));
}

/** Removes both entries of a clip that is gone. */
export async function removeEntries(redis: RedisClient, slug: string, position: string): Promise<void> {
  await redis.unlink(slugKey(slug));
  await redis.zrem(listingKey, position);
}

/** Positions in the list, newest first, after the given one. */
export function readPositions(redis: RedisClient, after: string | null, count: number): Promise<string[]> {
  // Deprecated in favour of ZRANGE … BYLEX REV since 6.2, but understood by every version.
  return redis.zrevrangebylex(listingKey, after === null ? '+' : `(${after}`, '-', 'LIMIT', 0, count);
}

async function findAt(redis: RedisClient, position: string): Promise<Clip | null> {
  const clip = await findClip(redis, position.slice(position.indexOf(':') + 1));
  return clip && clipPosition(clip) === position ? clip : null;
}

/** The clip at a position of the list; null, and the entry is dropped, when it leads nowhere. */
export async function findListed(redis: RedisClient, position: string): Promise<Clip | null> {
  const clip = await findAt(redis, position);
  if (clip) return clip;
  await redis.zrem(listingKey, position);
  // It may just be coming into being: either it is there by now, or `withNewEntries` lists it again.
  const born = await findAt(redis, position);
  if (born) await enlist(redis, born);
  return born;
}
