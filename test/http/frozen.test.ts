/** Frozen clips as they are served: encoded once, kept whole or not at all, and never told when damaged. */
import { gunzipSync } from 'node:zlib';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { findFormat } from '../../src/formats/registry.ts';
import { getSent, readSome, type SentAnswer, sendGet } from '../support/raw-http.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type ClipAnswer, openTestServer, type TestServer, waitFor } from '../support/server.ts';

const postgresUrl = inject('postgresUrl');
const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const few = `select n, case when n = 2 then null else 'a,"b"' end as t, array[n, null] as a,
  row(n, 'x') as r, n * 9007199254740993 as big from generate_series(1, 3) n`;
// More than is put together before it is sent, in every format, and in many segments.
const many = `select n, md5(n::text) as m, array[n] as a from generate_series(1, 40000) n`;
// More than the sockets between server and client hold.
const huge = 'select n, md5(n::text) as m, md5(n::text) as o from generate_series(1, 200000) n';

let redis: RedisServer;
let raw: Redis;

beforeAll(async () => {
  redis = await startRedis();
  raw = new Redis(redis.url);
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await raw.quit();
  await redis.stop();
});

const gzip = { 'Accept-Encoding': 'gzip' };
const plain = (answer: SentAnswer) =>
  answer.header('content-encoding') === 'gzip' ? gunzipSync(answer.body) : answer.body;
const isSame = (one: Buffer, other: Buffer) => Buffer.compare(one, other) === 0;
const timesEncoded = (format: string) => vi.spyOn(findFormat(format) ?? { encode: () => {} }, 'encode');

