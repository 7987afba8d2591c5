/** What every ClipRestorer must do: a clip with all it has, or nothing. */
import { describe, expect, test } from 'vitest';
import type { Clip, Revision } from '../../src/domain/clip.ts';
import type { RestoredClip, Store } from '../../src/domain/ports.ts';
import type { Contest } from './contenders.ts';
import { aClip, aSnapshot, changed, someChunks } from './samples.ts';
import { publish, readChunks } from './snapshot-contract.ts';

const chunks = someChunks(3);
const bytesOf = (of: readonly { readonly bytes: Uint8Array }[]) => of.map(({ bytes }) => [...bytes]);

function revisionsOf(clip: Clip): Revision[] {
  return Array.from({ length: clip.revision }, (_, at) => ({
    number: at + 1,
    sql: at + 1 === clip.revision ? clip.sql : `select ${at}`,
    database: clip.database,
    createdAt: `2026-01-02T03:04:0${at}.678Z`,
  }));
}

/** A frozen clip of three revisions and two snapshots. */
function aRestored(changes: Partial<Clip> = {}): RestoredClip {
  const clip = aClip({
    mode: 'frozen',
    snapshotId: 'newer',
    revision: 3,
    version: 1_790_000_000_000,
    ...changes,
  });
  const snapshots = [
    aSnapshot(clip, chunks, { id: 'newer' }),
    aSnapshot(clip, chunks, { id: 'older', takenAt: '2026-01-01T00:00:00Z' }),
  ];
  return { clip, revisions: revisionsOf(clip), snapshots };
}

/** A restorer that holds all chunks of the snapshots. */
async function held(store: Store, { clip, snapshots }: RestoredClip) {
  const restorer = await store.clips.restore(clip.id);
  for (const { id } of snapshots) {
    const list = await restorer.hold(id);
    for (const { bytes } of chunks) await list.append(bytes);
  }
  return restorer;
}

async function expectWhole(store: Store, { clip, revisions, snapshots }: RestoredClip): Promise<void> {
  expect(await store.clips.find(clip.id)).toStrictEqual(clip);
  expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(clip);
  expect(await store.clips.revisions(clip.id)).toEqual(revisions.toReversed());
  expect(await store.snapshots.list(clip.id)).toEqual(snapshots);
  for (const snapshot of snapshots) expect(await readChunks(store, snapshot)).toEqual(bytesOf(chunks));
  expect((await store.clips.list({ limit: 10 })).clips).toContainEqual(clip);
}

