/** `/c/:slug`: formats and their options, what `Accept` asks for, caches, other sites, HEAD, and what strangers learn. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import {
  type ClipAnswer,
  openTestServer,
  readAnswer,
  type TestServer,
  testToken,
} from '../support/server.ts';

interface Refusal {
  readonly code: string;
  readonly detail: string;
}

const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const mediaTypes = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  xml: 'application/xml',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
} as const;
const browserAccept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const sql = `select n::int8 * 9007199254740993 as big, case when n = 2 then null else '=1+' || n end as t,
  array[n, null] as a, '{"k": [1]}'::json as j, date '2024-02-29' as d from generate_series(1, 3) n`;

let server: TestServer;
let live: ClipAnswer;
let frozen: ClipAnswer;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl') });
  live = await server.save({ name: 'Umsatz/Größe "Q1"', sql });
  frozen = await server.save({ name: 'Umsatz/Größe "Q1"', sql, mode: 'frozen' });
});
afterAll(async () => {
  await server.untilIdle(1000);
  await server.close();
});

const typeOf = (response: Response) => response.headers.get('Content-Type')?.split(';')[0];
const get = (target: string, headers: Record<string, string> = {}) => server.fetch(target, { headers });

describe('formats', () => {
  it.each(formats)('%s is the same bytes live and frozen, named after the clip', async (format) => {
    const responses = await Promise.all(
      [live.url, frozen.url, `${frozen.snapshot?.url}`].map((url) => get(`${url}.${format}`)),
    );
    for (const response of responses) {
      expect(response.status).toBe(200);
      expect(typeOf(response)).toBe(mediaTypes[format]);
      const kind = ['csv', 'xlsx'].includes(format) ? 'attachment' : 'inline';
      expect(response.headers.get('Content-Disposition')).toBe(
        `${kind}; filename="Umsatz Gro_e Q1.${format}"; filename*=UTF-8''Umsatz%20Gr%C3%B6%C3%9Fe%20Q1.${format}`,
      );
      expect(response.headers.get('X-Robots-Tag')).toBe('noindex');
      expect(response.headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull();
      expect(response.headers.getSetCookie()).toEqual([]);
    }
    const [one, ...others] = await Promise.all(responses.map((response) => response.bytes()));
    expect(one?.length).toBeGreaterThan(50);
    for (const other of others) expect(Buffer.compare(other, one ?? new Uint8Array())).toBe(0);
  });

  it('write every digit, NULL and json as they are', async () => {
    expect(await (await get(`${live.url}.csv`)).text()).toBe(
      [
        'big,t,a,j,d',
        '9007199254740993,=1+1,"{1,NULL}","{""k"": [1]}",2024-02-29',
        '18014398509481986,,"{2,NULL}","{""k"": [1]}",2024-02-29',
        '27021597764222979,=1+3,"{3,NULL}","{""k"": [1]}",2024-02-29',
        '',
      ].join('\n'),
    );
    expect(await (await get(`${live.url}.ndjson`)).text()).toBe(
      [
        '{"big":9007199254740993,"t":"=1+1","a":[1,null],"j":{"k": [1]},"d":"2024-02-29"}',
        '{"big":18014398509481986,"t":null,"a":[2,null],"j":{"k": [1]},"d":"2024-02-29"}',
        '{"big":27021597764222979,"t":"=1+3","a":[3,null],"j":{"k": [1]},"d":"2024-02-29"}',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['csv?delimiter=;', 'big;t;a;j;d\n9007199254740993;=1+1;{1,NULL};"{""k"": [1]}";2024-02-29\n'],
    ['csv?delimiter=tab', 'big\tt\ta\tj\td\n9007199254740993\t=1+1\t{1,NULL}\t"{""k"": [1]}"\t2024-02-29\n'],
    ['csv?header=0', '9007199254740993,=1+1,'],
    ['csv?bom=1', '\ufeffbig,t,a,j,d\n'],
    ['csv?safe=1', "big,t,a,j,d\n9007199254740993,'=1+1,"],
    ['csv?header=0&safe=1&bom=1', "\ufeff9007199254740993,'=1+1,"],
    ['json?shape=rows', '{"fields":["big","t","a","j","d"],"values":[\n[9007199254740993,"=1+1",[1,null]'],
    ['json?numbers=string', '[\n{"big":"9007199254740993","t":"=1+1"'],
    ['ndjson?numbers=string', '{"big":"9007199254740993","t":"=1+1"'],
  ])('take options: .%s', async (tail, start) => {
    for (const clip of [live, frozen]) {
      const response = await get(`${clip.url}.${tail}`);
      expect(response.status).toBe(200);
      const text = Buffer.from(await response.bytes()).toString();
      expect(text.slice(0, start.length)).toBe(start);
    }
  });

  it.each([
    ['.csv?nothing=1', 400, 'invalid_option'],
    ['.csv?header=no', 400, 'invalid_option'],
    ['.csv?delimiter=x', 400, 'invalid_option'],
    ['.csv?header=0&header=1', 400, 'invalid_option'],
    ['.csv?constructor=1', 400, 'invalid_option'],
    ['.json?shape=table', 400, 'invalid_option'],
    ['.json?delimiter=;', 400, 'invalid_option'],
    ['.xlsx?header=0', 400, 'invalid_option'],
    ['.html?page=0', 400, 'invalid_option'],
    ['.html?page=1&page=2', 400, 'invalid_option'],
    ['.html?page=99999999', 400, 'invalid_option'],
    ['.html?header=0', 400, 'invalid_option'],
    ['.pdf', 404, 'format_not_found'],
    ['.', 404, 'format_not_found'],
    ['.csv.gz', 404, 'format_not_found'],
    ['.__proto__', 404, 'format_not_found'],
    ['/s/nothing', 404, 'snapshot_not_found'],
    ['/s/nothing.csv', 404, 'snapshot_not_found'],
  ])('refuse %s', async (tail, status, code) => {
    for (const clip of [live, frozen]) {
      const answer = await readAnswer<Refusal>(await get(`${clip.url}${tail}`));
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(answer.headers.get('X-Robots-Tag')).toBe('noindex');
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
    }
  });

  it.each(['', '.csv', '.html', '/s/nothing.csv'])('know no slug that is none: /c/none%s', async (tail) => {
    const answer = await readAnswer<Refusal>(await get(`/c/none${tail}`));
    expect([answer.status, answer.body.code]).toEqual([404, 'clip_not_found']);
  });
});

describe('Accept', () => {
  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['text/csv', 'text/csv'],
    ['text/*', 'text/csv'],
    ['application/xml', 'application/xml'],
    [mediaTypes.xlsx, mediaTypes.xlsx],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['text/csv;q=0.5, application/json;q=0.9', 'application/json'],
    ['application/json;q=0, */*', 'application/x-ndjson'],
    [browserAccept, 'text/html'],
  ])('%s gets %s', async (accept, expected) => {
    for (const url of [live.url, frozen.url, `${frozen.snapshot?.url}`]) {
      const response = await get(url, accept === undefined ? {} : { Accept: accept });
      expect([response.status, typeOf(response)]).toEqual([200, expected]);
      expect(response.headers.get('Vary')).toMatch(/\bAccept\b/);
      await response.arrayBuffer();
    }
  });

  it.each(['image/png', 'application/pdf;q=1', 'text/csv;q=0', 'garbage'])('%s gets 406', async (accept) => {
    const answer = await readAnswer<Refusal>(await get(live.url, { Accept: accept }));
    expect([answer.status, answer.body.code]).toEqual([406, 'not_acceptable']);
    expect(answer.headers.get('Vary')).toMatch(/\bAccept\b/);
    expect(answer.body.detail).toContain('text/csv');
  });

  it('does not count where an extension says what is wanted', async () => {
    const response = await get(`${live.url}.csv`, { Accept: 'image/png' });
    expect([response.status, typeOf(response)]).toEqual([200, 'text/csv']);
    await response.arrayBuffer();
  });
});

