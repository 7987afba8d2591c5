/** Small frozen answers that are sent again past the app: the same to the byte, and dead as soon as the app's would be. */
import { afterAll, afterEach, beforeAll, expect, inject, it, vi } from 'vitest';
import { Results } from '../../src/services/results.ts';
import { getSent, type SentAnswer } from '../support/raw-http.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { type ClipAnswer, openTestServer, type TestServer, waitFor } from '../support/server.ts';

const postgresUrl = inject('postgresUrl');
const redisUrl = `${inject('redisUrl')}/7`;
const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const sql = `select n, case when n = 2 then null else 'a,"b"' end as t from generate_series(1, 3) n`;
const gzip = { 'Accept-Encoding': 'gzip' };

/** Of two servers over one store; a relay stands between the first and the store. */
let server: TestServer;
let other: TestServer;
let relay: Relay;

beforeAll(async () => {
  relay = await openRelay(Number(new URL(redisUrl).port));
  server = await openTestServer({ postgresUrl, redisUrl: `redis://127.0.0.1:${relay.port}/7` });
  other = await openTestServer({ postgresUrl, redisUrl });
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await server.close();
  await other.close();
  await relay.close();
});

const isSame = (one: Buffer, another: Buffer) => Buffer.compare(one, another) === 0;
const ownHeaders = ({ headers }: SentAnswer) => headers.filter(([name]) => name !== 'Date');

/** A frozen clip whose JSON is sent again from now on. */
async function hotClip(): Promise<ClipAnswer> {
  const clip = await server.save({ name: 'Größe "1"', sql, mode: 'frozen' });
  for (let time = 0; time < 3; time++) await getSent(`${clip.url}.json`);
  const open = vi.spyOn(Results.prototype, 'openFrozen');
  expect((await getSent(`${clip.url}.json`)).status).toBe(200);
  expect(open).not.toHaveBeenCalled();
  open.mockRestore();
  return clip;
}

it.each(formats)("is the app's, header for header and byte for byte: .%s", async (format) => {
  const clip = await server.save({ name: 'Größe "1"', sql, mode: 'frozen' });
  for (const accept of [{}, gzip]) {
    await getSent(`${clip.url}.${format}`);
    const open = vi.spyOn(Results.prototype, 'openFrozen');
    // Another spelling of the same wish is no answer that was kept.
    const asked = 'Accept-Encoding' in accept ? 'gzip;q=1' : 'identity;q=1';
    const byApp = await getSent(`${clip.url}.${format}`, { 'Accept-Encoding': asked });
    expect(open).toHaveBeenCalledTimes(1);
    await getSent(`${clip.url}.${format}`, accept);
    open.mockClear();
    const again = await getSent(`${clip.url}.${format}`, accept);
    expect(open).not.toHaveBeenCalled();
    open.mockRestore();
    expect(ownHeaders(again)).toEqual(ownHeaders(byApp));
    expect([again.status, isSame(again.body, byApp.body)]).toEqual([200, true]);
  }
});

it('leaves 304, HEAD and options to the app', async () => {
  const clip = await hotClip();
  const first = await getSent(`${clip.url}.json`);
  const known = await getSent(`${clip.url}.json`, { 'If-None-Match': first.header('etag') ?? '' });
  expect([known.status, known.body.length]).toEqual([304, 0]);
  expect((await getSent(`${clip.url}.json`, { 'If-None-Match': '"other"' })).status).toBe(200);
  const head = await getSent(`${clip.url}.json`, {}, 'HEAD');
  expect([head.status, head.body.length, head.header('etag')]).toEqual([200, 0, first.header('etag')]);
  expect((await getSent(`${clip.url}.json?shape=rows`)).body.toString()).toContain('"fields"');
  expect((await getSent(`${clip.url}.json?shape=no`)).status).toBe(400);
  expect((await getSent(`${clip.url}.json`, {}, 'POST')).status).toBe(405);
});

it.each([
  ['rotated', 'POST', '/rotate'],
  ['removed', 'DELETE', ''],
])('is dead once its clip is %s, on whichever server', async (_, method, path) => {
  for (const changer of [server, other]) {
    const clip = await hotClip();
    expect((await changer.call(method, `/api/clips/${clip.id}${path}`)).status).toBeLessThan(300);
    const answer = await getSent(`${clip.url}.json`);
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'clip_not_found' });
  }
});

it('is another once its clip is renamed, frozen anew or edited, on whichever server', async () => {
  for (const changer of [server, other]) {
    const clip = await hotClip();
    const path = `/api/clips/${clip.id}`;
    const get = () => getSent(`${clip.url}.json`);
    const before = await get();
    await changer.call('PATCH', path, { name: 'Other' });
    expect((await get()).header('content-disposition')).toBe('inline; filename="Other.json"');
    await changer.call('PATCH', path, { sql: 'select 2 as two' });
    expect(isSame((await get()).body, before.body)).toBe(true);
    await changer.call('POST', `${path}/freeze`);
    expect((await get()).body.toString()).toBe('[\n{"two":2}\n]');
    await get();
    await changer.call('POST', `${path}/thaw`);
    const live = await get();
    expect([live.header('cache-control'), live.header('etag')]).toEqual(['no-store', undefined]);
  }
});

it('is a problem while the store is away, and is sent again once it is back', async () => {
  const clip = await hotClip();
  const before = await getSent(`${clip.url}.json`);
  await relay.stop();
  const answer = await getSent(`${clip.url}.json`);
  expect([answer.status, answer.header('content-type')]).toEqual([503, 'application/problem+json']);
  expect(answer.header('access-control-allow-origin')).toBe('*');
  expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'store_unavailable' });
  await relay.start();
  await waitFor(async () => (await getSent(`${clip.url}.json`)).status === 200, 5000);
  expect(ownHeaders(await getSent(`${clip.url}.json`))).toEqual(ownHeaders(before));
});
