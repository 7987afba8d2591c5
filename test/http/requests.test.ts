/** What holds for every request: bodies, methods, errors for programs and for people, headers, what never gets logged. */
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { openTestServer, PageVisitor, readAnswer, type TestServer, testToken } from '../support/server.ts';

interface Refusal {
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

let server: TestServer;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl') });
});
afterAll(() => server.close());

const bearer = { Authorization: `Bearer ${testToken}` };
const asJson = { ...bearer, 'Content-Type': 'application/json' };
const browserAccept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

async function post(path: string, body: BodyInit, headers: Record<string, string> = asJson) {
  const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
  return readAnswer<Refusal>(await server.fetch(path, init));
}

describe('bodies', () => {
  it.each(['', '{', '{"name":', '[1,]', '\u0000', "{'sql':1}"])(
    'refuses JSON that is none: %j',
    async (body) => {
      for (const path of ['/api/clips', '/api/run']) {
        const answer = await post(path, body);
        expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
        expect(answer.body.errors).toEqual([{ path: '', message: 'not JSON' }]);
      }
    },
  );

  it.each([
    ['a form', 'application/x-www-form-urlencoded'],
    ['text', 'text/plain'],
    ['a multipart form', 'multipart/form-data; boundary=x'],
    ['something like JSON', 'application/jsonp'],
  ])('takes JSON alone, not %s', async (_, type) => {
    const answer = await post('/api/run', '{"sql":"select 1"}', { ...bearer, 'Content-Type': type });
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported_media_type']);
  });

  it('takes JSON with a charset', async () => {
    const type = 'Application/JSON; charset=utf-8';
    expect((await post('/api/run', '{"sql":"select 1"}', { ...bearer, 'Content-Type': type })).status).toBe(
      200,
    );
  });

  it('takes no more than 1 MB, with its length said or not', async () => {
    const big = JSON.stringify({ sql: `select 1 -- ${'x'.repeat(1024 * 1024)}` });
    const streamed = new Blob([big]).stream();
    for (const answer of [await post('/api/run', big), await post('/api/run', streamed)]) {
      expect([answer.status, answer.body.code]).toEqual([413, 'body_too_large']);
      expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    }
    const page = await (await new PageVisitor(server).signIn()).submit('/clips/new', { sql: big });
    expect(page.status).toBe(413);
    const fits = JSON.stringify({ sql: 'select 1' }).padEnd(1024 * 1024, ' ');
    expect((await post('/api/run', fits)).status).toBe(200);
  });

  it('takes no SQL of more than 500,000 characters', async () => {
    const answer = await post('/api/run', JSON.stringify({ sql: `select 1 --${'x'.repeat(500_000)}` }));
    expect([answer.status, answer.body.errors?.map(({ path }) => path)]).toEqual([400, ['sql']]);
  });
});

describe('methods', () => {
  it.each([
    ['PUT', '/api/clips', ['GET', 'HEAD', 'POST']],
    ['POST', '/api/clips/x', ['GET', 'HEAD', 'PATCH', 'DELETE']],
    ['GET', '/api/clips/x/freeze', ['POST']],
    ['POST', '/healthz', ['GET', 'HEAD']],
    ['POST', '/c/x.csv', ['GET', 'HEAD', 'OPTIONS']],
    ['DELETE', '/c/x/s/y.csv', ['GET', 'HEAD', 'OPTIONS']],
    ['GET', '/sign-out', ['POST']],
    ['PUT', '/sign-in', ['GET', 'HEAD', 'POST']],
  ])('%s %s is not taken, and Allow says what is', async (method, path, allowed) => {
    const answer = await readAnswer<Refusal>(await server.fetch(path, { method, headers: bearer }));
    expect([answer.status, answer.body.code]).toEqual([405, 'method_not_allowed']);
    expect(answer.headers.get('Allow')?.split(', ').sort()).toEqual([...allowed].sort());
  });
});

