/** Who may author: the token, the cookie, and what keeps other sites out. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openTestServer, PageVisitor, readAnswer, type TestServer, testToken } from '../support/server.ts';

interface Refusal {
  readonly code: string;
}

let server: TestServer;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl') });
});
afterAll(() => server.close());

/** A cookie as the server would sign it with this token. */
function signedCookie(expiresMs: number, token = testToken): string {
  const payload = `${expiresMs}.bm9uY2Vub25jZQ`;
  const signature = createHmac('sha256', token).update(`pgclip session ${payload}`).digest('base64url');
  return `pgclip_session=${payload}.${signature}`;
}

const soonMs = Date.now() + 60_000;

describe('the API token', () => {
  it.each([
    ['none', {}],
    ['a wrong one', { Authorization: 'Bearer wrong' }],
    ['a part of it', { Authorization: `Bearer ${testToken.slice(0, -1)}` }],
    ['more than it', { Authorization: `Bearer ${testToken}x` }],
    ['another scheme', { Authorization: `Basic ${testToken}` }],
    ['an empty header', { Authorization: '' }],
    ['a wrong one beside a good cookie', { Authorization: 'Bearer wrong', Cookie: signedCookie(soonMs) }],
  ])('is asked for: %s', async (_, headers) => {
    for (const [method, path] of [
      ['GET', '/api/clips'],
      ['POST', '/api/clips'],
      ['GET', '/api/clips/x'],
      ['PATCH', '/api/clips/x'],
      ['DELETE', '/api/clips/x'],
      ['GET', '/api/clips/x/revisions'],
      ['POST', '/api/clips/x/freeze'],
      ['POST', '/api/clips/x/thaw'],
      ['POST', '/api/clips/x/rotate'],
      ['GET', '/api/clips/x/snapshots'],
      ['DELETE', '/api/clips/x/snapshots/y'],
      ['POST', '/api/run'],
      ['GET', '/api/databases'],
      ['GET', '/api/databases/DATABASE_URL/schema'],
    ] as const) {
      const answer = await readAnswer<Refusal>(await server.fetch(path, { method, headers }));
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 401, 'unauthorized']);
      expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer realm="pgclip"');
      expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
      expect(answer.headers.get('Cache-Control')).toBe('no-store');
    }
  });

  it('needs no origin', async () => {
    const response = await server.fetch('/api/run', {
      method: 'POST',
      headers: {
        Authorization: `bearer ${testToken}`,
        'Content-Type': 'application/json',
        Origin: 'https://elsewhere.example',
        'Sec-Fetch-Site': 'cross-site',
      },
      body: '{"sql":"select 1"}',
    });
    expect(response.status).toBe(200);
  });
});

describe('signing in', () => {
  it('by form gives a cookie that no script reads and goes on', async () => {
    const response = await server.fetch('/sign-in', {
      method: 'POST',
      headers: { Origin: server.url },
      body: new URLSearchParams({ token: ` ${testToken}\n`, next: '/clips/new?x=1' }),
    });
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/clips/new?x=1']);
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^pgclip_session=[\w.-]+; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);
  });

  it('by the printed URL leaves no token in the address', async () => {
    const response = await server.fetch(`/sign-in?token=${testToken}`);
    expect([response.status, response.headers.get('Location')]).toEqual([303, '/']);
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(response.headers.get('Referrer-Policy')).toBe('no-referrer');
  });

  it('marks the cookie for https alone where the public URL is https', async () => {
    const other = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      env: () => ({ PUBLIC_URL: 'https://clips.example.com' }),
    });
    const response = await other.fetch(`/sign-in?token=${testToken}`);
    expect(response.headers.getSetCookie()[0]).toMatch(/; Secure/);
    const clip = await other.save({ sql: 'select 1' });
    expect(clip.url).toBe(`https://clips.example.com/c/${clip.slug}`);
    await other.close();
  });

  it.each(['wrong', '', `${testToken}x`])('refuses the token %j', async (token) => {
    const byForm = await server.fetch('/sign-in', {
      method: 'POST',
      headers: { Origin: server.url },
      body: new URLSearchParams({ token }),
    });
    const byUrl = await server.fetch(`/sign-in?token=${encodeURIComponent(token)}`);
    for (const response of [byForm, byUrl]) {
      expect(response.status).toBe(401);
      expect(response.headers.getSetCookie()).toEqual([]);
      const text = await response.text();
      expect(text).toContain('That is not the API token.');
      if (token) expect(text).not.toContain(token);
    }
  });

  it.each([
    'https://elsewhere.example/',
    '//elsewhere.example',
    '/\\elsewhere.example',
    '\\\\elsewhere.example',
    '/\t/elsewhere.example',
    '\t//elsewhere.example',
    ' //elsewhere.example',
    'javascript:alert(1)',
    'data:text/html,x',
    '/%00\u0000',
    '/\r\nSet-Cookie: a=b',
    '',
  ])('goes nowhere else: next=%j', async (next) => {
    const query = new URLSearchParams({ token: testToken, next });
    const byUrl = await server.fetch(`/sign-in?${query}`);
    const byForm = await server.fetch('/sign-in', {
      method: 'POST',
      headers: { Origin: server.url },
      body: query,
    });
    const signedIn = await server.fetch(`/sign-in?next=${encodeURIComponent(next)}`, {
      headers: { Cookie: signedCookie(soonMs) },
    });
    for (const response of [byUrl, byForm, signedIn]) {
      expect(response.status).toBe(303);
      const target = new URL(response.headers.get('Location') ?? '', server.url);
      expect(target.origin).toBe(server.url);
      expect(target.pathname).toBe('/');
    }
  });

  it('is what pages ask for, and comes back to them', async () => {
    for (const [path, next] of [
      ['/', '/sign-in'],
      ['/clips/new', '/sign-in?next=%2Fclips%2Fnew'],
      ['/clips/abc/edit?x=1', '/sign-in?next=%2Fclips%2Fabc%2Fedit%3Fx%3D1'],
    ] as const) {
      const response = await server.fetch(path);
      expect([path, response.status, response.headers.get('Location')]).toEqual([path, 303, next]);
    }
    const posted = await server.fetch('/clips/x/delete', { method: 'POST', headers: { Origin: server.url } });
    expect([posted.status, posted.headers.get('Location')]).toEqual([303, '/sign-in']);
  });

  it('ends with signing out', async () => {
    const visitor = await new PageVisitor(server).signIn();
    expect((await visitor.get('/')).status).toBe(200);
    const out = await visitor.submit('/sign-out');
    expect([out.status, out.headers.get('Location'), visitor.cookie]).toEqual([303, '/sign-in', '']);
    expect((await visitor.get('/')).status).toBe(303);
  });
});

