/** A freeze that is watched and cancelled, on Node and in workerd. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { postForEvents } from '../support/events.ts';
import { closeGate, type Gate, rowsAroundGate, waitAtGate } from '../support/gate.ts';
import { type BothRuntimes, openBoth, type Runtime } from '../support/runtimes.ts';
import { type ClipAnswer, type SnapshotAnswer, waitFor } from '../support/server.ts';

const redisUrl = `${inject('redisUrl')}/14`;

let both: BothRuntimes;
let redis: Redis;
let gate: Gate;

beforeAll(async () => {
  both = await openBoth(inject('postgresUrl'), redisUrl);
  redis = new Redis(redisUrl);
  gate = await closeGate(both.server.database.superuserUrl);
}, 60_000);
afterAll(async () => {
  await gate.end();
  await redis.quit();
  await both.close();
});

const pending = async () => (await redis.keys('pgclip:*:pending:*')).length;
const current = async (id: string) => (await both.server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
const snapshotsOf = async (id: string) =>
  (await both.server.call<{ snapshots: SnapshotAnswer[] }>('GET', `/api/clips/${id}/snapshots`)).body
    .snapshots;

describe.each(['node', 'workerd'] as const)('on %s', (name) => {
  let runtime: Runtime;
  beforeAll(() => {
    runtime = both[name];
  });
  beforeEach(async () => {
    await gate.open();
    await gate.close();
  });

  it('tells how far it has come, and how it ended', async () => {
    const clip = await both.server.save({ sql: rowsAroundGate(20_000) });
    const stream = await postForEvents(runtime, `/api/clips/${clip.id}/freeze`);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('Content-Type')).toBe('text/event-stream');
    expect(stream.response.headers.get('Cache-Control')).toBe('no-store');
    expect(await stream.next()).toEqual({ name: 'progress', data: { rows: 0, bytes: 0 } });
    const { name: progress, data } = await stream.find((event) => Number(event.data.rows) > 10_000);
    // The line of names, and 51 bytes for each row.
    expect([progress, data.bytes]).toEqual(['progress', 2 + Number(data.rows) * 51]);
    await gate.open();
    const done = (await stream.rest()).at(-1);
    const { snapshot, mode } = await current(clip.id);
    expect(mode).toBe('frozen');
    expect(snapshot).toMatchObject({ rowCount: 20_001, bytes: 2 + 20_000 * 51 + 3 });
    expect(done).toEqual({ name: 'done', data: snapshot });
  });

  it('is alive before its first row', async () => {
    const clip = await both.server.save({ sql: `select ${waitAtGate}` });
    const stream = await postForEvents(runtime, `/api/clips/${clip.id}/freeze`);
    expect(await stream.next()).toEqual({ name: 'progress', data: { rows: 0, bytes: 0 } });
    await waitFor(async () => (await gate.waiting()) === 1, 3000);
    await gate.open();
    expect((await stream.rest()).at(-1)?.name).toBe('done');
  });

  it.each([
    ['before its first row', `select ${waitAtGate}`, 0],
    ['in its middle', rowsAroundGate(20_000), 1],
  ])('is cancelled by closing the request %s', async (_, sql, chunks) => {
    const clip = await both.server.save({ sql });
    const stream = await postForEvents(runtime, `/api/clips/${clip.id}/freeze`);
    await waitFor(async () => (await gate.waiting()) === 1 && (await pending()) === chunks, 5000);
    stream.leave();
    await waitFor(async () => (await gate.observer.busy()) === 0, 1000);
    await waitFor(async () => (await pending()) === 0, 1000);
    expect([await current(clip.id), await snapshotsOf(clip.id)]).toEqual([clip, []]);
  });

  it('ends with the problem that it would be answered with', async () => {
    const sql = 'select 1 / (50000 - n) as q from generate_series(1, 100000) n';
    const clip = await both.server.save({ sql });
    const stream = await postForEvents(runtime, `/api/clips/${clip.id}/freeze`);
    const answer = await both.server.call('POST', `/api/clips/${clip.id}/freeze`);
    const events = await stream.rest();
    expect(events.at(-1)).toEqual({ name: 'error', data: answer.body });
    expect(events.filter((event) => event.name !== 'progress')).toHaveLength(1);
    expect(await current(clip.id)).toEqual(clip);
  });

  it('saves a clip that is frozen from the start', async () => {
    const sql = rowsAroundGate(100);
    const stream = await postForEvents(runtime, '/api/clips', { name: 'Made frozen', sql, mode: 'frozen' });
    expect(await stream.next()).toEqual({ name: 'progress', data: { rows: 0, bytes: 0 } });
    await waitFor(async () => (await gate.waiting()) === 1, 3000);
    await gate.open();
    const end = (await stream.rest()).at(-1);
    expect(end).toEqual({ name: 'done', data: await current(String(end?.data.id)) });
    expect(end?.data.mode).toBe('frozen');
  });
});