describe('errors', () => {
  it.each(['/nothing', '/api', '/api/nothing', '/c', '/assets/nothing.js', '/api/clips/x/y/z'])(
    '%s is nothing: a problem for programs, a page for people',
    async (path) => {
      for (const accept of ['*/*', 'application/json', 'application/problem+json', 'text/csv']) {
        const answer = await readAnswer<Refusal>(await server.fetch(path, { headers: { Accept: accept } }));
        expect(answer.status).toBe(404);
        expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
        expect(answer.body).toEqual({
          type: '/docs#not_found',
          title: 'There is nothing here',
          status: 404,
          detail: expect.any(String),
          code: 'not_found',
        });
        expect(answer.headers.get('Vary')).toContain('Accept');
      }
      const page = await server.fetch(path, { headers: { Accept: browserAccept } });
      expect([page.status, page.headers.get('Content-Type')]).toEqual([404, 'text/html; charset=utf-8']);
      expect(page.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
      expect(await page.text()).toContain('<code>not_found</code>');
    },
  );

  it('leads somewhere: every type is a URL that answers', async () => {
    const { body } = await readAnswer<{ type: string }>(await server.fetch('/nothing'));
    expect((await server.fetch(body.type)).status).toBe(200);
  });

  it('takes paths that are no paths for nothing', async () => {
    for (const path of [
      '/%',
      '/c/%ff',
      '/c/%00',
      '/c/..%2f..%2fetc%2fpasswd',
      '/assets/..%2f..%2fpackage.json',
      '/c/a%2Fb',
    ]) {
      const { status } = await server.fetch(path);
      expect([path, [400, 404].includes(status)]).toEqual([path, true]);
    }
  });
});

describe('headers', () => {
  const policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

  it('of every page keep it to itself', async () => {
    const visitor = await new PageVisitor(server).signIn();
    const clip = await server.save({ sql: 'select 1', mode: 'frozen' });
    const live = await server.save({ sql: 'select 1' });
    const broken = await server.save({ sql: 'select 1 / (n - 3) from generate_series(1, 9) n' });
    for (const path of [
      ...['/', '/?q=x', '/clips/new', '/docs', '/nothing', '/c/nothing', '/clips/nothing'],
      ...[clip, live, broken].flatMap(({ id, url }) => [
        `/clips/${id}`,
        `/clips/${id}/edit`,
        url,
        `${url}.html`,
      ]),
      `${clip.snapshot?.url}`,
    ]) {
      const { headers } = await visitor.get(path);
      expect([path, headers.get('Content-Type')]).toEqual([path, 'text/html; charset=utf-8']);
      expect([path, headers.get('Content-Security-Policy')]).toEqual([path, policy]);
      expect([path, headers.get('Referrer-Policy')]).toEqual([path, 'no-referrer']);
      expect([path, headers.get('X-Content-Type-Options')]).toEqual([path, 'nosniff']);
    }
  });

  it('of assets let them be kept and checked', async () => {
    for (const [path, type] of [
      ['/assets/style.css', 'text/css'],
      ['/assets/client.js', 'text/javascript'],
      ['/assets/icon.svg', 'image/svg+xml'],
    ] as const) {
      const response = await server.fetch(path);
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get('Content-Type')).toContain(type);
      const etag = response.headers.get('ETag') ?? '';
      expect(etag).toMatch(/^"/);
      const again = await server.fetch(path, { headers: { 'If-None-Match': etag } });
      expect(again.status).toBe(304);
    }
  });
});

describe('the log', () => {
  it('holds no token, slug, password or value, whatever goes wrong', async () => {
    const secret = 'secret-value-4711';
    // Libraries may print too.
    const printed = (['error', 'info', 'log', 'warn'] as const).map((name) =>
      vi.spyOn(console, name).mockImplementation(() => {}),
    );
    const failing = await server.save({ sql: `select '${secret}'::text::int` }).catch(() => null);
    expect(failing).toBeNull();
    const clip = await server.save({
      sql: `select case when n > 2 then '${secret}' else '1' end::int as v from generate_series(1, 9) n`,
    });
    const late = await server.save({
      sql: `select (case when n > 400000 then '${secret}' else '1' end)::int as v from generate_series(1, 500000) n`,
    });
    for (const format of ['csv', 'json', 'xlsx', 'html']) await server.fetch(`${clip.url}.${format}`);
    await expect(server.fetch(`${late.url}.csv`).then((response) => response.text())).rejects.toThrow();
    await server.call('POST', `/api/clips/${clip.id}/freeze`);
    await server.call('POST', '/api/run', { sql: clip.sql });
    await server.fetch('/api/clips', { headers: { Authorization: 'Bearer wrong-token-1234' } });
    await server.fetch(`/sign-in?token=wrong-token-1234`);
    await post('/api/run', `{"sql": "${secret}`);
    const calls = printed.flatMap((spy) => spy.mock.calls);
    expect(calls).toEqual([]);
    const lines = server.logged.join('\n');
    for (const spy of printed) spy.mockRestore();
    for (const word of [
      secret,
      testToken,
      'wrong-token-1234',
      clip.slug,
      late.slug,
      clip.id,
      '_reader@',
      'postgres://',
    ])
      expect([word, lines.includes(word)]).toEqual([word, false]);
  });
});

describe('closing', () => {
  it('lets a request under way end, and takes no more', async () => {
    const other = await openTestServer({ postgresUrl: inject('postgresUrl') });
    const { port } = new URL(other.url);
    const clip = await other.save({ sql: 'select pg_sleep(0.5)::text as slept' });
    await other.untilIdle(1000);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET /c/${clip.slug}.csv HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const answer = text(socket);
    await expect.poll(() => other.leased).toBe(1);
    const startedMs = performance.now();
    await other.close();
    expect(await answer).toContain('slept');
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await expect(fetch(other.url)).rejects.toThrow();
  });
});
