/**
 * The orders that every store shares: clips newest first with cursors into that list, snapshots by the time they
 * were taken, and what a search finds. Pure; knows no engine.
 */
import { Buffer } from 'node:buffer';
import type { Clip } from '../domain/clip.ts';
import { AppError } from '../domain/errors.ts';

/** A clip's place in the list as text: a later clip has a greater one (by bytes), and no two have the same. */
export function clipPosition(clip: Pick<Clip, 'id' | 'createdAt'>): string {
  return `${String(Date.parse(clip.createdAt)).padStart(15, '0')}:${clip.id}`;
}

const position = /^\d{15}:[\w-]{1,64}$/;

/** The cursor of the page that begins after a position; opaque to whoever gets it. */
export function encodeCursor(after: string): string {
  return Buffer.from(after).toString('base64url');
}

/** The position in a cursor. Throws `invalid_request` when it is none of ours. */
export function parseCursor(cursor: string): string {
  const after = Buffer.from(cursor, 'base64url').toString();
  if (!position.test(after) || encodeCursor(after) !== cursor)
    throw new AppError('invalid_request', 'This cursor is not one that a list gave. Begin without a cursor.');
  return after;
}

/** Microseconds since 1970 of an ISO 8601 UTC time: Postgres's clock has them and Date drops them. */
export function toMicros(iso: string): number {
  const fraction = /\.(\d+)/.exec(iso)?.[1] ?? '';
  const wholeMs = Date.parse(iso.replace(`.${fraction}`, ''));
  return wholeMs * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}

/** A test of clips: the query stands in the name or the SQL, whatever the case. An empty one finds all. */
export function clipMatcher(query: string | undefined): (clip: Clip) => boolean {
  const wanted = query?.toLowerCase();
  if (!wanted) return () => true;
  return (clip) => clip.name.toLowerCase().includes(wanted) || clip.sql.toLowerCase().includes(wanted);
}

/** The error of `create` when the id or the slug is in use, which only an import can bring about. */
export function clipExists(): AppError {
  return new AppError('clip_changed', 'There is already a clip with this id or slug.');
}

/** The error of a snapshot whose chunks are not all there any more. */
export function chunksMissing(): AppError {
  return new AppError(
    'snapshot_damaged',
    'Part of this snapshot is missing from the store. Take a new one by freezing the clip again.',
  );
}
