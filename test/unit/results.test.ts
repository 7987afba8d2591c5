/** The snapshot that a frozen clip shows: asked for once, and again when the clip is another. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import { Results } from '../../src/services/results.ts';
import { aChunk, aClip, aSnapshot } from '../contract/samples.ts';

it('is not the one of a clip whose place was taken by an import', async () => {
  const clip = aClip({ mode: 'frozen', snapshotId: 'same-id' });
  const before = aSnapshot(clip, [aChunk], { id: 'same-id' });
  const after = aSnapshot(clip, [aChunk, aChunk], { id: 'same-id', sha256: 'cd'.repeat(32) });
  let stored = before;
  let asked = 0;
  const find = async () => {
    asked++;
    return stored;
  };
  const store = { snapshots: { find } } as unknown as Store;
  const results = new Results({ store, databases: null as never, frozenBodies: null as never });
  expect(await results.getPinned(clip)).toBe(before);
  expect(await results.getPinned(clip)).toBe(before);
  expect(asked).toBe(1);
  stored = after;
  expect(await results.getPinned({ ...clip, version: 1_790_000_000_000 })).toBe(after);
});
