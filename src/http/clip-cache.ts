/** How long who may keep a clip's answer, and whether the client has it already. Source: RFC 9110, RFC 9111. */
import type { Clip } from '../domain/clip.ts';
import type { Snapshot } from '../domain/snapshot.ts';

/** What an answer is of. */
export interface Cacheable {
  readonly clip: Clip;
  /** Null for a live clip: no cache may keep its answers. */
  readonly snapshot: Snapshot | null;
  /** True at the URL of one snapshot. */
  readonly forEver: boolean;
  /** What else the bytes depend on: format, options, coding. */
  readonly variant: readonly string[];
}

/**
 * A frozen clip's answer may be kept by any cache, which must ask before it uses it, so that a rotated or deleted URL
 * dies at once.
 */
export function cacheHeaders({ snapshot, forEver, variant }: Cacheable): Record<string, string> {
  if (!snapshot) return { 'Cache-Control': 'no-store' };
  const tag = [snapshot.sha256.slice(0, 32), snapshot.id, ...variant].filter((part) => part !== '').join('-');
  return {
    ETag: `"${tag}"`,
    'Cache-Control': forEver ? 'private, max-age=31536000, immutable' : 'public, no-cache',
  };
}

/** Whether `If-None-Match` names the tag. Source: RFC 9110, 13.1.2. */
export function isKnown(etag: string | undefined, ifNoneMatch: string | undefined): boolean {
  if (etag === undefined || ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
