import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import type { Clip } from '../../src/domain/clip.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { Store } from '../../src/domain/ports.ts';
import { findOutlived, formatRetention, parseRetention, type Retention } from '../../src/domain/retention.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { Retentions } from '../../src/services/retention.ts';
import { aChunk, aClip, aSnapshot, changed } from '../contract/samples.ts';

const dayMs = 24 * 60 * 60 * 1000;
const nowMs = Date.parse('2026-11-21T12:00:00.000Z');
const daysAgo = (days: number) => new Date(nowMs - days * dayMs).toISOString().replace('Z', '000Z');

describe('the text of a retention', () => {
  it.each<[string, Retention]>([
    ['all', null],
    ['last:1', { last: 1 }],
    ['last:10000', { last: 10_000 }],
    ['days:36500', { days: 36_500 }],
  ])('is %s', (text, retention) => {
    expect(parseRetention(text)).toEqual(retention);
    expect(formatRetention(retention)).toBe(text);
  });

  it.each([
    '',
    'none',
    'last',
    'last:',
    'last:0',
    'last:-1',
    'last:1.5',
    'last:01',
    'last:10001',
    'days:36501',
    'days:1e3',
    ' last:1',
    'last:1\n',
    'weeks:1',
    'ALL',
  ])('is not %j', (text) => expect(parseRetention(text)).toBeUndefined());
});

describe('findOutlived', () => {
  const taken = (...days: number[]) => days.map((each) => ({ id: `s${each}`, takenAt: daysAgo(each) }));
  const ids = (of: readonly { id: string }[]) => of.map(({ id }) => id);

  it.each<[Retention, string | null, string[]]>([
    [null, null, []],
    [{ last: 1 }, null, ['s9', 's5', 's2']],
    [{ last: 2 }, 's1', ['s9', 's5']],
    [{ last: 2 }, 's9', ['s5']],
    [{ last: 4 }, null, []],
    [{ days: 5 }, null, ['s9']],
    [{ days: 4 }, 's5', ['s9']],
    [{ days: 1 }, null, ['s9', 's5', 's2']],
  ])('of %j with %s pinned', (retention, pinnedId, outlived) => {
    expect(ids(findOutlived(taken(1, 2, 5, 9), { retention, pinnedId, nowMs }))).toEqual(outlived);
  });

  it('of several of one instant keeps the pinned one', () => {
    const snapshots = ['s3', 's2', 's1'].map((id) => ({ id, takenAt: daysAgo(1) }));
    const outlivedOf = (pinnedId: string | null) =>
      ids(findOutlived(snapshots, { retention: { last: 1 }, pinnedId, nowMs }));
    expect(outlivedOf('s2')).toEqual(['s1', 's3']);
    expect(outlivedOf(null)).toEqual(['s1', 's2']);
  });

  it('keeps, whatever it is asked, exactly the newest, the pinned one and no more', () => {
    for (let size = 0; size <= 12; size++) {
      const snapshots = taken(...Array.from({ length: size }, (_, day) => day));
      for (let n = 1; n <= 14; n++) {
        for (const pinnedId of [null, ...ids(snapshots)]) {
          const keptBy = (retention: Retention) => {
            const outlived = new Set(ids(findOutlived(snapshots, { retention, pinnedId, nowMs })));
            return ids(snapshots).filter((id) => !outlived.has(id));
          };
          const expected = (kept: number) => ids(snapshots).filter((id, at) => at < kept || id === pinnedId);
          expect(keptBy({ last: n })).toEqual(expected(n));
          // A snapshot of exactly n days ago is not older than n days.
          expect(keptBy({ days: n })).toEqual(expected(n + 1));
        }
      }
    }
  });
});

