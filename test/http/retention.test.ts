/** Retention over HTTP, on both stores: what is taken and refused, and what a freeze leaves. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ClipAnswer, openTestServer, type SnapshotAnswer, type TestServer } from '../support/server.ts';

describe.each(['embedded', 'redis'] as const)('retention in the %s store', (kind) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      ...(kind === 'redis' ? { redisUrl: `${inject('redisUrl')}/12` } : {}),
    });
  });
  afterAll(() => server.close());

  const path = ({ id }: ClipAnswer) => `/api/clips/${id}`;
  const keep = (clip: ClipAnswer, retention: unknown) =>
    server.call<ClipAnswer>('PATCH', path(clip), { retention });
  const freeze = async (clip: ClipAnswer) =>
    (await server.call<SnapshotAnswer>('POST', `${path(clip)}/freeze`)).body;
  const idsOf = async (clip: ClipAnswer) => {
    const { body } = await server.call<{ snapshots: SnapshotAnswer[] }>('GET', `${path(clip)}/snapshots`);
    return body.snapshots.map(({ id }) => id);
  };

  it('is null until it is set, and is set, kept and taken back', async () => {
    const clip = await server.save({ sql: 'select 1' });
    expect(clip.retention).toBeNull();
    for (const retention of [{ last: 10_000 }, { days: 36_500 }, null, { last: 1 }]) {
      const changed = await keep(clip, retention);
      expect([changed.status, changed.body.retention]).toEqual([200, retention]);
      expect((await server.call<ClipAnswer>('GET', path(clip))).body.retention).toEqual(retention);
    }
    await server.call('PATCH', path(clip), { name: 'Other' });
    expect((await server.call<ClipAnswer>('GET', path(clip))).body.retention).toEqual({ last: 1 });
    const made = await server.save({ sql: 'select 1', mode: 'frozen', retention: { days: 3 } });
    expect(made).toMatchObject({ mode: 'frozen', retention: { days: 3 } });
  });

  it.each([
    [{ last: 0 }, 'from 1 to 10,000'],
    [{ last: 10_001 }, 'from 1 to 10,000'],
    [{ days: 36_501 }, 'from 1 to 36,500'],
    [{ days: -1 }, 'from 1 to 36,500'],
    [{ last: 1.5 }, 'retention'],
    [{ last: '3' }, 'retention'],
    [{ last: 3, days: 3 }, 'retention'],
    [{}, 'retention'],
    ['last:3', 'retention'],
    [3, 'retention'],
  ])('refuses %j and changes nothing', async (retention, words) => {
    const clip = await server.save({ sql: 'select 1', retention: { last: 2 } });
    const refused = await keep(clip, retention);
    expect([refused.status, refused.body]).toMatchObject([400, { code: 'invalid_request' }]);
    expect(refused.text).toContain(words);
    const unmade = await server.call('POST', '/api/clips', { name: 'n', sql: 'select 1', retention });
    expect(unmade.status).toBe(400);
    expect((await server.call<ClipAnswer>('GET', path(clip))).body).toEqual(clip);
  });

  it('holds after each freeze and when it is set, and their URLs die', async () => {
    const clip = await server.save({ sql: 'select clock_timestamp() as t', mode: 'frozen' });
    const taken = [clip.snapshot as SnapshotAnswer];
    for (let n = 0; n < 3; n++) taken.unshift(await freeze(clip));
    const ids = taken.map(({ id }) => id);
    expect(await idsOf(clip)).toEqual(ids);
    await keep(clip, { days: 1 });
    expect(await idsOf(clip)).toEqual(ids);
    await keep(clip, { last: 2 });
    expect(await idsOf(clip)).toEqual(ids.slice(0, 2));
    expect((await server.fetch(`${taken[2]?.url}.csv`)).status).toBe(404);
    expect((await server.fetch(`${taken[1]?.url}.csv`)).status).toBe(200);
    const next = await freeze(clip);
    expect(await idsOf(clip)).toEqual([next.id, ids[0]]);
    const edited = await server.call<ClipAnswer>('PATCH', path(clip), { sql: 'select 2', mode: 'frozen' });
    expect(await idsOf(clip)).toEqual([edited.body.snapshot?.id, next.id]);
  });

  it('of one keeps the one that is shown, through freezes at once', async () => {
    const clip = await server.save({ sql: 'select 1', mode: 'frozen', retention: { last: 1 } });
    await Promise.all(Array.from({ length: 6 }, () => freeze(clip)));
    const { snapshot } = (await server.call<ClipAnswer>('GET', path(clip))).body;
    expect(await idsOf(clip)).toEqual([snapshot?.id]);
    expect((await server.fetch(`${clip.url}.csv`)).status).toBe(200);
  });
});

it('tells how a snapshot was made', async () => {
  const server = await openTestServer({ postgresUrl: inject('postgresUrl') });
  try {
    const clip = await server.save({ sql: 'select 1 as one', mode: 'frozen' });
    await server.call('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2 as two' });
    const { body } = await server.call<ClipAnswer>('GET', `/api/clips/${clip.id}`);
    expect(body.sql).toBe('select 2 as two');
    expect(body.snapshot).toMatchObject({
      revision: 1,
      sql: 'select 1 as one',
      database: 'DATABASE_URL',
      serverVersion: expect.stringMatching(/^\d+\.\d+/),
      columns: [{ name: 'one', type: 'integer' }],
    });
    expect(body.snapshot?.durationMs).toBeGreaterThan(0);
  } finally {
    await server.close();
  }
});
