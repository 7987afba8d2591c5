/** The main job on Node and in workerd, and that both give the same bytes. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type BothRuntimes, openBoth, openWorkerd, type Runtime } from '../support/runtimes.ts';
import { type ClipAnswer, readAnswer, type SnapshotAnswer, testToken, waitFor } from '../support/server.ts';

const formats = ['json', 'ndjson', 'csv', 'xml', 'xlsx'] as const;
const awkward = `select n, case when n = 2 then null else '' end as t, n + 9007199254740993 as big,
  array[n, null] as a, row(n, 'x') as r, '{"k":  [1]}'::jsonb as j, timestamptz '2024-02-29 12:00:00+00' as z, 'ünï 📈' as u
  from generate_series(1, 2000) n`;
const many = 'select n, md5(n::text) as m from generate_series(1, 100000) n';
const failsLate = 'select n, 1 / (50000 - n) as q from generate_series(1, 100000) n';
const endless = "select n, repeat('x', 50) as t from generate_series(1, 10000000) n";

let both: BothRuntimes;
let admin: pg.Client;

beforeAll(async () => {
  both = await openBoth(inject('postgresUrl'), `${inject('redisUrl')}/5`);
  admin = new pg.Client({ connectionString: both.server.database.superuserUrl });
  await admin.connect();
}, 60_000);
afterAll(async () => {
  await admin.end();
  await both.close();
});

const pathOf = (url: string) => new URL(url).pathname;

async function call<T>(runtime: Runtime, method: string, path: string, body?: unknown) {
  const headers: Record<string, string> = { Authorization: `Bearer ${testToken}` };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return readAnswer<T>(await runtime.fetch(path, init));
}

async function save(runtime: Runtime, sql: string, mode: 'live' | 'frozen' = 'live'): Promise<ClipAnswer> {
  const { status, text, body } = await call<ClipAnswer>(runtime, 'POST', '/api/clips', {
    name: 'Smoke',
    sql,
    mode,
  });
  expect([status, status === 201 ? '' : text]).toEqual([201, '']);
  return body;
}

/** The reader's backends that are doing something. */
async function busyBackends(): Promise<number> {
  const { rows } = await admin.query(
    `select from pg_stat_activity where datname = current_database() and usename like '%_reader' and state <> 'idle'`,
  );
  return rows.length;
}

const untilFree = () => waitFor(async () => (await busyBackends()) === 0, 3000);