describe('Retentions', () => {
  let store: Store;
  const logged: unknown[] = [];
  const retentionsOf = (of: Pick<Store, 'clips' | 'snapshots'> = store) =>
    new Retentions({ store: of, log: (...line) => logged.push(line), now: () => nowMs });

  beforeEach(async () => {
    logged.length = 0;
    store = await openEmbeddedStore({ file: ':memory:' });
  });
  afterEach(() => store.close());

  /** A clip frozen so many times, one day after the other, the last one today. */
  async function frozenClip(times: number, retention: Retention): Promise<{ clip: Clip; ids: string[] }> {
    let clip = aClip({ retention });
    await store.clips.create(clip);
    const ids: string[] = [];
    for (let days = times - 1; days >= 0; days--) {
      const snapshot = aSnapshot(clip, [aChunk], { takenAt: daysAgo(days) });
      clip = (await publish(snapshot)) ?? clip;
      ids.unshift(snapshot.id);
    }
    return { clip, ids };
  }
  async function publish(snapshot: Snapshot): Promise<Clip | null> {
    const writer = await store.snapshots.begin(snapshot.clipId, snapshot.id);
    await writer.append(aChunk);
    return writer.publish(snapshot, { kind: 'pin', updatedAt: snapshot.takenAt });
  }
  const kept = async ({ id }: Clip) => (await store.snapshots.list(id)).map((snapshot) => snapshot.id);

  it('removes what a clip does not keep, and its encodings', async () => {
    const { clip, ids } = await frozenClip(5, { last: 2 });
    const oldest = { clipId: clip.id, id: ids[4] ?? '' };
    const writer = await store.snapshots.beginEncoding(oldest, 'json');
    await writer.append(Uint8Array.of(1));
    const encoding = { format: 'json', bytes: 1, deflatedBytes: 1, sha256: '', crc32: 0, chunkCount: 1 };
    expect(await writer.publish(encoding)).toBe(true);
    expect(await retentionsOf().enforce(clip)).toBe(3);
    expect(await kept(clip)).toEqual(ids.slice(0, 2));
    expect(await store.snapshots.findEncoding(oldest, 'json')).toBeNull();
    expect(await retentionsOf().enforce(clip)).toBe(0);
  });

  it('goes by what the clip says now, not by what it said', async () => {
    const { clip, ids } = await frozenClip(3, { last: 1 });
    await store.clips.update(changed(clip, { retention: null }));
    expect(await retentionsOf().enforce(clip)).toBe(0);
    expect(await kept(clip)).toEqual(ids);
  });

  it('leaves one that is pinned while it looks', async () => {
    const { clip, ids } = await frozenClip(3, { last: 1 });
    // The clip is read just before it is pinned to another one: only the store knows.
    const late = {
      ...store.clips,
      find: async (id: string) => {
        const before = await store.clips.find(id);
        if (before)
          await store.clips.update({ ...before, snapshotId: ids[2] ?? '', version: before.version + 1 });
        return before;
      },
    };
    expect(await retentionsOf({ clips: late, snapshots: store.snapshots }).enforce(clip)).toBe(1);
    expect(await kept(clip)).toEqual([ids[0], ids[2]]);
  });

  it('sweeps every clip, page by page, and passes over one that fails', async () => {
    const kinds: Retention[] = [null, { last: 1 }, { days: 1 }];
    const clips = await Promise.all(kinds.map((each) => frozenClip(4, each)));
    for (let n = 0; n < 250; n++) await store.clips.create(aClip({ createdAt: new Date(n).toISOString() }));
    const last = await frozenClip(4, { last: 3 });
    const failing = clips[1]?.clip.id;
    const snapshots = {
      ...store.snapshots,
      list: (id: string) =>
        id === failing ? Promise.reject(new AppError('store_unavailable', 'gone')) : store.snapshots.list(id),
    };
    expect(await retentionsOf({ clips: store.clips, snapshots }).sweep()).toEqual({ clips: 3, removed: 3 });
    expect(logged).toEqual([
      ['warn', expect.stringContaining('retention'), { clip: failing, code: 'store_unavailable' }],
      ['info', expect.any(String), { clips: 3, removed: 3 }],
    ]);
    const left = await Promise.all([...clips, last].map(async ({ clip }) => (await kept(clip)).length));
    expect(left).toEqual([4, 4, 2, 3]);
    expect(await retentionsOf().sweep()).toEqual({ clips: 3, removed: 3 });
    expect(await kept(clips[1]?.clip as Clip)).toHaveLength(1);
  });

  it('at once with others and with a freeze removes no more than it may', async () => {
    const { clip } = await frozenClip(20, { last: 5 });
    const fresh = aSnapshot(clip, [aChunk], { takenAt: daysAgo(0).replace('12:', '13:') });
    const removed = await Promise.all([
      retentionsOf().enforce(clip),
      publish(fresh).then(() => 0),
      retentionsOf().enforce(clip),
      retentionsOf()
        .sweep()
        .then((count) => count.removed),
    ]);
    const left = await kept(clip);
    expect(left[0]).toBe(fresh.id);
    expect(left.length + removed.reduce((sum, each) => sum + each, 0)).toBe(21);
    expect(left.length).toBeGreaterThanOrEqual(5);
  });

  it('stops in the middle when it is told to', async () => {
    await frozenClip(3, { last: 1 });
    expect(await retentionsOf().sweep(AbortSignal.abort())).toEqual({ clips: 0, removed: 0 });
  });
});
