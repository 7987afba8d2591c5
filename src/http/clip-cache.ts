/**
 * How long who may keep a clip's answer, whether the client has it already, and how it can check what it got.
 * Sources: RFC 9110, RFC 9111, RFC 9530.
 */
import type { Clip } from '../domain/clip.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Coding } from './coding.ts';

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

/**
 * The fingerprint of what is sent, if it is known. A digest is of the representation with its content coding, and what
 * is kept of a snapshot is that without one; a 304 has none, as it has no other metadata of the representation.
 * Sources: RFC 9530, 3; RFC 9110, 15.4.5.
 */
export function digestHeaders(sha256: string | null, coding: Coding): Record<string, string> {
  if (sha256 === null || coding !== 'identity') return {};
  return { 'Repr-Digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:` };
}

/** Whether `If-None-Match` names the tag. Source: RFC 9110, 13.1.2. */
export function isKnown(etag: string | undefined, ifNoneMatch: string | undefined): boolean {
  if (etag === undefined || ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