describe.each(['redis', 'embedded'] as const)('kept in %s', (kind) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openTestServer({ postgresUrl, ...(kind === 'redis' ? { redisUrl: redis.url } : {}) });
  });
  afterAll(() => server.close());

  describe.each([
    ['a few rows', few],
    ['many rows', many],
    ['no rows', 'select 1 as one, array[1] as a where false'],
  ])('%s', (_, sql) => {
    it.each(formats)('are the bytes of the live clip in each coding, each time: .%s', async (format) => {
      server.logged.length = 0;
      const live = await server.save({ sql });
      const expected = (await getSent(`${live.url}.${format}`)).body;
      for (const headers of [{}, gzip]) {
        const clip = await server.save({ sql, mode: 'frozen' });
        const encode = timesEncoded(format);
        for (const accept of [headers, headers, {}, { 'Accept-Encoding': 'zstd, gzip' }]) {
          for (const url of [clip.url, clip.snapshot?.url]) {
            const answer = await getSent(`${url}.${format}`, accept);
            expect([answer.status, isSame(plain(answer), expected)]).toEqual([200, true]);
            const isGzip = 'Accept-Encoding' in accept && format !== 'xlsx';
            expect(answer.header('content-encoding')).toBe(isGzip ? 'gzip' : undefined);
            expect(answer.header('vary')).toBe('Accept-Encoding');
            const length = answer.header('content-length') ?? String(answer.body.length);
            expect(length).toBe(String(answer.body.length));
          }
        }
        expect(encode).toHaveBeenCalledTimes(format === 'csv' ? 0 : 1);
        vi.restoreAllMocks();
      }
      expect(server.logged.filter((line) => line.includes('could not be kept'))).toEqual([]);
    });
  });

  it('say their length and a tag of their own in each coding, known again in that coding only', async () => {
    const clip = await server.save({ sql: many, mode: 'frozen' });
    for (const format of formats) {
      await getSent(`${clip.url}.${format}`);
      const answers = await Promise.all([{}, gzip].map((accept) => getSent(`${clip.url}.${format}`, accept)));
      const tags = answers.map((answer) => answer.header('etag') ?? '');
      expect(new Set(tags).size).toBe(format === 'xlsx' ? 1 : 2);
      for (const [index, accept] of [{}, gzip].entries()) {
        expect(answers[index]?.header('content-length')).toBe(String(answers[index]?.body.length));
        const ask = (tag: string) => getSent(`${clip.url}.${format}`, { ...accept, 'If-None-Match': tag });
        const again = await ask(tags[index] ?? '');
        expect([again.status, again.body.length]).toEqual([304, 0]);
        expect([again.header('etag'), again.header('vary')]).toEqual([tags[index], 'Accept-Encoding']);
        expect(again.header('content-encoding')).toBeUndefined();
        if (format !== 'xlsx') expect((await ask(tags[1 - index] ?? '')).status).toBe(200);
      }
    }
  });

  it('take options without a trace in what is kept', async () => {
    const live = await server.save({ sql: few });
    const clip = await server.save({ sql: few, mode: 'frozen' });
    for (const tail of ['csv', 'csv?delimiter=;', 'csv?header=0&bom=1', 'json', 'json?shape=rows', 'json'])
      for (const accept of [{}, gzip, { 'Accept-Encoding': 'zstd' }]) {
        const [one, other] = await Promise.all(
          [live, clip].map(async ({ url }) => {
            const response = await server.fetch(`${url}.${tail}`, { headers: accept });
            return Buffer.from(await response.bytes());
          }),
        );
        expect([tail, isSame(one as Buffer, other as Buffer)]).toEqual([tail, true]);
      }
  });

  it('are encoded by each of two first readers, whole for both', async () => {
    const clip = await server.save({ sql: many, mode: 'frozen' });
    const encode = timesEncoded('json');
    const both = await Promise.all([getSent(`${clip.url}.json`), getSent(`${clip.url}.json`, gzip)]);
    expect(encode).toHaveBeenCalledTimes(2);
    const third = await getSent(`${clip.url}.json`);
    expect(encode).toHaveBeenCalledTimes(2);
    for (const answer of both) expect(isSame(plain(answer), third.body)).toBe(true);
  });

  it('survive a first reader who leaves in the middle', async () => {
    const clip = await server.save({ sql: huge, mode: 'frozen' });
    const live = await server.save({ sql: huge });
    const encode = timesEncoded('json');
    const socket = await sendGet(`${clip.url}.json`);
    await readSome(socket, 1024);
    socket.destroy();
    await waitFor(async () => (await raw.keys(`*{${clip.id}}:pending:*`)).length === 0, 5000);
    const [next, expected] = [await getSent(`${clip.url}.json`), await getSent(`${live.url}.json`)];
    expect(isSame(next.body, expected.body)).toBe(true);
    // His was not kept, the next one's is.
    await getSent(`${clip.url}.json`, gzip);
    expect(encode).toHaveBeenCalledTimes(3);
    expect(server.logged.filter((line) => line.includes('broken off'))).toEqual([]);
  });

  it('are broken off when their snapshot is removed meanwhile', async () => {
    const clip = await server.save({ sql: huge, mode: 'frozen' });
    await server.call('POST', `/api/clips/${clip.id}/freeze`);
    const response = await server.fetch(`${clip.snapshot?.url}.json`);
    const reader = response.body?.getReader();
    expect([response.status, (await reader?.read())?.done]).toEqual([200, false]);
    const removed = await server.call('DELETE', `/api/clips/${clip.id}/snapshots/${clip.snapshot?.id}`);
    expect(removed.status).toBe(204);
    const toItsEnd = async () => {
      while (reader && !(await reader.read()).done);
    };
    await expect(toItsEnd()).rejects.toThrow();
    expect((await server.fetch(`${clip.snapshot?.url}.json`)).status).toBe(404);
    await waitFor(async () => (await raw.keys(`*${clip.id}*${clip.snapshot?.id}*`)).length === 0, 5000);
    expect(await raw.keys(`*{${clip.id}}:pending:*`)).toEqual([]);
  });

  it('are paged over the borders of their chunks', async () => {
    const sql = "select n, repeat('x', n % 90) as t from generate_series(1, 20000) n";
    const clip = await server.save({ sql, mode: 'frozen' });
    const numbers = async (page: number) => {
      const response = await server.fetch(`${clip.url}.html?page=${page}`);
      expect(response.status).toBe(200);
      return [...(await response.text()).matchAll(/<td class="num">(\d+)<\/td>/g)].map((found) =>
        Number(found[1]),
      );
    };
    for (let page = 1; page <= 200; page++)
      expect(await numbers(page)).toEqual(Array.from({ length: 100 }, (_, n) => (page - 1) * 100 + n + 1));
    expect(await numbers(201)).toEqual([]);
    expect(await numbers(1_000_000)).toEqual([]);
  });
});

