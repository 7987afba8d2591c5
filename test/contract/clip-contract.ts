/** What every ClipStore must do. */
import { describe, expect, test } from 'vitest';
import type { Clip } from '../../src/domain/clip.ts';
import type { Store } from '../../src/domain/ports.ts';
import type { Contest } from './contenders.ts';
import { aChunk, aClip, aSnapshot, changed, someChunks } from './samples.ts';

const awkward = [
  'é e\u0301 \u202Eright to left\u202C עברית العربية',
  '👩‍👩‍👧‍👦 🏳️‍🌈 \u{10FFFF} \uFFFD \uFEFF',
  '\'; drop table clips; -- \\ " {} %s $1 ?',
  'line\nfeed\r\nreturn\ttab \u0001 \u007F \u2028',
  'nul \u0000 inside',
  ' ',
];

async function create(store: Store, count: number, changes: (n: number) => Partial<Clip>): Promise<Clip[]> {
  const clips = Array.from({ length: count }, (_, n) => aClip(changes(n)));
  await Promise.all(clips.map((clip) => store.clips.create(clip)));
  return clips;
}

/** The ids of all pages; `between` runs before each next one. */
async function listAll(store: Store, limit: number, query?: string, between?: () => Promise<void>) {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.clips.list({ limit, ...(cursor && { cursor }), ...(query && { query }) });
    expect(page.clips.length).toBeLessThanOrEqual(limit);
    ids.push(...page.clips.map((clip) => clip.id));
    cursor = page.next ?? undefined;
    await between?.();
  } while (cursor);
  return ids;
}

const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();

