/** What every SnapshotWriter must do: all of a snapshot and its change of the clip, or nothing. */
import { describe, expect, test } from 'vitest';
import type { ClipChange } from '../../src/domain/ports.ts';
import type { Contest } from './contenders.ts';
import { aClip, aSnapshot, changed, someChunks } from './samples.ts';
import { publish, readChunks } from './snapshot-contract.ts';

const updatedAt = '2026-05-06T07:08:09.123Z';
const pin: ClipChange = { kind: 'pin', updatedAt };

export function writerContract(contest: () => Contest): void {
  describe('a snapshot being written', () => {
    test('is seen by nobody before it is published', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(2);
      const snapshot = aSnapshot(clip, chunks);
      const writer = await store.snapshots.begin(clip.id, snapshot.id);
      for (const chunk of chunks) await writer.append(chunk);
      expect(await store.snapshots.find(clip.id, snapshot.id)).toBeNull();
      expect(await store.snapshots.list(clip.id)).toEqual([]);
      expect(await store.snapshots.remove(clip.id, snapshot.id)).toBe('missing');
      expect(await store.clips.find(clip.id)).toEqual(clip);

      await writer.publish(snapshot, pin);
      expect(await readChunks(store, snapshot)).toHaveLength(2);
    });

    test('is gone when abandoned, and stays when it was published before', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(1);
      const [left, kept] = [aSnapshot(clip, chunks), aSnapshot(clip, chunks)];
      for (const snapshot of [left, kept]) {
        const writer = await store.snapshots.begin(clip.id, snapshot.id);
        for (const chunk of chunks) await writer.append(chunk);
        if (snapshot === kept) await writer.publish(snapshot, pin);
        await writer.abandon();
        await writer.abandon();
      }
      expect(await store.snapshots.list(clip.id)).toEqual([kept]);
      expect(await readChunks(store, kept)).toHaveLength(1);
    });

    test('without all its chunks is not published', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const snapshot = aSnapshot(clip, someChunks(3));
      await expect(publish(store, snapshot, someChunks(2))).rejects.toMatchObject({
        code: 'snapshot_damaged',
      });
      expect(await store.snapshots.list(clip.id)).toEqual([]);
      expect(await store.clips.find(clip.id)).toEqual(clip);
    });
  });

  describe('publishing', () => {
    test('with a pin freezes the clip, whatever its version', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(1);
      const snapshot = aSnapshot(clip, chunks);
      const writer = await store.snapshots.begin(clip.id, snapshot.id);
      for (const chunk of chunks) await writer.append(chunk);
      await store.clips.update(changed(clip, { name: 'Renamed meanwhile' }));
      const frozen = await writer.publish(snapshot, pin);
      expect(frozen).toStrictEqual({
        ...clip,
        ...{ name: 'Renamed meanwhile', mode: 'frozen', snapshotId: snapshot.id, updatedAt, version: 3 },
      });
      expect(await store.clips.find(clip.id)).toStrictEqual(frozen);
      expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(frozen);
    });

    test('with a pin leaves a clip that shows a later snapshot', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const later = aSnapshot(clip, [], { takenAt: '2026-03-04T05:06:07.000002Z' });
      const earlier = aSnapshot(clip, [], { takenAt: '2026-03-04T05:06:07.000001Z' });
      const frozen = await publish(store, later, []);
      expect(frozen).toMatchObject({ snapshotId: later.id, version: 2 });
      expect(await publish(store, earlier, [])).toStrictEqual(frozen);
      expect(await store.snapshots.list(clip.id)).toEqual([later, earlier]);

      const live = changed(frozen ?? clip, { mode: 'live', snapshotId: null });
      await store.clips.update(live);
      const third = aSnapshot(clip, [], { takenAt: earlier.takenAt });
      expect(await publish(store, third, [])).toMatchObject({ mode: 'frozen', snapshotId: third.id });
    });

    test('with a pin to a clip that is gone keeps nothing', async () => {
      const { store } = contest();
      const clip = aClip();
      const chunks = someChunks(2);
      const snapshot = aSnapshot(clip, chunks);
      expect(await publish(store, snapshot, chunks)).toBeNull();
      expect(await store.snapshots.list(clip.id)).toEqual([]);
      await store.clips.create(clip);
      expect(await store.snapshots.find(clip.id, snapshot.id)).toBeNull();
      expect(await store.clips.find(clip.id)).toEqual(clip);
    });

    test('with a new clip brings both into being', async () => {
      const { store } = contest();
      const chunks = someChunks(2);
      const id = 'newsnapshot';
      const clip = aClip({ mode: 'frozen', snapshotId: id });
      const snapshot = aSnapshot(clip, chunks, { id });
      const writer = await store.snapshots.begin(clip.id, id);
      for (const chunk of chunks) await writer.append(chunk);
      expect(await store.clips.find(clip.id)).toBeNull();
      expect(await writer.publish(snapshot, { kind: 'create', clip })).toStrictEqual(clip);
      expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(clip);
      expect((await store.clips.list({ limit: 5 })).clips).toEqual([clip]);
      expect(await store.clips.revisions(clip.id)).toMatchObject([{ number: 1, sql: clip.sql }]);
      expect(await readChunks(store, snapshot)).toHaveLength(2);
      expect(await store.snapshots.remove(clip.id, id)).toBe('pinned');
    });

    test('with an update changes the clip, its slug and its revisions', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const snapshot = aSnapshot(clip, [], { revision: 2 });
      const next = changed(clip, {
        ...{ mode: 'frozen', snapshotId: snapshot.id, sql: 'select 2', revision: 2, slug: 'moved' },
      });
      const revision = { number: 2, sql: 'select 2', database: clip.database, createdAt: updatedAt };
      expect(await publish(store, snapshot, [], { kind: 'update', clip: next, revision })).toStrictEqual(
        next,
      );
      expect(await store.clips.findBySlug('moved')).toStrictEqual(next);
      expect(await store.clips.findBySlug(clip.slug)).toBeNull();
      expect(await store.clips.revisions(clip.id)).toMatchObject([revision, { number: 1 }]);
    });

    test('with an update that comes too late keeps nothing', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const winner = changed(clip, { name: 'First' });
      await store.clips.update(winner);
      const chunks = someChunks(1);
      const snapshot = aSnapshot(clip, chunks);
      const late = changed(clip, { mode: 'frozen', snapshotId: snapshot.id, slug: 'late' });
      expect(await publish(store, snapshot, chunks, { kind: 'update', clip: late })).toBeNull();
      expect(await store.clips.find(clip.id)).toEqual(winner);
      expect(await store.clips.findBySlug('late')).toBeNull();
      expect(await store.snapshots.list(clip.id)).toEqual([]);
    });

    test('fifty at once keeps all and shows the latest', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const chunks = someChunks(3);
      const snapshots = Array.from({ length: 50 }, (_, n) =>
        aSnapshot(clip, chunks, { takenAt: `2026-03-04T05:06:07.${String((n * 7) % 50).padStart(6, '0')}Z` }),
      );
      await Promise.all(snapshots.map((snapshot) => publish(store, snapshot, chunks)));
      const listed = await store.snapshots.list(clip.id);
      expect(listed).toHaveLength(50);
      expect(listed[0]?.takenAt).toBe('2026-03-04T05:06:07.000049Z');
      expect(await store.clips.find(clip.id)).toMatchObject({ mode: 'frozen', snapshotId: listed[0]?.id });
      for (const snapshot of snapshots) expect(await readChunks(store, snapshot)).toHaveLength(3);
    });
  });

  test('a full store takes no more, keeps what it had and goes on when there is room', async () => {
    const tested = contest();
    const clip = aClip();
    await tested.store.clips.create(clip);
    await tested.limit(2_000_000);
    const { store } = tested;
    const big = { rowCount: 1, bytes: crypto.getRandomValues(new Uint8Array(65_536)) };
    const full = { code: 'store_full' };
    const writer = await store.snapshots.begin(clip.id, 'big');
    const fill = async () => {
      for (let appended = 0; appended < 200; appended++) await writer.append(big);
    };
    await expect(fill()).rejects.toMatchObject(full);
    await tested.fillRest();
    const bulky = 'x'.repeat(200_000);
    const other = aClip({ sql: bulky });
    await expect(store.clips.create(other)).rejects.toMatchObject(full);
    await expect(store.clips.update(changed(clip, { sql: bulky }))).rejects.toMatchObject(full);
    const snapshot = aSnapshot(clip, [], { sql: bulky });
    await expect(publish(store, snapshot, [])).rejects.toMatchObject(full);

    expect(await store.clips.find(other.id)).toBeNull();
    expect(await store.clips.findBySlug(other.slug)).toBeNull();
    expect(await store.clips.list({ limit: 5 })).toEqual({ clips: [clip], next: null });
    expect(await store.snapshots.list(clip.id)).toEqual([]);
    expect(await store.clips.revisions(clip.id)).toHaveLength(1);

    await writer.abandon();
    await tested.limit(null);
    await tested.store.clips.create(other);
    expect(await tested.store.clips.find(other.id)).toEqual(other);
  });
}
