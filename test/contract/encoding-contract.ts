/** What every SnapshotStore must do with the bytes of a snapshot in a format. */
import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/domain/ports.ts';
import type { Snapshot, StoredEncoding } from '../../src/domain/snapshot.ts';
import type { Contest } from './contenders.ts';
import { aClip, aSnapshot, someChunks } from './samples.ts';
import { publish } from './snapshot-contract.ts';

const parts = [Uint8Array.of(0, 255, 10), new Uint8Array(100_000).fill(7), Uint8Array.of(1)];

function anEncoding(format: string): StoredEncoding {
  return {
    format,
    bytes: 5_000_000_000,
    deflatedBytes: 100_004,
    sha256: 'cd'.repeat(32),
    crc32: 4_000_000_001,
    chunkCount: parts.length,
  };
}

async function aPublishedSnapshot(store: Store): Promise<Snapshot> {
  const clip = aClip();
  await store.clips.create(clip);
  const chunks = someChunks(1);
  const snapshot = aSnapshot(clip, chunks);
  await publish(store, snapshot, chunks);
  return snapshot;
}

async function keep(store: Store, snapshot: Snapshot, format: string): Promise<boolean> {
  const writer = await store.snapshots.beginEncoding(snapshot, format);
  for (const part of parts) await writer.append(part);
  return writer.publish(anEncoding(format));
}

async function read(store: Store, snapshot: Snapshot, format: string): Promise<number[][]> {
  const chunks: number[][] = [];
  for await (const bytes of store.snapshots.encodingChunks(snapshot, anEncoding(format)))
    chunks.push([...bytes]);
  return chunks;
}

export function encodingContract(contest: () => Contest): void {
  describe('encodings of a snapshot', () => {
    test('come back as they were, each format by itself', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      expect(await keep(store, snapshot, 'json')).toBe(true);
      expect(await keep(store, snapshot, 'xml')).toBe(true);
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toStrictEqual(anEncoding('json'));
      expect(await store.snapshots.findEncoding(snapshot, 'csv')).toBeNull();
      expect(await read(store, snapshot, 'json')).toEqual(parts.map((part) => [...part]));
      expect(await read(store, snapshot, 'xml')).toEqual(parts.map((part) => [...part]));
    });

    test('are unseen until they are published, and not at all when abandoned', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      const writer = await store.snapshots.beginEncoding(snapshot, 'json');
      await writer.append(parts[0] as Uint8Array);
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      await writer.abandon();
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      expect(await keep(store, snapshot, 'json')).toBe(true);
    });

    test('written twice at once are kept once', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      const kept = await Promise.all([keep(store, snapshot, 'json'), keep(store, snapshot, 'json')]);
      expect(kept.sort()).toEqual([false, true]);
      expect(await read(store, snapshot, 'json')).toHaveLength(parts.length);
    });

    test('can be forgotten, and kept anew', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      await keep(store, snapshot, 'json');
      await keep(store, snapshot, 'xml');
      await store.snapshots.removeEncoding(snapshot, 'json');
      await store.snapshots.removeEncoding(snapshot, 'json');
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      await expect(read(store, snapshot, 'json')).rejects.toMatchObject({ code: 'snapshot_damaged' });
      expect(await read(store, snapshot, 'xml')).toHaveLength(parts.length);
      expect(await keep(store, snapshot, 'json')).toBe(true);
      expect(await read(store, snapshot, 'json')).toHaveLength(parts.length);
    });

    test('go with their snapshot, and none is published without it', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      await keep(store, snapshot, 'json');
      const late = await store.snapshots.beginEncoding(snapshot, 'xml');
      await late.append(parts[0] as Uint8Array);
      const clip = await store.clips.find(snapshot.clipId);
      if (!clip) throw new Error('no clip');
      await store.clips.update({ ...clip, mode: 'live', snapshotId: null, version: clip.version + 1 });
      expect(await store.snapshots.remove(snapshot.clipId, snapshot.id)).toBe('removed');
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      await expect(read(store, snapshot, 'json')).rejects.toMatchObject({ code: 'snapshot_damaged' });
      expect(await late.publish({ ...anEncoding('xml'), chunkCount: 1 })).toBe(false);
    });

    test('go with their clip', async () => {
      const { store } = contest();
      const snapshot = await aPublishedSnapshot(store);
      await keep(store, snapshot, 'json');
      await store.clips.remove(snapshot.clipId);
      expect(await store.snapshots.findEncoding(snapshot, 'json')).toBeNull();
      await expect(read(store, snapshot, 'json')).rejects.toMatchObject({ code: 'snapshot_damaged' });
    });
  });
}
