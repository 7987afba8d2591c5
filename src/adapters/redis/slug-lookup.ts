/**
 * Finding clips by slug for a server that is asked for the same ones over and over. What is remembered is only where
 * a clip is; the clip itself, and that the slug is still its own, is asked from Redis each time.
 */
import type { Clip } from '../../domain/clip.ts';
import { shareQuestions } from '../shared-question.ts';
import type { RedisClient } from './connection.ts';
import { findClip, findClipBySlug } from './directory.ts';

const rememberedSlugs = 10_000;

/** The clip whose slug this is now, or null: in one round trip for a slug that was found before. */
export function openSlugLookup(redis: RedisClient): (slug: string) => Promise<Clip | null> {
  const ids = new Map<string, string>();
  async function find(slug: string): Promise<Clip | null> {
    const id = ids.get(slug);
    if (id !== undefined) {
      const clip = await findClip(redis, id);
      if (clip?.slug === slug) return clip;
      ids.delete(slug);
    }
    const clip = await findClipBySlug(redis, slug);
    if (ids.size >= rememberedSlugs) ids.clear();
    if (clip) ids.set(slug, clip.id);
    return clip;
  }

  return shareQuestions(find);
}