export function clipContract(contest: () => Contest): void {
  describe('clips', () => {
    test('are found by id and by slug as they were kept', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      expect(await store.clips.find(clip.id)).toStrictEqual(clip);
      expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(clip);
    });

    test('that never were are null', async () => {
      const { store } = contest();
      await store.clips.create(aClip());
      for (const id of ['nothing', '', '*', 'x}:revisions']) {
        expect(await store.clips.find(id)).toBeNull();
        expect(await store.clips.findBySlug(id)).toBeNull();
        expect(await store.clips.revisions(id)).toEqual([]);
      }
    });

    test.each(awkward)('keep every character of %j', async (text) => {
      const { store } = contest();
      const clip = aClip({ name: text, sql: text, mode: 'frozen', snapshotId: 'some' });
      await store.clips.create(clip);
      expect(await store.clips.find(clip.id)).toStrictEqual(clip);
      expect(await store.clips.revisions(clip.id)).toMatchObject([{ sql: text }]);
    });

    test('with an id or slug that is in use are refused and change nothing', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const sameId = aClip({ id: clip.id, createdAt: second(1) });
      const sameSlug = aClip({ slug: clip.slug });
      for (const other of [sameId, sameSlug])
        await expect(store.clips.create(other)).rejects.toMatchObject({ code: 'clip_changed' });
      expect(await store.clips.findBySlug(clip.slug)).toEqual(clip);
      expect(await store.clips.findBySlug(sameId.slug)).toBeNull();
      expect(await store.clips.revisions(clip.id)).toHaveLength(1);
      expect(await listAll(store, 10)).toEqual([clip.id]);
    });
  });

  describe('the list of clips', () => {
    test('of an empty store is empty', async () => {
      expect(await contest().store.clips.list({ limit: 10 })).toEqual({ clips: [], next: null });
    });

    test('is newest first, page by page, and ends', async () => {
      const { store } = contest();
      const clips = await create(store, 7, (n) => ({ createdAt: second(n) }));
      const newest = clips.toReversed();
      const page = await store.clips.list({ limit: 7 });
      expect(page).toEqual({ clips: newest, next: null });
      expect(await listAll(store, 3)).toEqual(newest.map((clip) => clip.id));
    });

    test('of 300, many of one time, has no gap and no repeat while others come', async () => {
      const { store } = contest();
      const clips = await create(store, 300, (n) => ({ createdAt: second(Math.floor(n / 40)) }));
      const ids = await listAll(store, 17, undefined, () =>
        store.clips.create(aClip({ createdAt: second(500) })),
      );
      expect(ids.toSorted()).toEqual(clips.map((clip) => clip.id).toSorted());
    });

    test('goes on behind a clip that was removed meanwhile', async () => {
      const { store } = contest();
      const clips = await create(store, 3, (n) => ({ createdAt: second(n) }));
      const first = await store.clips.list({ limit: 1 });
      await store.clips.remove(clips[2]?.id ?? '');
      const rest = await store.clips.list({ limit: 5, cursor: first.next ?? '' });
      expect(rest.clips).toEqual([clips[1], clips[0]]);
    });

    test('finds what stands in name or SQL, whatever the case', async () => {
      const { store } = contest();
      const texts = ['Revenue', 'REVENUE', 'ÜBERSICHT', '100%', 'a_b'];
      const clips = await create(store, 5, (n) =>
        n === 1 ? { sql: `select '${texts[n]}'` } : { name: texts[n] ?? '' },
      );
      const find = async (query: string) => (await listAll(store, 10, query)).toSorted();
      const ids = (...of: number[]) => of.map((n) => clips[n]?.id).toSorted();
      expect(await find('reVenue')).toEqual(ids(0, 1));
      expect(await find('übersicht')).toEqual(ids(2));
      expect(await find('%')).toEqual(ids(3));
      expect(await find('_')).toEqual(ids(4));
      expect(await find('nowhere')).toEqual([]);
      expect(await find('')).toHaveLength(5);
    });

    test('pages through what a search finds among many', async () => {
      const { store } = contest();
      const clips = await create(store, 450, (n) => ({
        createdAt: second(n),
        name: n % 90 === 0 ? 'Needle' : 'Hay',
      }));
      const needles = clips.filter((clip) => clip.name === 'Needle').map((clip) => clip.id);
      expect(await listAll(store, 2, 'needle')).toEqual(needles.toReversed());
    });

    test.each(['', 'x', 'bm9uc2Vuc2U', '../..', '+', '(', '😀'])('refuses the cursor %j', async (cursor) => {
      const { store } = contest();
      await store.clips.create(aClip());
      await expect(store.clips.list({ limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });

  describe('a change of a clip', () => {
    test('replaces it and adds its revision, newest first', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const renamed = changed(clip, { name: 'Renamed' });
      expect(await store.clips.update(renamed)).toBe(true);
      const edited = changed(renamed, { sql: 'select 2', revision: 2 });
      const revision = { number: 2, sql: 'select 2', database: clip.database, createdAt: edited.updatedAt };
      expect(await store.clips.update(edited, revision)).toBe(true);
      expect(await store.clips.find(clip.id)).toStrictEqual(edited);
      expect(await store.clips.revisions(clip.id)).toStrictEqual([
        revision,
        { number: 1, sql: 'select 1', database: clip.database, createdAt: clip.createdAt },
      ]);
    });

    test.each([{ last: 1 }, { last: 10_000 }, { days: 30 }, null])(
      'keeps the retention %j, through a pin too',
      async (retention) => {
        const { store } = contest();
        const clip = aClip({ retention });
        await store.clips.create(clip);
        expect(await store.clips.find(clip.id)).toStrictEqual(clip);
        const other = changed(clip, { retention: { days: 7 } });
        expect(await store.clips.update(other)).toBe(true);
        expect(await store.clips.findBySlug(clip.slug)).toStrictEqual(other);
        const back = changed(other, { retention });
        expect(await store.clips.update(back)).toBe(true);
        const snapshot = aSnapshot(clip, [aChunk]);
        const writer = await store.snapshots.begin(clip.id, snapshot.id);
        await writer.append(aChunk);
        const pinned = await writer.publish(snapshot, { kind: 'pin', updatedAt: clip.updatedAt });
        expect(pinned).toMatchObject({ mode: 'frozen', retention });
        expect(await store.clips.find(clip.id)).toStrictEqual(pinned);
        expect((await store.clips.list({ limit: 10 })).clips).toStrictEqual([pinned]);
      },
    );

    test('to another slug makes the old one unknown', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const rotated = changed(clip, { slug: 'another' });
      expect(await store.clips.update(rotated)).toBe(true);
      expect(await store.clips.findBySlug('another')).toEqual(rotated);
      expect(await store.clips.findBySlug(clip.slug)).toBeNull();
    });

    test("to another clip's slug is refused", async () => {
      const { store } = contest();
      const [one, other] = [aClip(), aClip()];
      await store.clips.create(one);
      await store.clips.create(other);
      const stolen = store.clips.update(changed(one, { slug: other.slug }));
      await expect(stolen).rejects.toMatchObject({ code: 'clip_changed' });
      expect(await store.clips.findBySlug(one.slug)).toEqual(one);
      expect(await store.clips.findBySlug(other.slug)).toEqual(other);
    });

    test('that comes too late changes nothing', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const winner = changed(clip, { name: 'First' });
      await store.clips.update(winner);
      const late = changed(clip, { name: 'Second', slug: 'late', revision: 2 });
      const revision = { number: 2, sql: 'late', database: 'D', createdAt: late.updatedAt };
      expect(await store.clips.update(late, revision)).toBe(false);
      expect(await store.clips.find(clip.id)).toEqual(winner);
      expect(await store.clips.findBySlug('late')).toBeNull();
      expect(await store.clips.findBySlug(clip.slug)).toEqual(winner);
      expect(await store.clips.revisions(clip.id)).toHaveLength(1);
    });

    test('of one that is gone changes nothing', async () => {
      const { store } = contest();
      const clip = aClip();
      expect(await store.clips.update(changed(clip, {}))).toBe(false);
      expect(await store.clips.find(clip.id)).toBeNull();
      expect(await store.clips.findBySlug(clip.slug)).toBeNull();
    });

    test('is won by one of many at once', async () => {
      const { store } = contest();
      const clip = aClip();
      await store.clips.create(clip);
      const rivals = Array.from({ length: 10 }, (_, n) =>
        changed(clip, { name: `Rival ${n}`, slug: `slug${n}` }),
      );
      const won = await Promise.all(rivals.map((rival) => store.clips.update(rival)));
      const winners = rivals.filter((_, n) => won[n]);
      expect(winners).toHaveLength(1);
      expect(await store.clips.find(clip.id)).toEqual(winners[0]);
      const bySlug = await Promise.all(rivals.map(({ slug }) => store.clips.findBySlug(slug)));
      expect(bySlug.filter((found) => found !== null)).toEqual(winners);
    });
  });

  test('removing a clip takes its revisions, snapshots and slug with it', async () => {
    const { store } = contest();
    const [clip, other] = [aClip(), aClip()];
    await store.clips.create(clip);
    await store.clips.create(other);
    const chunks = someChunks(2);
    const snapshot = aSnapshot(clip, chunks);
    const writer = await store.snapshots.begin(clip.id, snapshot.id);
    for (const chunk of chunks) await writer.append(chunk);
    await writer.publish(snapshot, { kind: 'pin', updatedAt: clip.updatedAt });

    expect(await store.clips.remove(clip.id)).toBe(true);
    expect(await store.clips.find(clip.id)).toBeNull();
    expect(await store.clips.findBySlug(clip.slug)).toBeNull();
    expect(await store.clips.revisions(clip.id)).toEqual([]);
    expect(await store.snapshots.list(clip.id)).toEqual([]);
    expect(await store.snapshots.find(clip.id, snapshot.id)).toBeNull();
    expect(await listAll(store, 10)).toEqual([other.id]);
    expect(await store.clips.remove(clip.id)).toBe(false);
  });
}