describe.each(['node', 'workerd'] as const)('on %s', (name) => {
  let runtime: Runtime;
  beforeAll(() => {
    runtime = both[name];
  });

  it('is alive and ready', async () => {
    const alive = await readAnswer(await runtime.fetch('/healthz'));
    expect([alive.status, alive.body]).toEqual([200, { alive: true }]);
    const ready = await readAnswer(await runtime.fetch('/readyz'));
    // The Redis of the tests keeps nothing on its disk.
    const storeProblems = [expect.stringMatching(/keeps nothing on disk/)];
    const body = { ready: true, store: true, storeProblems, databases: { DATABASE_URL: true } };
    expect([ready.status, ready.body]).toEqual([200, body]);
  });

  it('knows its databases and their schema', async () => {
    const { body } = await call<{ databases: object[] }>(runtime, 'GET', '/api/databases');
    expect(body.databases).toMatchObject([{ name: 'DATABASE_URL', reachable: true, safe: true }]);
    expect((await call(runtime, 'GET', '/api/databases/DATABASE_URL/schema')).status).toBe(200);
  });

  it('saves, changes, freezes, thaws, rotates and removes', async () => {
    const clip = await save(runtime, 'select 1 as one');
    const path = `/api/clips/${clip.id}`;
    const changed = await call<ClipAnswer>(runtime, 'PATCH', path, { sql: 'select 2 as two' });
    expect(changed.body).toMatchObject({ revision: 2, sql: 'select 2 as two' });
    const snapshot = await call<SnapshotAnswer>(runtime, 'POST', `${path}/freeze`);
    expect(snapshot.body).toMatchObject({ revision: 2, rowCount: 1, bytes: 6 });
    expect(await (await runtime.fetch(`/c/${clip.slug}.csv`)).text()).toBe('two\n2\n');
    expect((await call<ClipAnswer>(runtime, 'POST', `${path}/thaw`)).body.mode).toBe('live');
    const rotated = await call<ClipAnswer>(runtime, 'POST', `${path}/rotate`);
    expect((await runtime.fetch(`/c/${clip.slug}.csv`)).status).toBe(404);
    expect((await runtime.fetch(`/c/${rotated.body.slug}.csv`)).status).toBe(200);
    expect((await call(runtime, 'DELETE', path)).status).toBe(204);
    expect((await call(runtime, 'GET', path)).status).toBe(404);
  });

  it('runs without saving, and says what is wrong', async () => {
    const ran = await call(runtime, 'POST', '/api/run', { sql: 'select n from generate_series(1, 1500) n' });
    expect(ran.body).toMatchObject({ rowCount: 1000, truncated: true });
    const refused = await call(runtime, 'POST', '/api/run', { sql: 'selec 1' });
    expect([refused.status, refused.body]).toMatchObject([422, { code: 'sql_refused', sqlstate: '42601' }]);
    const invalid = await call(runtime, 'POST', '/api/run', { sql: 1 });
    expect([invalid.status, invalid.body]).toMatchObject([400, { code: 'invalid_request' }]);
    const large = await call(runtime, 'POST', '/api/run', { sql: 'x'.repeat(1024 * 1024) });
    expect([large.status, large.body]).toMatchObject([413, { code: 'body_too_large' }]);
    expect((await runtime.fetch('/api/clips')).status).toBe(401);
    expect((await runtime.fetch('/no/such/page')).status).toBe(404);
  });

  it('signs in by cookie, and asks where a change comes from', async () => {
    const signIn = await runtime.fetch(`/sign-in?token=${testToken}`);
    expect(signIn.status).toBe(303);
    const cookie = signIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const list = await runtime.fetch('/', { headers: { Cookie: cookie } });
    expect([list.status, list.headers.get('Content-Type')]).toEqual([200, 'text/html; charset=utf-8']);
    const out = await runtime.fetch('/sign-out', { method: 'POST', headers: { Cookie: cookie } });
    expect(out.status).toBe(403);
    const own = { Cookie: cookie, Origin: 'https://clips.example.com' };
    expect((await runtime.fetch('/sign-out', { method: 'POST', headers: own })).status).toBe(303);
    expect((await runtime.fetch('/')).status).toBe(303);
  });

  it('shows the page of a clip and its assets', async () => {
    const clip = await save(runtime, awkward);
    const page = await readAnswer(
      await runtime.fetch(`/c/${clip.slug}`, { headers: { Accept: 'text/html' } }),
    );
    expect(page.status).toBe(200);
    expect(page.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    expect(page.text).toContain('</html>');
    for (const [path] of page.text.matchAll(/\/assets\/[\w.]+/g)) {
      const asset = await runtime.fetch(path);
      expect([path, asset.status]).toEqual([path, 200]);
      await asset.arrayBuffer();
    }
  });

  it('streams 100,000 rows, live and frozen, in every format', async () => {
    const live = await save(runtime, many);
    const frozen = await save(runtime, many, 'frozen');
    expect(frozen.snapshot?.rowCount).toBe(100_000);
    for (const format of formats) {
      const [one, other] = await Promise.all(
        [live, frozen].map(async ({ slug }) => (await runtime.fetch(`/c/${slug}.${format}`)).bytes()),
      );
      expect(one?.length).toBeGreaterThan(1_000_000);
      expect([format, Buffer.compare(one ?? new Uint8Array(), other ?? new Uint8Array())]).toEqual([
        format,
        0,
      ]);
    }
    const csv = await (await runtime.fetch(`/c/${live.slug}.csv`)).text();
    expect(csv.split('\n')).toHaveLength(100_002);
    await untilFree();
  });

  it.each(formats)('breaks off what fails at row 50,000: .%s', async (format) => {
    const clip = await save(runtime, failsLate);
    // A client that gets the status first, or the failure before it: either way it learns that this is not whole.
    const got = runtime.fetch(`/c/${clip.slug}.${format}`).then(async (response) => {
      const bytes = await response.bytes();
      return { status: response.status, bytes: bytes.length };
    });
    await expect(got).rejects.toThrow();
    await untilFree();
  });

  it('keeps nothing of a freeze that fails or is too late', async () => {
    const clip = await save(runtime, failsLate);
    const refused = await call<{ code: string }>(runtime, 'POST', `/api/clips/${clip.id}/freeze`);
    expect([refused.status, refused.body.code]).toEqual([422, 'sql_failed']);
    expect((await call<ClipAnswer>(runtime, 'GET', `/api/clips/${clip.id}`)).body).toEqual(clip);
    const { body } = await call(runtime, 'GET', `/api/clips/${clip.id}/snapshots`);
    expect(body).toEqual({ snapshots: [] });
  });

  it('answers 40 requests at once', async () => {
    const live = await save(runtime, 'select pg_sleep(0.01)::text as s, 1 as one');
    const frozen = await save(runtime, 'select 1 as one', 'frozen');
    const asked = Array.from({ length: 40 }, async (_, n) => {
      const response = await runtime.fetch(`/c/${n % 2 ? live.slug : frozen.slug}.csv`);
      return [response.status, (await response.text()).length > 5];
    });
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 40 }, () => [200, true]));
    await untilFree();
  });

  it('frees the backend of a client that leaves early', async () => {
    const clip = await save(runtime, endless);
    for (const format of ['csv', 'json', 'xlsx']) {
      const leave = new AbortController();
      const response = await runtime.fetch(`/c/${clip.slug}.${format}`, { signal: leave.signal });
      const reader = response.body?.getReader();
      await reader?.read();
      expect(await busyBackends()).toBe(1);
      leave.abort();
      await reader?.cancel().catch(() => {});
      await untilFree();
    }
  });

  it('logs neither token nor slug nor password', async () => {
    const clip = await save(runtime, failsLate);
    await runtime
      .fetch(`/c/${clip.slug}.csv`)
      .then((response) => response.text())
      .catch(() => {});
    for (const word of [testToken, clip.slug, '_reader:', 'division'])
      expect([word, runtime.logs().includes(word)]).toEqual([word, false]);
  });
});

