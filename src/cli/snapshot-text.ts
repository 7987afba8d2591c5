/** Snapshots as the command line prints them for people: what one is of, and what it can be checked by. */
import type { ApiSnapshot } from './api.ts';

/** `2026-01-31 09:05Z` */
export function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')}Z`;
}

/** Everything that its CSV can be checked by, and how it was made; as `printFields` takes it. */
export function snapshotFields(snapshot: ApiSnapshot): (readonly [string, string])[] {
  const columns = snapshot.columns.map(({ name, type }) => `${name} ${type}`);
  return [
    ['Snapshot', snapshot.id],
    ['URL', snapshot.url],
    ['Taken', snapshot.takenAt],
    ['Revision', String(snapshot.revision)],
    ['Database', snapshot.database],
    ['Postgres', snapshot.serverVersion],
    ['Took', `${snapshot.durationMs.toLocaleString('en')} ms`],
    ['Rows', snapshot.rowCount.toLocaleString('en')],
    ['Columns', columns.join(', ')],
    ['Bytes', snapshot.bytes.toLocaleString('en')],
    ['sha256', snapshot.sha256],
  ];
}