describe('the cookie', () => {
  const status = async (cookie: string) =>
    (await server.fetch('/api/clips', { headers: { Cookie: cookie } })).status;

  it('counts while it is whole and not expired', async () => {
    expect(await status(signedCookie(soonMs))).toBe(200);
    expect(await status(`other=1; ${signedCookie(soonMs)}`)).toBe(200);
  });

  it.each([
    ['expired', signedCookie(Date.now() - 1)],
    ['with a later end', signedCookie(soonMs).replace(String(soonMs), String(soonMs + 1))],
    ['with another nonce', signedCookie(soonMs).replace('bm9uY2V', 'bm9uY2W')],
    ['with another signature', `${signedCookie(soonMs).slice(0, -2)}xx`],
    ['without a signature', signedCookie(soonMs).replace(/\.[^.]*$/, '')],
    ['signed with another token', signedCookie(soonMs, 'another-token-0123456789')],
    ['that never ends', signedCookie(Number.NaN)],
    ['that is empty', 'pgclip_session='],
    ['that is the token', `pgclip_session=${testToken}`],
  ])('does not count %s', async (_, cookie) => {
    expect(await status(cookie)).toBe(401);
    const page = await server.fetch('/', { headers: { Cookie: cookie } });
    expect([page.status, page.headers.get('Location')]).toEqual([303, '/sign-in']);
  });

  it.each([
    ['a foreign Origin', { Origin: 'https://elsewhere.example' }, 403],
    ['an Origin that is null', { Origin: 'null' }, 403],
    ['an Origin of another port', { Origin: 'http://127.0.0.1:1' }, 403],
    ['a cross-site fetch', { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['a same-site fetch', { 'Sec-Fetch-Site': 'same-site' }, 403],
    ['a cross-site fetch with our Origin', { 'Sec-Fetch-Site': 'cross-site', Origin: '' }, 403],
    ['neither', {}, 403],
    ['our own page', { 'Sec-Fetch-Site': 'same-origin' }, 200],
    ['our own Origin', { Origin: '' }, 200],
  ])('changes something from a page of ours alone: %s', async (_, given, expected) => {
    const clip = await server.save({ sql: 'select 1' });
    // An empty Origin stands for the server's own, whose port is not known before it runs.
    const own = 'Origin' in given && given.Origin === '' ? { Origin: server.url } : {};
    const headers = { Cookie: signedCookie(soonMs), ...given, ...own } as Record<string, string>;
    const api = await readAnswer<Refusal & { sql: string }>(
      await server.fetch(`/api/clips/${clip.id}`, {
        method: 'PATCH',
        headers: { ...headers, 'Content-Type': 'application/json' },
        body: '{"sql":"select 2"}',
      }),
    );
    expect(api.status).toBe(expected);
    if (expected === 403) expect(api.body.code).toBe('forbidden_origin');
    for (const action of ['freeze', 'thaw', 'rotate', 'delete']) {
      const page = await server.fetch(`/clips/${clip.id}/${action}`, { method: 'POST', headers });
      expect([action, page.status]).toEqual([action, expected === 200 ? 303 : 403]);
    }
    const left = await server.call<{ sql: string }>('GET', `/api/clips/${clip.id}`);
    if (expected === 403) expect(left.body).toEqual(clip);
    else expect(left.status).toBe(404);
  });

  it.each(['/sign-in', '/sign-out'])('neither comes nor goes by a form of another site: %s', async (path) => {
    const response = await server.fetch(path, {
      method: 'POST',
      headers: { Origin: 'https://elsewhere.example' },
      body: new URLSearchParams({ token: testToken }),
    });
    expect(response.status).toBe(403);
    expect(response.headers.getSetCookie()).toEqual([]);
  });
});
