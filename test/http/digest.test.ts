/** `Repr-Digest` (RFC 9530): where it stands, what it is of, and where it must not stand. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { getSent } from '../support/raw-http.ts';
import { type ClipAnswer, openTestServer, type TestServer } from '../support/server.ts';

const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const identity = { 'Accept-Encoding': 'identity' };
const digestOf = (bytes: Uint8Array) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

let server: TestServer;
let frozen: ClipAnswer;
let live: ClipAnswer;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl: `${inject('redisUrl')}/11` });
  const sql = `select n, 'é "' || n || '"' as t from generate_series(1, 500) n`;
  frozen = await server.save({ sql, mode: 'frozen' });
  live = await server.save({ sql });
});
afterAll(() => server.close());

const get = (url: string, init: RequestInit = {}) => server.fetch(url, { headers: identity, ...init });

describe.each(['the clip', 'its snapshot'])('at the URL of %s', (which) => {
  const base = () => (which === 'the clip' ? frozen.url : (frozen.snapshot?.url ?? ''));

  it.each(formats)('is the digest of .%s as it is sent, by GET and HEAD, hot and cold', async (format) => {
    const url = `${base()}.${format}`;
    // Only a CSV is known before it was ever made.
    await (await get(url)).bytes();
    for (let time = 0; time < 3; time++) {
      const response = await get(url);
      expect(response.headers.get('Repr-Digest')).toBe(digestOf(await response.bytes()));
    }
    const head = await get(url, { method: 'HEAD' });
    expect(head.headers.get('Repr-Digest')).toBe((await get(url)).headers.get('Repr-Digest'));
  });

  it('is that of the snapshot for its CSV, from the first answer on', async () => {
    const clip = await server.save({ sql: 'select 1 as one', mode: 'frozen' });
    const url = which === 'the clip' ? clip.url : clip.snapshot?.url;
    const [head, first] = [await get(`${url}.csv`, { method: 'HEAD' }), await get(`${url}.csv`)];
    const sum = Buffer.from(clip.snapshot?.sha256 ?? '', 'hex').toString('base64');
    expect(head.headers.get('Repr-Digest')).toBe(`sha-256=:${sum}:`);
    expect(first.headers.get('Repr-Digest')).toBe(`sha-256=:${sum}:`);
    expect(first.headers.get('Access-Control-Expose-Headers')).toContain('Repr-Digest');
  });

  it.each(['csv', 'json'])('is not there for .%s compressed, with options, or not sent', async (format) => {
    const url = `${base()}.${format}`;
    await (await get(url)).bytes();
    const gzip = { 'Accept-Encoding': 'gzip' };
    const option = format === 'csv' ? 'bom=1' : 'shape=rows';
    for (let time = 0; time < 3; time++) {
      for (const method of ['GET', 'HEAD']) {
        const packed = await get(url, { headers: gzip, method });
        expect(packed.headers.get('Content-Encoding')).toBe('gzip');
        const chosen = await get(`${url}?${option}`, { method });
        for (const each of [packed, chosen]) {
          expect([each.status, each.headers.get('Repr-Digest')]).toEqual([200, null]);
          await each.bytes();
        }
      }
    }
    const etag = (await get(url)).headers.get('ETag') ?? '';
    const known = await get(url, { headers: { ...identity, 'If-None-Match': etag } });
    expect([known.status, known.headers.get('Repr-Digest')]).toEqual([304, null]);
  });
});

it('is not there for a live clip', async () => {
  for (const format of formats)
    expect((await get(`${live.url}.${format}`)).headers.get('Repr-Digest')).toBeNull();
});

it('is sent again with what is sent again', async () => {
  const clip = await server.save({ sql: 'select 2 as two', mode: 'frozen' });
  const answers = [];
  for (let time = 0; time < 3; time++) answers.push(await getSent(`${clip.url}.csv`));
  for (const answer of answers) expect(answer.header('repr-digest')).toBe(digestOf(answer.body));
});