export function restoreContract(contest: () => Contest): void {
  describe('a clip being brought in', () => {
    test('is seen by nobody before it is published, and then whole', async () => {
      const { store } = contest();
      const restored = aRestored();
      const restorer = await held(store, restored);
      expect(await store.clips.find(restored.clip.id)).toBeNull();
      expect(await store.clips.findBySlug(restored.clip.slug)).toBeNull();
      expect(await store.snapshots.list(restored.clip.id)).toEqual([]);
      expect(await store.clips.list({ limit: 10 })).toEqual({ clips: [], next: null });
      await restorer.publish(restored, null);
      await restorer.abandon();
      await expectWhole(store, restored);
      const next = changed(restored.clip, { name: 'Changed later' });
      expect(await store.clips.update(next)).toBe(true);
    });

    test('is gone when abandoned', async () => {
      const { store } = contest();
      const restored = aRestored();
      const restorer = await held(store, restored);
      await restorer.abandon();
      await restorer.abandon();
      await expect(restorer.publish(restored, null)).rejects.toMatchObject({ code: 'snapshot_damaged' });
      expect(await store.clips.find(restored.clip.id)).toBeNull();
      expect(await store.clips.findBySlug(restored.clip.slug)).toBeNull();
    });

    test('needs all chunks of all its snapshots', async () => {
      const { store } = contest();
      const restored = aRestored();
      const restorer = await store.clips.restore(restored.clip.id);
      for (const { id } of restored.snapshots) {
        const list = await restorer.hold(id);
        for (const { bytes } of chunks.slice(0, id === 'newer' ? 3 : 2)) await list.append(bytes);
      }
      await expect(restorer.publish(restored, null)).rejects.toMatchObject({ code: 'snapshot_damaged' });
      expect(await store.clips.find(restored.clip.id)).toBeNull();
      expect(await store.snapshots.list(restored.clip.id)).toEqual([]);
    });

    test('can have chunks read back and thrown away', async () => {
      const { store } = contest();
      const restored = aRestored();
      const restorer = await held(store, restored);
      const beside = await restorer.hold('newer/beside');
      for (const { bytes } of chunks) await beside.append(bytes);
      expect([...(await beside.read(2))]).toEqual(bytesOf(chunks)[2]);
      expect([...(await beside.read(0))]).toEqual(bytesOf(chunks)[0]);
      await expect(beside.read(3)).rejects.toMatchObject({ code: 'snapshot_damaged' });
      await beside.discard();
      await expect(beside.read(0)).rejects.toMatchObject({ code: 'snapshot_damaged' });
      await restorer.publish(restored, null);
      await expectWhole(store, restored);
    });

    test('takes the place of the one with its id, with all that one had', async () => {
      const { store } = contest();
      const old = aClip({ revision: 1, createdAt: '2025-01-02T03:04:05.678Z' });
      await store.clips.create(old);
      const shared = aSnapshot(old, chunks.slice(1), { id: 'newer' });
      const other = aSnapshot(old, chunks.slice(1), { id: 'other', takenAt: '2026-01-01T00:00:00Z' });
      for (const snapshot of [other, shared]) await publish(store, snapshot, chunks.slice(1));
      const frozen = (await store.clips.find(old.id)) as Clip;
      const encoding = { format: 'json', bytes: 1, deflatedBytes: 1, sha256: 'ab', crc32: 1, chunkCount: 0 };
      await (await store.snapshots.beginEncoding(shared, 'json')).publish(encoding);

      const restored = aRestored({ id: old.id });
      const restorer = await held(store, restored);
      expect(await store.clips.find(old.id)).toStrictEqual(frozen);
      await restorer.publish(restored, frozen.version);
      await expectWhole(store, restored);
      expect(await store.clips.findBySlug(old.slug)).toBeNull();
      expect(await store.clips.list({ limit: 10 })).toEqual({ clips: [restored.clip], next: null });
      expect(await store.snapshots.find(old.id, other.id)).toBeNull();
      expect(await store.snapshots.findEncoding(shared, 'json')).toBeNull();
      await expect(readChunks(store, other)).rejects.toMatchObject({ code: 'snapshot_damaged' });
    });

    test('is refused, and changes nothing, when another came first', async () => {
      const { store } = contest();
      const there = aClip();
      await store.clips.create(there);
      const sameId = aRestored({ id: there.id });
      const sameSlug = aRestored({ slug: there.slug });
      const gone = aRestored();
      for (const [restored, replaced] of [
        [sameId, null],
        [sameId, there.version + 1],
        [sameSlug, null],
        [gone, 7],
      ] as const) {
        const restorer = await held(store, restored);
        await expect(restorer.publish(restored, replaced)).rejects.toMatchObject({ code: 'clip_changed' });
        await restorer.abandon();
      }
      expect(await store.clips.findBySlug(there.slug)).toStrictEqual(there);
      expect(await store.clips.findBySlug(sameId.clip.slug)).toBeNull();
      expect(await store.clips.revisions(there.id)).toHaveLength(1);
      expect(await store.snapshots.list(there.id)).toEqual([]);
      expect(await store.clips.list({ limit: 10 })).toEqual({ clips: [there], next: null });
    });

    test('takes no slug of another clip in the place of one with its id', async () => {
      const { store } = contest();
      const [old, other] = [aClip(), aClip()];
      for (const clip of [old, other]) await store.clips.create(clip);
      const restored = aRestored({ id: old.id, slug: other.slug });
      const restorer = await held(store, restored);
      await expect(restorer.publish(restored, old.version)).rejects.toMatchObject({ code: 'clip_changed' });
      expect(await store.clips.find(old.id)).toStrictEqual(old);
      expect(await store.clips.findBySlug(old.slug)).toStrictEqual(old);
      expect(await store.clips.findBySlug(other.slug)).toStrictEqual(other);
    });
  });

  test('a full store takes no clip in, keeps the one that was to be replaced and says so', async () => {
    const tested = contest();
    const old = aClip();
    await tested.store.clips.create(old);
    await tested.limit(2_000_000);
    const { store } = tested;
    const full = { code: 'store_full' };
    const restored = aRestored({ id: old.id, sql: 'x'.repeat(500_000) });
    const restorer = await store.clips.restore(old.id);
    const list = await restorer.hold('newer');
    const fill = async () => {
      const big = crypto.getRandomValues(new Uint8Array(65_536));
      for (let appended = 0; appended < 200; appended++) await list.append(big);
    };
    await expect(fill()).rejects.toMatchObject(full);
    await expect(
      restorer.publish({ ...restored, snapshots: [aSnapshot(old, [])] }, old.version),
    ).rejects.toMatchObject(full);
    expect(await store.clips.find(old.id)).toStrictEqual(old);
    expect(await store.clips.revisions(old.id)).toHaveLength(1);
    await restorer.abandon();
    await tested.limit(null);
    await (await held(tested.store, restored)).publish(restored, old.version);
    await expectWhole(tested.store, restored);
  });
}