describe('between the runtimes', () => {
  it('what one exports the other imports', async () => {
    const headers = { Authorization: `Bearer ${testToken}` };
    for (const [one, other] of [
      [both.node, both.workerd],
      [both.workerd, both.node],
    ] as const) {
      const clip = await save(one, awkward, 'frozen');
      const csv = await (await one.fetch(`/c/${clip.slug}.csv`)).text();
      const archive = await (await one.fetch('/api/export', { headers })).bytes();
      await call(one, 'DELETE', `/api/clips/${clip.id}`);
      const imported = await other.fetch('/api/import', {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'application/x-tar' },
        body: archive,
      });
      expect([imported.status, await imported.json()]).toMatchObject([200, { clips: 1, conflicts: [] }]);
      expect(await (await other.fetch(`/c/${clip.slug}.csv`)).text()).toBe(csv);
    }
  });

  it.each([...formats, 'csv?bom=1&safe=1', 'json?shape=rows'])(
    'bytes and headers are the same: .%s',
    async (tail) => {
      const live = await save(both.node, awkward);
      const frozen = await save(both.workerd, awkward, 'frozen');
      const paths = [
        `/c/${live.slug}.${tail}`,
        `/c/${frozen.slug}.${tail}`,
        `${pathOf(frozen.snapshot?.url ?? '')}.${tail}`,
      ];
      for (const path of paths) {
        const [one, other] = await Promise.all([both.node.fetch(path), both.workerd.fetch(path)]);
        expect([one.status, other.status]).toEqual([200, 200]);
        for (const header of [
          'Content-Type',
          'Content-Disposition',
          'ETag',
          'Cache-Control',
          'X-Robots-Tag',
          'Access-Control-Allow-Origin',
          'Referrer-Policy',
        ])
          expect([header, one.headers.get(header)]).toEqual([header, other.headers.get(header)]);
        expect(Buffer.compare(await one.bytes(), await other.bytes())).toBe(0);
        const etag = one.headers.get('ETag');
        if (etag)
          expect((await both.workerd.fetch(path, { headers: { 'If-None-Match': etag } })).status).toBe(304);
        expect((await both.workerd.fetch(path, { method: 'HEAD' })).status).toBe(200);
      }
    },
  );
});

describe('a Worker without its settings', () => {
  it('answers 500 and says nothing secret', async () => {
    const secret = 'postgres://reader:secret-4711@127.0.0.1:5432/shop';
    const worker = await openWorkerd({ DATABASE_URL: secret, API_TOKEN: 'short' });
    const response = await worker.fetch('/healthz');
    expect(response.status).toBe(500);
    expect(await response.text()).toBe(
      'pgclip is not configured. The log of the Worker says what is missing.\n',
    );
    expect(worker.logs()).toContain('REDIS_URL is missing');
    expect(worker.logs()).not.toContain('secret-4711');
    await worker.close();
  });
});
