/** The authoring API of clips: saving, finding, changing, removing. On both stores. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type ClipAnswer, openTestServer, type TestServer } from '../support/server.ts';

interface List {
  readonly clips: readonly ClipAnswer[];
  readonly next: string | null;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly sqlstate?: string;
  readonly line?: number;
  readonly column?: number;
}

/** Accepted by Postgres, and failing at its third row. */
const failing = 'select 1 / (n - 3) from generate_series(1, 9) n';
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(['embedded', 'redis'] as const)('clips in the %s store', (kind) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      ...(kind === 'redis' ? { redisUrl: `${inject('redisUrl')}/1` } : {}),
    });
  });
  afterAll(() => server.close());

  const all = async () => (await server.call<List>('GET', '/api/clips?limit=200')).body.clips;
  const current = async (id: string) => (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;

  it('saves a live clip and gives it back', async () => {
    const { status, headers, body } = await server.call<ClipAnswer>('POST', '/api/clips', {
      name: '  Ünï “one” ',
      sql: 'select 1 as one',
      database: 'DATABASE_URL',
    });
    expect(status).toBe(201);
    expect(headers.get('Content-Type')).toMatch(/^application\/json/);
    expect(headers.get('Referrer-Policy')).toBe('no-referrer');
    expect(body).toEqual({
      id: expect.stringMatching(/^[2-9a-z]{12}$/),
      slug: expect.stringMatching(/^[\w-]{22}$/),
      url: `${server.url}/c/${body.slug}`,
      name: 'Ünï “one”',
      sql: 'select 1 as one',
      database: 'DATABASE_URL',
      mode: 'live',
      revision: 1,
      snapshot: null,
      retention: null,
      createdAt: expect.stringMatching(iso),
      updatedAt: body.createdAt,
    });
    expect(await current(body.id)).toEqual(body);
  });

  it('saves a frozen clip with its snapshot', async () => {
    const clip = await server.save({ sql: "select 1 as a, 'x'::text as b", mode: 'frozen' });
    expect(clip).toMatchObject({
      mode: 'frozen',
      revision: 1,
      snapshot: {
        clipId: clip.id,
        revision: 1,
        takenAt: expect.stringMatching(iso),
        rowCount: 1,
        columns: [
          { name: 'a', type: 'integer' },
          { name: 'b', type: 'text' },
        ],
        bytes: 'a,b\n1,x\n'.length,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        url: `${clip.url}/s/${clip.snapshot?.id}`,
      },
    });
    expect(await current(clip.id)).toEqual(clip);
  });

  it('lists newest first, searches names and SQL, and pages', async () => {
    const word = `needle${kind}`;
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await server.save({ name: `${word} ${name}`, sql: 'select 1' });
    await server.save({ name: 'in the SQL', sql: `select '${word}'` });
    const seen: string[] = [];
    let path = `/api/clips?limit=2&q=${word.toUpperCase()}`;
    for (let pages = 1; ; pages++) {
      const { status, body } = await server.call<List>('GET', path);
      expect(status).toBe(200);
      seen.push(...body.clips.map((clip) => clip.name));
      if (body.next === null) {
        expect(pages).toBe(3);
        break;
      }
      path = `/api/clips?limit=2&q=${word}&cursor=${encodeURIComponent(body.next)}`;
    }
    expect(seen).toEqual(['in the SQL', ...[...names].reverse().map((name) => `${word} ${name}`)]);
    const none = await server.call<List>('GET', '/api/clips?q=nothing-has-this');
    expect(none.body).toEqual({ clips: [], next: null });
  });

  it.each(['cursor=garbage', 'limit=0', 'limit=201', 'limit=x', 'offset=1'])(
    'refuses the list with ?%s',
    async (query) => {
      const { status, body } = await server.call<Refusal>('GET', `/api/clips?${query}`);
      expect([status, body.code]).toEqual([400, 'invalid_request']);
    },
  );

  it('changes what a patch names and keeps every SQL text', async () => {
    const clip = await server.save({ name: 'Before', sql: 'select 1' });
    const renamed = await server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { name: 'After' });
    expect(renamed.status).toBe(200);
    expect(renamed.body).toEqual({ ...clip, name: 'After', updatedAt: renamed.body.updatedAt });
    const revised = await server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2' });
    expect(revised.body).toMatchObject({ name: 'After', sql: 'select 2', revision: 2, mode: 'live' });
    const same = await server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2' });
    expect(same.body.revision).toBe(2);
    const { status, body } = await server.call('GET', `/api/clips/${clip.id}/revisions`);
    expect(status).toBe(200);
    expect(body).toEqual({
      revisions: [
        { number: 2, sql: 'select 2', database: 'DATABASE_URL', createdAt: revised.body.updatedAt },
        { number: 1, sql: 'select 1', database: 'DATABASE_URL', createdAt: clip.createdAt },
      ],
    });
  });

  it('freezes and thaws by patch, all or nothing', async () => {
    const clip = await server.save({ sql: 'select 1 as n' });
    const patch = { sql: 'select 2 as n', mode: 'frozen' };
    const frozen = await server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, patch);
    expect(frozen.body).toMatchObject({
      mode: 'frozen',
      revision: 2,
      snapshot: { revision: 2, rowCount: 1 },
    });
    const thawed = await server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { mode: 'live' });
    expect(thawed.body).toMatchObject({ mode: 'live', revision: 2, snapshot: null });
  });

  it('lets two patches at once both count', async () => {
    const clip = await server.save({ name: 'Start', sql: 'select 1' });
    const [one, other] = await Promise.all([
      server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { name: 'Renamed' }),
      server.call<ClipAnswer>('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2' }),
    ]);
    expect([one.status, other.status]).toEqual([200, 200]);
    expect(await current(clip.id)).toMatchObject({ name: 'Renamed', sql: 'select 2', revision: 2 });
  });

  it('removes a clip and all of it', async () => {
    const clip = await server.save({ sql: 'select 1', mode: 'frozen' });
    const { status, text } = await server.call('DELETE', `/api/clips/${clip.id}`);
    expect([status, text]).toEqual([204, '']);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/revisions'],
      ['GET', '/snapshots'],
      ['POST', '/freeze'],
      ['POST', '/thaw'],
      ['POST', '/rotate'],
    ] as const) {
      const gone = await server.call<Refusal>(method, `/api/clips/${clip.id}${path}`);
      expect([method, path, gone.status, gone.body.code]).toEqual([method, path, 404, 'clip_not_found']);
    }
    expect((await server.fetch(`${clip.url}.csv`)).status).toBe(404);
    expect((await server.fetch(`${clip.url}/s/${clip.snapshot?.id}.csv`)).status).toBe(404);
  });

  it('answers the old URL after a rotation like one that never was', async () => {
    const clip = await server.save({ sql: 'select 1', mode: 'frozen' });
    const { status, body } = await server.call<ClipAnswer>('POST', `/api/clips/${clip.id}/rotate`);
    expect(status).toBe(200);
    expect(body.slug).not.toBe(clip.slug);
    expect({ ...body, slug: clip.slug, url: clip.url, updatedAt: clip.updatedAt, snapshot: null }).toEqual({
      ...clip,
      snapshot: null,
    });
    expect((await server.fetch(`${body.url}.csv`)).status).toBe(200);
    for (const tail of ['', '.csv', '.html', `/s/${clip.snapshot?.id}`, `/s/${clip.snapshot?.id}.json`]) {
      const old = await server.fetch(`/c/${clip.slug}${tail}`);
      const never = await server.fetch(`/c/${'x'.repeat(22)}${tail}`);
      expect([tail, old.status, never.status]).toEqual([tail, 404, 404]);
      expect(await old.text()).toBe(await never.text());
      const headersOf = (each: Response) => [...each.headers].filter(([name]) => name !== 'date');
      expect(headersOf(old)).toEqual(headersOf(never));
    }
  });

  it.each([
    ['no name', { sql: 'select 1' }, ['name']],
    ['an empty name', { name: '', sql: 'select 1' }, ['name']],
    ['a blank name', { name: ' \n ', sql: 'select 1' }, ['name']],
    ['a long name', { name: 'n'.repeat(201), sql: 'select 1' }, ['name']],
    ['wrong types', { name: 1, sql: ['select 1'] }, ['name', 'sql']],
    ['empty SQL', { name: 'n', sql: '' }, ['sql']],
    ['an unknown mode', { name: 'n', sql: 'select 1', mode: 'paused' }, ['mode']],
    ['unknown keys', { name: 'n', sql: 'select 1', slug: 'mine', id: 1 }, ['slug', 'id']],
    ['no object', ['n'], ['']],
    ['null', null, ['']],
  ])('refuses a new clip with %s and keeps nothing', async (_, given, paths) => {
    const before = await all();
    const { status, headers, body } = await server.call<Refusal>('POST', '/api/clips', given);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(headers.get('Content-Type')).toBe('application/problem+json');
    expect(body.errors?.map(({ path }) => path)).toEqual(paths);
    expect(body.errors?.every(({ message }) => message.length > 0)).toBe(true);
    expect(await all()).toEqual(before);
  });

  it.each([
    ['nothing', {}, 400, 'invalid_request'],
    ['an unknown key', { title: 'x' }, 400, 'invalid_request'],
    ['an empty name', { name: '' }, 400, 'invalid_request'],
    ['SQL that is none', { name: 'New', sql: 'selec 1' }, 422, 'sql_refused'],
    ['two statements', { name: 'New', sql: 'select 1; select 2' }, 422, 'sql_refused'],
    ['a database that is none', { name: 'New', database: 'NO_URL' }, 404, 'database_not_found'],
    ['failing SQL to freeze', { name: 'New', sql: failing, mode: 'frozen' }, 422, 'sql_failed'],
  ])('leaves the clip as it was after a patch with %s', async (_, patch, status, code) => {
    const { id } = await server.save({ sql: 'select 1', mode: 'frozen' });
    const before = await current(id);
    const answer = await server.call<Refusal>('PATCH', `/api/clips/${id}`, patch);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await current(id)).toEqual(before);
    const revisions = await server.call<{ revisions: unknown[] }>('GET', `/api/clips/${id}/revisions`);
    expect(revisions.body.revisions).toHaveLength(1);
    const snapshots = await server.call<{ snapshots: unknown[] }>('GET', `/api/clips/${id}/snapshots`);
    expect(snapshots.body.snapshots).toHaveLength(1);
  });

  it.each([
    [
      'Postgres refuses',
      { sql: 'select\n  nothing_here' },
      { code: 'sql_refused', sqlstate: '42703', line: 2, column: 3 },
    ],
    ['fails when frozen', { sql: failing, mode: 'frozen' }, { code: 'sql_failed', sqlstate: '22012' }],
  ])('keeps no clip whose SQL %s', async (_, given, problem) => {
    const before = await all();
    const { status, body } = await server.call<Refusal>('POST', '/api/clips', { name: 'Never', ...given });
    expect(status).toBe(422);
    expect(body).toMatchObject(problem);
    expect(await all()).toEqual(before);
    await server.untilIdle(1000);
  });
});
