/** An export that meets what is not as it was listed: it breaks off, and says why. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { openExport } from '../../src/services/archive/export-archive.ts';
import { aClip, aSnapshot, someChunks } from '../contract/samples.ts';
import { publish } from '../contract/snapshot-contract.ts';

let store: Store;
beforeEach(async () => {
  store = await openEmbeddedStore({ file: ':memory:' });
});
afterEach(() => store.close());

/** A clip of two snapshots whose chunks are none of ours, exported; `meanwhile` happens before its snapshots are read. */
async function exportClip(meanwhile: (clipId: string, older: string) => Promise<unknown>): Promise<void> {
  const clip = aClip();
  await store.clips.create(clip);
  const chunks = someChunks(2);
  const [older, newer] = ['2026-03-04T05:06:07Z', '2026-03-04T05:06:08Z'].map((takenAt) =>
    aSnapshot(clip, chunks, { takenAt, chunkBytes: [1, 1] }),
  );
  if (!older || !newer) throw new Error('none');
  for (const snapshot of [older, newer]) await publish(store, snapshot, chunks);
  const reading: Store = {
    ...store,
    snapshots: {
      ...store.snapshots,
      // Retention may take the older one; the newer one is pinned.
      list: async () => [older],
      async *chunks(...of) {
        await meanwhile(clip.id, older.id);
        yield* store.snapshots.chunks(...of);
      },
    },
  };
  for await (const _ of (await openExport(reading)).chunks);
}

it('a snapshot that was removed meanwhile is no damage', async () => {
  const exporting = exportClip((clipId, id) => store.snapshots.remove(clipId, id));
  await expect(exporting).rejects.toMatchObject({
    code: 'clip_changed',
    message: expect.stringContaining('removed while it was exported'),
  });
});

it('a snapshot that is there and can not be read is', async () => {
  await expect(exportClip(async () => {})).rejects.toMatchObject({ code: 'snapshot_damaged' });
});
