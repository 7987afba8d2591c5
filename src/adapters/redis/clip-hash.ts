/** A clip as the fields of its hash and back; every value is text there. */
import type { Clip } from '../../domain/clip.ts';
import { formatRetention, parseRetention } from '../../domain/retention.ts';

/** Field, value, field, value … as HSET takes them. */
export function encodeClip(clip: Clip): string[] {
  const fields = { ...clip, retention: formatRetention(clip.retention) };
  return Object.entries(fields).flatMap(([field, value]) => [field, value === null ? '' : String(value)]);
}

/** The clip of a hash that was read whole; null when there was none. */
export function parseClip(hash: Readonly<Record<string, string>>): Clip | null {
  if (hash.id === undefined) return null;
  return {
    ...(hash as unknown as Clip),
    revision: Number(hash.revision),
    snapshotId: hash.snapshotId || null,
    // Clips of before there was a choice keep all.
    retention: parseRetention(hash.retention ?? 'all') ?? null,
    version: Number(hash.version),
  };
}

/** The same of the flat list that HGETALL gives inside a script. */
export function parseFlatClip(flat: readonly string[]): Clip | null {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i] as string] = flat[i + 1] as string;
  return parseClip(hash);
}
