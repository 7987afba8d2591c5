/** Compressed answers of live and frozen clips on Node and in workerd: the same bytes, once compressed, or broken off. */
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { getRaw, getSent, type SentAnswer } from '../support/raw-http.ts';
import { type BothRuntimes, openBoth } from '../support/runtimes.ts';
import { waitFor } from '../support/server.ts';

const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const many = 'select n, md5(n::text) as m from generate_series(1, 40000) n';

let both: BothRuntimes;
let urls: Record<'node' | 'workerd', string>;

beforeAll(async () => {
  both = await openBoth(inject('postgresUrl'), `${inject('redisUrl')}/8`);
  urls = { node: both.server.url, workerd: both.workerd.url };
}, 60_000);
afterAll(() => both.close());

const expand: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes),
  identity: (bytes) => bytes,
};

const codingOf = (answer: SentAnswer) => answer.header('content-encoding') ?? 'identity';
/** The bytes under the coding that the answer names, which is taken off once. */
const plain = (answer: SentAnswer) => expand[codingOf(answer)]?.(answer.body) ?? Buffer.alloc(0);
const isSame = (one: Buffer, other: Buffer) => Buffer.compare(one, other) === 0;

async function savePath(sql: string, mode: 'live' | 'frozen'): Promise<string> {
  return `/c/${(await both.server.save({ sql, mode })).slug}`;
}

describe.each(['node', 'workerd'] as const)('on %s', (name) => {
  const urlOf = (path: string) => `${urls[name]}${path}`;

  it.each(formats)('live and frozen, each coding holds the same bytes: .%s', async (format) => {
    const paths = [await savePath(many, 'live'), await savePath(many, 'frozen')];
    const expected = await getSent(`${urls.node}${paths[0]}.${format}`);
    expect([expected.status, codingOf(expected)]).toEqual([200, 'identity']);
    expect(expected.body.length).toBeGreaterThan(500_000);
    for (const asked of ['gzip', 'zstd', 'gzip, deflate, br, zstd', 'identity'])
      for (const path of [...paths, ...paths]) {
        const answer = await getSent(urlOf(`${path}.${format}`), { 'Accept-Encoding': asked });
        expect([asked, answer.status, isSame(plain(answer), expected.body)]).toEqual([asked, 200, true]);
        expect(answer.header('vary')).toBe('Accept-Encoding');
        const length = answer.header('content-length') ?? answer.body.length;
        expect(Number(length)).toBe(answer.body.length);
        if (format !== 'xlsx' && asked.startsWith('gzip'))
          expect(answer.body.length).toBeLessThan(expected.body.length);
      }
  });

  it.each(['gzip', 'zstd', 'identity'])('a run that fails in its middle has no end: %s', async (asked) => {
    const path = await savePath(
      'select n, md5(n::text) as m, 1 / (200000 - n) as q from generate_series(1, 300000) n',
      'live',
    );
    for (const format of ['csv', 'json', 'xlsx']) {
      const answer = await getRaw(urlOf(`${path}.${format}`), { 'Accept-Encoding': asked });
      expect([answer.status, answer.whole]).toEqual([200, false]);
      expect(answer.bodyBytes).toBeGreaterThan(10_000);
      expect(answer.tail).not.toMatch(/division|error/i);
    }
    await waitFor(() => both[name].logs().includes('broken off'), 2000);
  });

  // Early: behind the first chunk, which was good, and before the reader has got anything.
  it.each([1, 1200, 2500, 4000, 9000])(
    'a run that fails at row %i is never whole with status 200',
    async (row) => {
      const path = await savePath(
        `select n, md5(n::text) as m, 1 / (${row} - n) as q from generate_series(1, 20000) n`,
        'live',
      );
      for (const format of formats)
        for (const asked of ['identity', 'gzip', 'zstd']) {
          const got = await getSent(urlOf(`${path}.${format}`), { 'Accept-Encoding': asked }).catch(
            () => null,
          );
          if (got === null) continue;
          expect([format, asked, got.status]).toEqual([format, asked, 422]);
          expect(got.header('content-type')).toBe('application/problem+json');
          expect(codingOf(got)).toBe('identity');
          expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'sql_failed', sqlstate: '22012' });
        }
    },
  );
});

// What stands before a Worker, Cloudflare's edge or its stand-in here, asks it for gzip whatever the client takes.
it.each(['csv', 'json', 'xml'])('on Node a client gets the coding that it asks for: .%s', async (format) => {
  const live = `${urls.node}${await savePath('select 1 as one', 'live')}.${format}`;
  const frozen = `${urls.node}${await savePath('select 1 as one', 'frozen')}.${format}`;
  for (const [asked, ofLive, ofFrozen] of [
    ['gzip', 'gzip', 'gzip'],
    ['zstd', 'zstd', 'identity'],
    ['gzip, deflate, br, zstd', 'zstd', 'gzip'],
    ['gzip;q=0.1', 'gzip', 'gzip'],
    ['gzip;q=0', 'identity', 'identity'],
    ['gzip;q=0, zstd', 'zstd', 'identity'],
    ['*;q=0', 'identity', 'identity'],
    ['identity', 'identity', 'identity'],
    ['br', 'identity', 'identity'],
  ] as const) {
    const answers = await Promise.all(
      [live, frozen].map((url) => getSent(url, { 'Accept-Encoding': asked })),
    );
    expect([asked, ...answers.map(codingOf)]).toEqual([asked, ofLive, ofFrozen]);
    const [one, other] = answers.map(plain);
    expect(isSame(one as Buffer, other as Buffer)).toBe(true);
  }
});

it('frozen answers are the same bytes on both, whoever encoded them', async () => {
  for (const format of formats)
    for (const order of [
      [urls.node, urls.workerd],
      [urls.workerd, urls.node],
    ]) {
      const path = `${await savePath(many, 'frozen')}.${format}`;
      const answers: SentAnswer[] = [];
      for (const url of [...order, ...order])
        answers.push(await getSent(`${url}${path}`, { 'Accept-Encoding': 'gzip' }));
      const [first, ...others] = answers;
      for (const answer of others) {
        expect([format, isSame(answer.body, first?.body ?? Buffer.alloc(0))]).toEqual([format, true]);
        expect(answer.header('etag')).toBe(first?.header('etag'));
      }
    }
});
