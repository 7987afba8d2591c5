/** Freezing, thawing and snapshots over HTTP, on both stores. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import { type ClipAnswer, openTestServer, type SnapshotAnswer, type TestServer } from '../support/server.ts';

const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;

describe.each(['embedded', 'redis'] as const)('snapshots in the %s store', (kind) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      ...(kind === 'redis' ? { redisUrl: `${inject('redisUrl')}/2` } : {}),
      env: () => ({ SNAPSHOT_MAX_BYTES: '1000' }),
    });
    await executeSql(server.database.ownerUrl, 'create table counter as select 1 as n');
  });
  afterAll(() => server.close());

  const count = (n: number) => executeSql(server.database.ownerUrl, `update counter set n = ${n}`);
  const csvOf = async (url: string) => (await server.fetch(`${url}.csv`)).text();
  const current = async (id: string) => (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
  const snapshotsOf = async (id: string) =>
    (await server.call<{ snapshots: SnapshotAnswer[] }>('GET', `/api/clips/${id}/snapshots`)).body.snapshots;
  const freeze = (id: string) =>
    server.call<SnapshotAnswer & { code?: string }>('POST', `/api/clips/${id}/freeze`);

  it('pins the clip to the rows of now, until it is thawed', async () => {
    await count(1);
    const clip = await server.save({ sql: 'table counter' });
    const { status, body } = await freeze(clip.id);
    expect(status).toBe(201);
    expect(body).toMatchObject({ clipId: clip.id, revision: 1, rowCount: 1, bytes: 4 });
    expect(await current(clip.id)).toMatchObject({ mode: 'frozen', snapshot: body });
    await count(2);
    expect(await csvOf(clip.url)).toBe('n\n1\n');
    const thawed = await server.call<ClipAnswer>('POST', `/api/clips/${clip.id}/thaw`);
    expect([thawed.status, thawed.body.mode, thawed.body.snapshot]).toEqual([200, 'live', null]);
    expect(await csvOf(clip.url)).toBe('n\n2\n');
    expect(await snapshotsOf(clip.id)).toEqual([body]);
  });

  it('fingerprints the bytes of its CSV', async () => {
    const clip = await server.save({ sql: "select 1 as a, 'é,\n' as b", mode: 'frozen' });
    const csv = await csvOf(clip.url);
    expect(createHash('sha256').update(csv).digest('hex')).toBe(clip.snapshot?.sha256);
    expect(Buffer.byteLength(csv)).toBe(clip.snapshot?.bytes);
  });

  it('keeps the URL of a snapshot the same through thaw, edit and a new freeze', async () => {
    await count(10);
    const clip = await server.save({ sql: 'table counter', mode: 'frozen' });
    const url = clip.snapshot?.url ?? '';
    const before = await Promise.all(
      formats.map(async (each) => (await server.fetch(`${url}.${each}`)).bytes()),
    );
    await count(11);
    await server.call('POST', `/api/clips/${clip.id}/thaw`);
    await server.call('PATCH', `/api/clips/${clip.id}`, {
      name: 'Other',
      sql: 'select n + 1 as m from counter',
    });
    const second = await freeze(clip.id);
    expect(second.body).toMatchObject({ revision: 2 });
    const after = await Promise.all(
      formats.map(async (each) => (await server.fetch(`${url}.${each}`)).bytes()),
    );
    expect(after).toEqual(before);
    expect(await csvOf(clip.url)).toBe('m\n12\n');
    expect((await snapshotsOf(clip.id)).map(({ id }) => id)).toEqual([second.body.id, clip.snapshot?.id]);
  });

  it('removes a snapshot, but not one that the clip shows', async () => {
    const clip = await server.save({ sql: 'select 1', mode: 'frozen' });
    const path = `/api/clips/${clip.id}/snapshots/${clip.snapshot?.id}`;
    const pinned = await server.call<{ code: string }>('DELETE', path);
    expect([pinned.status, pinned.body.code]).toEqual([409, 'snapshot_pinned']);
    expect(await csvOf(clip.url)).toBe('?column?\n1\n');
    await freeze(clip.id);
    expect((await server.call('DELETE', path)).status).toBe(204);
    const again = await server.call<{ code: string }>('DELETE', path);
    expect([again.status, again.body.code]).toEqual([404, 'snapshot_not_found']);
    expect((await server.fetch(`${clip.snapshot?.url}.csv`)).status).toBe(404);
    expect(await snapshotsOf(clip.id)).toHaveLength(1);
  });

  it("gives no snapshot under another clip's URL", async () => {
    const one = await server.save({ sql: 'select 1', mode: 'frozen' });
    const other = await server.save({ sql: 'select 2', mode: 'frozen' });
    const response = await server.fetch(`${other.url}/s/${one.snapshot?.id}.csv`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'snapshot_not_found' });
    const removal = await server.call('DELETE', `/api/clips/${other.id}/snapshots/${one.snapshot?.id}`);
    expect(removal.status).toBe(404);
    expect(await csvOf(one.url)).toBe('?column?\n1\n');
  });

  it.each([
    ['too large', "select repeat('x', 100) as t from generate_series(1, 20)", 413, 'snapshot_too_large'],
    ['failing', 'select 1 / (n - 3) as t from generate_series(1, 9) n', 422, 'sql_failed'],
  ])('leaves the clip as it was when its freeze is %s', async (_, sql, status, code) => {
    const live = await server.save({ sql });
    const before = await current(live.id);
    const refused = await freeze(live.id);
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect(await current(live.id)).toEqual(before);
    expect(await snapshotsOf(live.id)).toEqual([]);

    const { snapshot, ...frozen } = await server.save({ sql: 'select 1', mode: 'frozen' });
    const patch = await server.call<{ code: string }>('PATCH', `/api/clips/${frozen.id}`, {
      sql,
      mode: 'frozen',
    });
    expect([patch.status, patch.body.code]).toEqual([status, code]);
    expect(await current(frozen.id)).toEqual({ ...frozen, snapshot });
    expect(await snapshotsOf(frozen.id)).toEqual([snapshot]);

    const created = await server.call<{ code: string }>('POST', '/api/clips', {
      name: 'Never',
      sql,
      mode: 'frozen',
    });
    expect([created.status, created.body.code]).toEqual([status, code]);
    const list = await server.call<{ clips: unknown[] }>('GET', '/api/clips?q=Never');
    expect(list.body.clips).toEqual([]);
    await server.untilIdle(1000);
  });

  it('takes a snapshot of exactly the largest size', async () => {
    const sql = "select repeat('x', 997) as t";
    expect((await server.save({ sql, mode: 'frozen' })).snapshot?.bytes).toBe(1000);
    const over = await server.call('POST', '/api/clips', {
      name: 'n',
      sql: "select repeat('x', 998) as t",
      mode: 'frozen',
    });
    expect(over.status).toBe(413);
  });
});