describe('other sites', () => {
  it('may ask first, and read data and errors', async () => {
    for (const path of [`/c/${live.slug}`, `/c/${live.slug}.json`, '/c/none.json']) {
      const response = await server.fetch(path, {
        method: 'OPTIONS',
        headers: {
          Origin: 'https://elsewhere.example',
          'Access-Control-Request-Method': 'GET',
          'Access-Control-Request-Headers': 'if-none-match',
        },
      });
      expect([path, response.status]).toEqual([path, 204]);
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*');
      expect(response.headers.get('Access-Control-Allow-Methods')).toContain('GET');
      expect(response.headers.get('Access-Control-Allow-Headers')?.toLowerCase()).toContain('if-none-match');
      expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull();
    }
    const exposed = (await get(`${frozen.url}.json`)).headers.get('Access-Control-Expose-Headers');
    expect(exposed).toContain('ETag');
    expect(exposed).toContain('Content-Disposition');
  });

  it('may read neither pages nor the authoring API', async () => {
    const page = await get(live.url, { Accept: browserAccept });
    const api = await get('/api/clips', { Authorization: `Bearer ${testToken}` });
    for (const { headers } of [page, api]) expect(headers.get('Access-Control-Allow-Origin')).toBeNull();
    await page.arrayBuffer();
  });
});

