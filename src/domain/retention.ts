/**
 * Which snapshots of a clip are kept: all, the newest so many, or those of the last so many days. Whatever it says, the
 * snapshot that the clip shows stays.
 */
import type { Snapshot } from './snapshot.ts';

/** The newest so many, those not older than so many days, or (null) all. */
export type Retention = { readonly last: number } | { readonly days: number } | null;

/** Most snapshots and most days that can be asked for; the least is 1. */
export const maxKeptSnapshots = 10_000;
export const maxKeptDays = 36_500;

const dayMs = 24 * 60 * 60 * 1000;

/** `all`, `last:10` or `days:30`. */
export function formatRetention(retention: Retention): string {
  if (retention === null) return 'all';
  return 'last' in retention ? `last:${retention.last}` : `days:${retention.days}`;
}

/** The retention of such a text; undefined when it is none, or out of bounds. */
export function parseRetention(text: string): Retention | undefined {
  if (text === 'all') return null;
  const [, kind, digits] = /^(last|days):([1-9]\d{0,5})$/.exec(text) ?? [];
  const count = Number(digits);
  if (kind === 'last' && count <= maxKeptSnapshots) return { last: count };
  if (kind === 'days' && count <= maxKeptDays) return { days: count };
  return undefined;
}

/**
 * The snapshots that are not to be kept, oldest first: whoever stops in the middle has removed what mattered least.
 * `snapshots` are all of the clip's, newest first. The pinned one counts among the newest, and is never in the answer.
 */
export function findOutlived<S extends Pick<Snapshot, 'id' | 'takenAt'>>(
  snapshots: readonly S[],
  { retention, pinnedId, nowMs }: { retention: Retention; pinnedId: string | null; nowMs: number },
): S[] {
  if (retention === null) return [];
  const outlived =
    'last' in retention
      ? pinnedFirst(snapshots, pinnedId).slice(retention.last)
      : snapshots.filter(({ takenAt }) => Date.parse(takenAt) < nowMs - retention.days * dayMs);
  return outlived.filter(({ id }) => id !== pinnedId).reverse();
}

/** The same, the pinned one before those of the same instant: of freezes at once it is the one that counts. */
function pinnedFirst<S extends Pick<Snapshot, 'id' | 'takenAt'>>(
  snapshots: readonly S[],
  pinnedId: string | null,
): readonly S[] {
  const pinned = snapshots.find(({ id }) => id === pinnedId);
  if (!pinned) return snapshots;
  const later = ({ takenAt }: S) => Date.parse(takenAt) > Date.parse(pinned.takenAt);
  const others = snapshots.filter((each) => each !== pinned);
  return [...others.filter(later), pinned, ...others.filter((each) => !later(each))];
}
