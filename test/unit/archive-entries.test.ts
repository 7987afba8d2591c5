/** What is made of an archive's JSON that is meant to do harm. */
import { expect, it } from 'vitest';
import { ClipEntry, SnapshotEntry } from '../../src/services/archive/entries.ts';
import { aClip, aSnapshot } from '../contract/samples.ts';

it.each(['chunkRows', 'chunkBytes', 'besideBytes', 'columns'] as const)(
  'a snapshot with millions of wrong %s is one complaint',
  (name) => {
    const snapshot = { ...aSnapshot(aClip(), []), [name]: new Array(1_000_001).fill(-1) };
    expect(SnapshotEntry.safeParse(snapshot).error?.issues.map(({ path }) => path)).toEqual([[name]]);
  },
);

it('a clip with millions of wrong revisions or snapshots is one complaint for each', () => {
  const [revisions, snapshots] = [new Array(1_000_001).fill(-1), new Array(1_000_001).fill(-1)];
  const { error } = ClipEntry.safeParse({ clip: aClip(), revisions, snapshots });
  expect(error?.issues.map(({ path }) => path)).toEqual([['revisions'], ['snapshots']]);
});

it('what they are otherwise is taken as it is', () => {
  const snapshot = { ...aSnapshot(aClip(), []), chunkRows: [0, 3], chunkBytes: [4, 5], besideBytes: [0, 6] };
  expect(SnapshotEntry.parse(snapshot)).toEqual(snapshot);
});