describe('compression', () => {
  it('is as the client asks, and each coding has a tag and a length of its own', async () => {
    const tags = new Set<string | null>();
    for (const [asked, given] of [
      ['identity', null],
      ['gzip', 'gzip'],
      ['gzip;q=0', null],
      ['br', null],
    ] as const) {
      const response = await get(`${frozen.url}.csv`, { 'Accept-Encoding': asked });
      expect([asked, response.headers.get('Content-Encoding')]).toEqual([asked, given]);
      expect(response.headers.get('Vary')).toContain('Accept-Encoding');
      const bytes = await response.bytes();
      expect(bytes.length).toBe(frozen.snapshot?.bytes);
      if (given === null) expect(response.headers.get('Content-Length')).toBe(String(bytes.length));
      tags.add(response.headers.get('ETag'));
    }
    expect(tags.size).toBe(2);
  });

  it('leaves alone what is compressed already', async () => {
    const response = await get(`${frozen.url}.xlsx`, { 'Accept-Encoding': 'gzip' });
    expect(response.headers.get('Content-Encoding')).toBeNull();
    expect(Buffer.from(await response.bytes()).toString('latin1', 0, 2)).toBe('PK');
  });
});

describe('caches', () => {
  it('keep nothing of a live clip', async () => {
    for (const format of [...formats, 'html']) {
      const response = await get(`${live.url}.${format}`);
      expect([format, response.headers.get('Cache-Control')]).toEqual([format, 'no-store']);
      expect(response.headers.get('ETag')).toBeNull();
      await response.arrayBuffer();
    }
  });

  it('ask before they use a frozen clip, and keep a snapshot for ever', async () => {
    for (const format of [...formats, 'html']) {
      const pinned = await get(`${frozen.url}.${format}`);
      expect(pinned.headers.get('Cache-Control')).toBe('public, no-cache');
      const forEver = await get(`${frozen.snapshot?.url}.${format}`);
      expect(forEver.headers.get('Cache-Control')).toBe('private, max-age=31536000, immutable');
      for (const { headers } of [pinned, forEver])
        expect(headers.get('ETag')).toMatch(/^"[\x21\x23-\x7e]+"$/);
      await Promise.all([pinned.arrayBuffer(), forEver.arrayBuffer()]);
    }
  });

  it('know formats and options apart', async () => {
    const tails = [
      '.csv',
      '.csv?header=0',
      '.csv?bom=1',
      '.csv?delimiter=;',
      '.csv?header=0&bom=1',
      '.json',
      '.json?shape=rows',
      '.ndjson',
      '.xml',
      '.xlsx',
      '.html',
      '.html?page=2',
    ];
    const etags = await Promise.all(
      tails.map(async (tail) =>
        (await server.fetch(`${frozen.url}${tail}`, { method: 'HEAD' })).headers.get('ETag'),
      ),
    );
    expect(new Set(etags).size).toBe(tails.length);
    const turned = await server.fetch(`${frozen.url}.csv?bom=1&header=0`, { method: 'HEAD' });
    expect(turned.headers.get('ETag')).toBe(etags[4]);
    const byAccept = await get(frozen.url, { Accept: 'text/csv' });
    expect(byAccept.headers.get('ETag')).toBe(etags[0]);
    await byAccept.arrayBuffer();
  });

  it.each([...formats, 'html'])('are told that they have it already: .%s', async (format) => {
    for (const url of [`${frozen.url}.${format}`, `${frozen.snapshot?.url}.${format}`]) {
      const first = await get(url);
      await first.arrayBuffer();
      const etag = first.headers.get('ETag') ?? '';
      for (const given of [etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag} , "x"`, '*', ' * ']) {
        const again = await get(url, { 'If-None-Match': given });
        expect([given, again.status]).toEqual([given, 304]);
        expect(await again.text()).toBe('');
        expect(again.headers.get('ETag')).toBe(etag);
        expect(again.headers.get('Cache-Control')).toBe(first.headers.get('Cache-Control'));
      }
      for (const given of ['"other"', etag.slice(0, -1), etag.replaceAll('"', '')]) {
        const again = await get(url, { 'If-None-Match': given });
        expect([given, again.status]).toEqual([given, 200]);
        await again.arrayBuffer();
      }
    }
  });

  it('are told otherwise once the rows are others', async () => {
    const clip = await server.save({ sql: 'select random() as r', mode: 'frozen' });
    const etag = (await get(`${clip.url}.csv`)).headers.get('ETag') ?? '';
    await server.call('POST', `/api/clips/${clip.id}/freeze`);
    expect((await get(`${clip.url}.csv`, { 'If-None-Match': etag })).status).toBe(200);
    await server.call('POST', `/api/clips/${clip.id}/rotate`);
    expect((await get(`${clip.url}.csv`, { 'If-None-Match': etag })).status).toBe(404);
  });

  it("are told otherwise once a page's name is another", async () => {
    const clip = await server.save({ name: 'One', sql: 'select 1', mode: 'frozen' });
    const etag = (await get(`${clip.url}.html`)).headers.get('ETag') ?? '';
    await server.call('PATCH', `/api/clips/${clip.id}`, { name: 'Two' });
    const page = await get(`${clip.url}.html`, { 'If-None-Match': etag });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Two');
  });
});

describe('HEAD', () => {
  it('answers with the headers of GET and no body', async () => {
    for (const url of [live.url, frozen.url, `${frozen.snapshot?.url}`]) {
      for (const format of [...formats, 'html']) {
        const whole = await get(`${url}.${format}`);
        await whole.arrayBuffer();
        const head = await server.fetch(`${url}.${format}`, { method: 'HEAD' });
        expect([url, format, head.status]).toEqual([url, format, 200]);
        expect(await head.text()).toBe('');
        const skipped = ['date', 'content-length', 'transfer-encoding', 'connection', 'keep-alive'];
        const said = (response: Response) =>
          [...response.headers].filter(([name]) => !skipped.includes(name));
        expect(said(head)).toEqual(said(whole));
      }
    }
  });

  it('does not run the query to its end, and holds no connection', async () => {
    const slow = await server.save({ sql: 'select pg_sleep(30)' });
    const startedMs = performance.now();
    for (const tail of ['', '.csv', '.xlsx', '.html']) {
      expect((await server.fetch(`${slow.url}${tail}`, { method: 'HEAD' })).status).toBe(200);
    }
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    await server.untilIdle(1000);
  });

  it("of an owner's page holds no connection either", async () => {
    const signIn = await server.fetch(`/sign-in?token=${testToken}`);
    const cookie = signIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const big = await server.save({ sql: "select repeat('x', 100000) from generate_series(1, 10000)" });
    const head = await server.fetch(`/clips/${big.id}`, { method: 'HEAD', headers: { Cookie: cookie } });
    expect(head.status).toBe(200);
    await server.untilIdle(1000);
  });

  it('tells of a clip that is none or whose SQL is refused', async () => {
    const clip = await server.save({ sql: 'select 1' });
    await server.call('DELETE', `/api/clips/${clip.id}`);
    expect((await server.fetch(`${clip.url}.csv`, { method: 'HEAD' })).status).toBe(404);
  });
});

describe('errors of the SQL', () => {
  const secret = 'secret-4711';

  it('tell strangers where, and only signed-in users what', async () => {
    const failing = `select\n  (case when n > 2 then '${secret}' else '1' end)::int as v\nfrom generate_series(1, 9) n`;
    const clip = await server.save({ name: 'Failing', sql: failing });
    for (const format of formats) {
      const stranger = await readAnswer<Refusal>(await get(`${clip.url}.${format}`));
      expect(stranger.status).toBe(422);
      expect(stranger.body).toMatchObject({ code: 'sql_failed', sqlstate: '22P02' });
      expect(stranger.text).not.toContain(secret);
      const author = await readAnswer<Refusal>(
        await get(`${clip.url}.${format}`, { Authorization: `Bearer ${testToken}` }),
      );
      expect(author.body.detail).toContain(secret);
    }
    const page = await readAnswer(await get(clip.url, { Accept: browserAccept }));
    expect(page.status).toBe(422);
    expect(page.text).toContain('failed while it ran');
    expect(page.text).not.toContain(`&quot;${secret}&quot;`);
    expect(page.text).not.toContain('invalid input syntax');
  });

  it('tell strangers line and column, but neither message nor hint', async () => {
    await executeSql(server.database.ownerUrl, `create table sale as select 1 as amount`);
    const clip = await server.save({ sql: `select\n  amount\nfrom sale` });
    await executeSql(server.database.ownerUrl, `alter table sale rename amount to amounts`);
    const stranger = await readAnswer<Refusal>(await get(`${clip.url}.json`));
    expect(stranger.status).toBe(422);
    expect(stranger.body).toEqual({
      type: '/docs#sql_refused',
      title: expect.any(String),
      status: 422,
      detail: expect.not.stringContaining('amount'),
      code: 'sql_refused',
      sqlstate: '42703',
      line: 2,
      column: 3,
    });
    const author = await readAnswer<Refusal>(
      await get(`${clip.url}.json`, { Authorization: `Bearer ${testToken}` }),
    );
    expect(author.body).toMatchObject({
      detail: expect.stringContaining('amount'),
      hint: expect.stringContaining('amounts'),
    });
  });
});
