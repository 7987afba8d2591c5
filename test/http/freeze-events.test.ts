/** A watched freeze over each store: how it ends when something stands in its way, and two of them at once. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { postForEvents } from '../support/events.ts';
import { closeGate, type Gate, rowsAroundGate, waitAtGate } from '../support/gate.ts';
import { executeSql } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import {
  type ClipAnswer,
  openTestServer,
  type SnapshotAnswer,
  type TestServer,
  waitFor,
} from '../support/server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe.each(['embedded', 'redis'] as const)('in the %s store', (kind) => {
  let server: TestServer;
  let gate: Gate;

  beforeAll(async () => {
    server = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      ...(kind === 'redis' ? { redisUrl: redis.url } : {}),
      env: () => ({ SNAPSHOT_MAX_BYTES: '5000000' }),
    });
    gate = await closeGate(server.database.superuserUrl);
  });
  afterAll(async () => {
    await gate.end();
    await server.close();
  });

  const current = async (id: string) => (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
  const snapshotsOf = async (id: string) =>
    (await server.call<{ snapshots: SnapshotAnswer[] }>('GET', `/api/clips/${id}/snapshots`)).body.snapshots;
  const freeze = (id: string) => postForEvents(server, `/api/clips/${id}/freeze`);

  it('of what is not there is an ordinary problem', async () => {
    const stream = await freeze('nothing');
    expect([stream.response.status, stream.response.headers.get('Content-Type')]).toEqual([
      404,
      'application/problem+json',
    ]);
  });

  it('of what is too large ends as without events', async () => {
    const clip = await server.save({ sql: "select repeat('x', 50) from generate_series(1, 200000)" });
    const answer = await server.call('POST', `/api/clips/${clip.id}/freeze`);
    expect(answer.status).toBe(413);
    expect((await (await freeze(clip.id)).rest()).at(-1)).toEqual({ name: 'error', data: answer.body });
    expect([await current(clip.id), await snapshotsOf(clip.id)]).toEqual([clip, []]);
  });

  it('ends with a problem when Postgres drops the run', async () => {
    const clip = await server.save({ sql: rowsAroundGate(20_000) });
    const stream = await freeze(clip.id);
    await waitFor(async () => (await gate.waiting()) === 1, 3000);
    await gate.observer.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'pgclip'`,
    );
    const end = (await stream.rest()).at(-1);
    expect([end?.name, end?.data]).toMatchObject(['error', { code: 'database_unavailable', status: 503 }]);
    expect([await current(clip.id), await snapshotsOf(clip.id)]).toEqual([clip, []]);
    await server.untilIdle(1000);
  });

  it('leaves nothing of one that is cancelled', async () => {
    const clip = await server.save({ sql: rowsAroundGate(20_000) });
    const stream = await freeze(clip.id);
    await stream.find((event) => Number(event.data.rows) > 10_000);
    stream.leave();
    await server.untilIdle(1000);
    await waitFor(async () => (await gate.observer.busy()) === 0, 1000);
    expect([await current(clip.id), await snapshotsOf(clip.id)]).toEqual([clip, []]);
    // Whoever left is no failure of the server.
    expect(server.logged.filter((line) => line.includes('run_cancelled'))).toEqual([]);
  });

  it('keeps both of two at once, and shows the one that began later, though it ended first', async () => {
    await executeSql(server.database.ownerUrl, 'create table door as select false as open');
    const clip = await server.save({
      sql: `select open, case when not open then ${waitAtGate} end as waited from door`,
    });
    const early = await freeze(clip.id);
    await waitFor(async () => (await gate.waiting()) === 1, 3000);
    await executeSql(server.database.ownerUrl, 'update door set open = true');
    const later = (await (await freeze(clip.id)).rest()).at(-1);
    expect((await current(clip.id)).snapshot).toEqual(later?.data);
    expect(await gate.waiting()).toBe(1);
    await gate.open();
    const earlier = (await early.rest()).at(-1);
    expect([earlier?.name, later?.name]).toEqual(['done', 'done']);
    expect(String(earlier?.data.takenAt) < String(later?.data.takenAt)).toBe(true);
    expect((await current(clip.id)).snapshot).toEqual(later?.data);
    expect((await snapshotsOf(clip.id)).map(({ id }) => id)).toEqual([later?.data.id, earlier?.data.id]);
    expect(await (await server.fetch(`${clip.url}.csv`)).text()).toMatch(/^open,waited\nt,\n$/);
    await gate.close();
  });
});

it('ends with a problem when the store is full', async () => {
  const server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl: redis.url });
  const raw = new Redis(redis.url);
  const clip = await server.save({ sql: 'select md5(n::text) from generate_series(1, 300000) n' });
  const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
  await raw.config('SET', 'maxmemory', String(used + 2_000_000));
  const end = (await (await postForEvents(server, `/api/clips/${clip.id}/freeze`)).rest()).at(-1);
  expect([end?.name, end?.data]).toMatchObject(['error', { code: 'store_full', status: 507 }]);
  await raw.config('SET', 'maxmemory', '0');
  expect((await server.call('GET', `/api/clips/${clip.id}`)).body).toEqual(clip);
  await raw.quit();
  await server.close();
});
