/** What every SnapshotStore must do with published snapshots. */
import { describe, expect, test } from 'vitest';
import type { ClipChange, Store } from '../../src/domain/ports.ts';
import type { Snapshot, SnapshotChunk } from '../../src/domain/snapshot.ts';
import type { Contest } from './contenders.ts';
import { aClip, aSnapshot, changed, someChunks } from './samples.ts';

const pin: ClipChange = { kind: 'pin', updatedAt: '2026-05-06T07:08:09.123Z' };

/** Writes and publishes a snapshot. */
export async function publish(
  store: Store,
  snapshot: Snapshot,
  chunks: readonly SnapshotChunk[],
  change: ClipChange = pin,
) {
  const writer = await store.snapshots.begin(snapshot.clipId, snapshot.id);
  for (const chunk of chunks) await writer.append(chunk);
  return writer.publish(snapshot, change);
}

/** The chunks' bytes from a number on. */
export async function readChunks(store: Store, snapshot: Snapshot, from?: number): Promise<number[][]> {
  const chunks: number[][] = [];
  for await (const bytes of store.snapshots.chunks(snapshot, from)) chunks.push([...bytes]);
  return chunks;
}

export function snapshotContract(contest: () => Contest): void {
  describe('snapshots', () => {
    test('come back as they were, to the byte, from any chunk on', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(4);
      const snapshot = aSnapshot(clip, chunks);
      await publish(store, snapshot, chunks);
      expect(await store.snapshots.find(clip.id, snapshot.id)).toStrictEqual(snapshot);
      const bytes = chunks.map((chunk) => [...chunk.bytes]);
      expect(await readChunks(store, snapshot)).toEqual(bytes);
      expect(await readChunks(store, snapshot, 0)).toEqual(bytes);
      expect(await readChunks(store, snapshot, 3)).toEqual(bytes.slice(3));
      expect(await readChunks(store, snapshot, 4)).toEqual([]);
    });

    test('without rows have no chunks', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const snapshot = aSnapshot(clip, []);
      expect(await publish(store, snapshot, [])).toMatchObject({ mode: 'frozen', snapshotId: snapshot.id });
      expect(await store.snapshots.find(clip.id, snapshot.id)).toEqual(snapshot);
      expect(await readChunks(store, snapshot)).toEqual([]);
    });

    test('are read one after the other and may be left half read', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(5);
      const snapshot = aSnapshot(clip, chunks);
      await publish(store, snapshot, chunks);
      for await (const bytes of store.snapshots.chunks(snapshot)) {
        expect([...bytes]).toEqual([...(chunks[0]?.bytes ?? [])]);
        break;
      }
      expect(await readChunks(store, snapshot)).toHaveLength(5);
    });

    test('with a chunk missing are damaged, after the chunks before it', async () => {
      const { store, damage } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(3);
      const snapshot = aSnapshot(clip, chunks);
      await publish(store, snapshot, chunks);
      await damage(snapshot);
      const read: Uint8Array[] = [];
      const reading = (async () => {
        for await (const bytes of store.snapshots.chunks(snapshot)) read.push(bytes);
      })();
      await expect(reading).rejects.toMatchObject({ code: 'snapshot_damaged' });
      expect(read).toHaveLength(2);
      await expect(readChunks(store, snapshot, 2)).rejects.toMatchObject({ code: 'snapshot_damaged' });
    });

    test('are listed newest first, to the microsecond', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const times = ['05.1Z', '05.123456Z', '04.999999Z', '05.123Z', '05Z', '05.123457Z'];
      for (const time of times)
        await publish(store, aSnapshot(clip, [], { takenAt: `2026-03-04T05:06:${time}` }), []);
      const listed = await store.snapshots.list(clip.id);
      expect(listed.map((snapshot) => snapshot.takenAt.slice(17))).toEqual([
        ...['05.123457Z', '05.123456Z', '05.123Z', '05.1Z', '05Z', '04.999999Z'],
      ]);
      expect(await store.clips.find(clip.id)).toMatchObject({ snapshotId: listed[0]?.id });
    });

    test('that never were are missing', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const snapshot = aSnapshot(clip, someChunks(1));
      expect(await store.snapshots.find(clip.id, snapshot.id)).toBeNull();
      expect(await store.snapshots.find('nothing', snapshot.id)).toBeNull();
      expect(await store.snapshots.list(clip.id)).toEqual([]);
      expect(await store.snapshots.list('nothing')).toEqual([]);
      expect(await store.snapshots.remove(clip.id, snapshot.id)).toBe('missing');
      await expect(readChunks(store, snapshot)).rejects.toMatchObject({ code: 'snapshot_damaged' });
    });

    test('can be removed unless the frozen clip shows them', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(2);
      const old = aSnapshot(clip, chunks, { takenAt: '2026-01-01T00:00:00.000Z' });
      const shown = aSnapshot(clip, chunks);
      await publish(store, old, chunks);
      const frozen = await publish(store, shown, chunks);

      expect(await store.snapshots.remove(clip.id, shown.id)).toBe('pinned');
      expect(await readChunks(store, shown)).toHaveLength(2);
      expect(await store.snapshots.remove(clip.id, old.id)).toBe('removed');
      expect(await store.snapshots.remove(clip.id, old.id)).toBe('missing');
      expect(await store.snapshots.find(clip.id, old.id)).toBeNull();
      await expect(readChunks(store, old)).rejects.toMatchObject({ code: 'snapshot_damaged' });

      await store.clips.update(changed(frozen ?? clip, { mode: 'live', snapshotId: null }));
      expect(await store.snapshots.list(clip.id)).toEqual([shown]);
      expect(await store.snapshots.remove(clip.id, shown.id)).toBe('removed');
    });
  });
}