describe('in a Redis', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await openTestServer({ postgresUrl, redisUrl: redis.url });
  });
  afterAll(() => server.close());

  const chunksKey = ({ id, snapshot }: ClipAnswer) => `pgclip:{${id}}:snapshot:${snapshot?.id}`;
  const encodingsKey = ({ id, snapshot }: ClipAnswer) => `pgclip:{${id}}:encodings:${snapshot?.id}`;

  it('that is full, the first reader gets all, the log says why, and the next one is kept', async () => {
    const clip = await server.save({ sql: many, mode: 'frozen' });
    const expected = (await getSent(`${(await server.save({ sql: many })).url}.json`)).body;
    // Room for some of the encoding, and for none of it.
    for (const roomBytes of [300_000, -100_000]) {
      const used = Number(/used_memory:(\d+)/.exec(await raw.info('memory'))?.[1]);
      await raw.config('SET', 'maxmemory', String(used + roomBytes));
      server.logged.length = 0;
      const first = await getSent(`${clip.url}.json`, gzip);
      expect([first.status, isSame(plain(first), expected)]).toEqual([200, true]);
      expect(server.logged.map((line) => JSON.parse(line))).toEqual([
        {
          level: 'warn',
          message: 'an encoding of a snapshot could not be kept',
          format: 'json',
          code: 'store_full',
        },
      ]);
      expect(await raw.keys(`*{${clip.id}}:pending:*`)).toEqual([]);
      expect(await raw.exists(encodingsKey(clip))).toBe(0);
    }
    await raw.config('SET', 'maxmemory', '0');
    const next = await getSent(`${clip.url}.json`);
    expect(isSame(next.body, expected)).toBe(true);
    expect(await raw.hkeys(encodingsKey(clip))).toEqual(['json']);
    for (const key of await raw.keys(`${encodingsKey(clip)}*`)) expect(await raw.pttl(key)).toBe(-1);
  });

  /** Changes one bit in the middle of a chunk. */
  async function flip(key: string, number: number): Promise<void> {
    const chunk = await raw.lindexBuffer(key, number);
    if (!chunk) throw new Error('There is no such chunk.');
    const middle = chunk.length >> 1;
    chunk[middle] = (chunk[middle] ?? 0) ^ 1;
    await raw.lset(key, number, chunk);
  }

  it.each(formats)('a damaged chunk of many is never told as rows: .%s', async (format) => {
    for (const number of [1, -1]) {
      const clip = await server.save({ sql: many, mode: 'frozen' });
      await flip(chunksKey(clip), number);
      for (const accept of [{}, gzip]) {
        server.logged.length = 0;
        const status = await getSent(`${clip.url}.${format}`, accept).then(
          (answer) => answer.status,
          () => 'broken off',
        );
        expect([number, [500, 'broken off'].includes(status)]).toEqual([number, true]);
        expect(server.logged.join()).toContain('snapshot_damaged');
      }
      expect(await raw.exists(encodingsKey(clip))).toBe(0);
      expect(await raw.keys(`*{${clip.id}}:pending:*`)).toEqual([]);
    }
  });

  it('a damaged chunk of a small one is a problem in every format', async () => {
    const clip = await server.save({ sql: few, mode: 'frozen' });
    await flip(chunksKey(clip), -1);
    for (const format of formats)
      for (const accept of [{}, gzip]) {
        const answer = await getSent(`${clip.url}.${format}`, accept);
        expect([answer.status, answer.header('content-type')]).toEqual([500, 'application/problem+json']);
        expect(answer.header('content-encoding')).toBeUndefined();
        expect(answer.header('etag')).toBeUndefined();
        expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'snapshot_damaged' });
      }
  });

  it('a damaged chunk of a kept encoding is never told as rows, and the encoding is made anew', async () => {
    for (const sql of [few, many]) {
      const clip = await server.save({ sql, mode: 'frozen' });
      const whole = (await getSent(`${clip.url}.xml`)).body;
      await flip(`${encodingsKey(clip)}:xml`, -1);
      const status = await getSent(`${clip.url}.xml`).then(
        (answer) => answer.status,
        () => 'broken off',
      );
      expect(status).toBe(sql === few ? 200 : 'broken off');
      for (const _ of ['encoded', 'kept']) {
        const answer = await getSent(`${clip.url}.xml`);
        expect(answer.status).toBe(200);
        expect(answer.body.equals(whole)).toBe(true);
      }
    }
  });
});
