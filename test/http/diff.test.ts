/** What changed between two snapshots, over HTTP: the API, its options and refusals, and the page without a browser. */
import { once } from 'node:events';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { getRaw, readSome, sendGet } from '../support/raw-http.ts';
import {
  type ClipAnswer,
  openTestServer,
  PageVisitor,
  type SnapshotAnswer,
  type TestServer,
  testToken,
  waitFor,
} from '../support/server.ts';

const redisUrl = `${inject('redisUrl')}/17`;
const authorized = { Authorization: `Bearer ${testToken}` };

interface DiffAnswer {
  readonly from: SnapshotAnswer;
  readonly to: SnapshotAnswer;
  readonly key: readonly string[] | null;
  readonly keyFound: boolean;
  readonly columns: { readonly added: readonly string[]; readonly removed: readonly string[] };
  readonly changes: readonly { readonly change: string; readonly row?: object }[];
  readonly summary: Record<'added' | 'removed' | 'changed' | 'unchanged', number>;
}

let server: TestServer;
/** Where this process alone keeps temporary files. */
let scratchDir: string;

beforeAll(async () => {
  scratchDir = await mkdtemp(join(tmpdir(), 'pgclip-diff-'));
  process.env.TMPDIR = scratchDir;
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl });
});
afterAll(async () => {
  await server.close();
  await rm(scratchDir, { recursive: true });
});

/** A clip with a snapshot of each of these queries. */
async function freezeEach(...queries: string[]): Promise<{ clip: ClipAnswer; ids: string[] }> {
  const clip = await server.save({ name: 'Orders, "all"', sql: queries[0] ?? '' });
  const ids: string[] = [];
  for (const sql of queries) {
    await server.call('PATCH', `/api/clips/${clip.id}`, { sql });
    const { status, text, body } = await server.call<SnapshotAnswer>('POST', `/api/clips/${clip.id}/freeze`);
    expect([status, status === 201 ? '' : text]).toEqual([201, '']);
    ids.push(body.id);
  }
  return { clip, ids };
}

async function pathOf(...queries: string[]): Promise<string> {
  const { clip, ids } = await freezeEach(...queries);
  return `/api/clips/${clip.id}/snapshots/${ids[0]}/diff/${ids[1] ?? ids[0]}`;
}

const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  server.fetch(path, { method, headers: { ...authorized, ...headers } });

const values = (rows: string, columns: string) => `select * from (values ${rows}) as t (${columns})`;

describe('as JSON', () => {
  it('tells what was added, removed and changed, with exact values', async () => {
    const exact =
      "9007199254740993::int8 as big, array[1, null] as a, row(1, 'x') as r, '{\"k\":  1.00}'::json as j";
    const path = await pathOf(
      `select n as id, 'name ' || n as name, 1.10::numeric as price, ${exact} from generate_series(1, 4) n`,
      `select n as id, case n when 2 then null else 'name ' || n end as name, case n when 3 then 1.1 else 1.10 end::numeric as price, ${exact} from generate_series(2, 5) n`,
    );
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toBe('application/json');
    expect(answer.headers.get('Vary')).toBe('Accept, Accept-Encoding');
    expect(answer.headers.get('Cache-Control')).toBe('no-store');
    const text = await answer.text();
    const rest = '"big":9007199254740993,"a":[1,null],"r":{"f1":1,"f2":"x"},"j":{"k":  1.00}';
    expect(text.slice(text.indexOf('"key"'))).toBe(
      [
        '"key":["id"],"keyFound":true,"columns":{"added":[],"removed":[]},"changes":[',
        `{"change":"removed","row":{"id":1,"name":"name 1","price":1.10,${rest}}},`,
        '{"change":"changed","key":{"id":2},"before":{"name":"name 2"},"after":{"name":null}},',
        '{"change":"changed","key":{"id":3},"before":{"price":1.10},"after":{"price":1.1}},',
        `{"change":"added","row":{"id":5,"name":"name 5","price":1.10,${rest}}}`,
        '],"summary":{"added":1,"removed":1,"changed":2,"unchanged":1}}\n',
      ].join('\n'),
    );
    const { from, to } = JSON.parse(text) as DiffAnswer;
    const { body } = await server.call<{ snapshots: SnapshotAnswer[] }>(
      'GET',
      path.split('/').slice(0, 5).join('/'),
    );
    expect(body.snapshots).toEqual([to, from]);
  });

  it('names the columns of one snapshot alone, and tells columns of the same name apart', async () => {
    const path = await pathOf(
      'select 1 as id, 2 as x, 3 as x, 4 as gone union all select 2, 2, 3, 4',
      'select 1 as id, 2 as x, 5 as x, 6 as fresh union all select 3, 2, 3, 4',
    );
    const { columns, changes } = (await (await get(`${path}.json?key=id`)).json()) as DiffAnswer;
    expect(columns).toEqual({ added: ['fresh'], removed: ['gone'] });
    expect(changes).toEqual([
      { change: 'changed', key: { id: 1 }, before: { x_2: 3 }, after: { x_2: 5 } },
      { change: 'removed', row: { id: 2, x: 2, x_2: 3, gone: 4 } },
      { change: 'added', row: { id: 3, x: 2, x_2: 3, fresh: 4 } },
    ]);
  });

  it.each([
    ['the same snapshot', 'select n as id from generate_series(1, 3) n', 3],
    ['no rows', 'select 1 as id where false', 0],
    ['no columns', 'select from generate_series(1, 3)', 3],
    ['10,000 times one row', "select 1 as id, 'a' as b from generate_series(1, 10000)", 10_000],
  ])('finds nothing in %s', async (_, sql, rows) => {
    const answer = (await (await get(`${await pathOf(sql)}.json`)).json()) as DiffAnswer;
    expect(answer.changes).toEqual([]);
    expect(answer.summary).toEqual({ added: 0, removed: 0, changed: 0, unchanged: rows });
  });

  it('counts rows that are there several times', async () => {
    const path = await pathOf(
      "select 1 as id, 'a' as b from generate_series(1, 10000)",
      "select 1 as id, 'a' as b from generate_series(1, 10003)",
    );
    const answer = (await (await get(`${path}.json`)).json()) as DiffAnswer;
    expect(answer).toMatchObject({ key: null, keyFound: false, summary: { added: 3, unchanged: 10_000 } });
    expect(answer.changes).toEqual(Array(3).fill({ change: 'added', row: { id: 1, b: 'a' } }));
  });
});

describe('as CSV', () => {
  it('has a line for each row, and two for a changed one', async () => {
    const path = await pathOf(
      values("(1, 'a', ''), (2, 'b,c', null), (3, 'd', 'e')", 'id, name, gone'),
      values("('2', 'b,c', 7), ('3', 'new \"x\"', 8), ('4', '', 9)", 'id, name, fresh'),
    );
    const answer = await get(`${path}.csv`);
    expect(answer.headers.get('Content-Type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('Content-Disposition')).toBe('attachment; filename="Orders, all changes.csv"');
    expect(await answer.text()).toBe(
      [
        'change,id,name,fresh,gone',
        'removed,1,a,,""',
        'before,3,d,,e',
        'after,3,"new ""x""",8,',
        'added,4,"",9,',
        '',
      ].join('\n'),
    );
    expect(await (await get(path, { Accept: 'text/csv' })).text()).toMatch(/^change,id/);
  });

  it('of nothing is its line of names', async () => {
    expect(await (await get(`${await pathOf('select 1 as id')}.csv`)).text()).toBe('change,id\n');
  });
});

describe('the key', () => {
  const rows = "(1, 'a', 'x'), (1, 'b', 'y'), (2, 'a', 'z')";
  const weird = '"plain", "a,b", """q"""';

  it('may be given as a list, as often as one likes, and with commas and quotes in its names', async () => {
    const path = await pathOf(values(rows, weird), values(rows.replace('z', 'w'), weird));
    for (const query of [
      `?key=${encodeURIComponent('plain,"a,b"')}`,
      `?key=${encodeURIComponent('"a,b"')}&key=plain`,
      `?key=${encodeURIComponent('"plain","a,b"')}&key=plain`,
    ]) {
      const answer = (await (await get(`${path}.json${query}`)).json()) as DiffAnswer;
      expect([...(answer.key ?? [])].sort()).toEqual(['a,b', 'plain']);
      expect(answer).toMatchObject({ keyFound: false, summary: { changed: 1, unchanged: 2 } });
    }
    const quoted = await get(`${path}.json?key=${encodeURIComponent('"""q"""')}`);
    expect(await quoted.json()).toMatchObject({ key: ['"q"'], summary: { added: 1, removed: 1 } });
  });

  it.each([
    ['nothing=1', 'invalid_option', '?key='],
    ['key=', 'invalid_option', 'double quotes'],
    ['key=id,', 'invalid_option', 'double quotes'],
    ['key="id', 'invalid_option', 'double quotes'],
    ['key="id"x', 'invalid_option', 'double quotes'],
    ['key=nowhere', 'invalid_option', '"id", "name"'],
    ['key=id', 'key_not_unique', 'compared to'],
  ])('that is none is refused: %s', async (query, code, said) => {
    const path = await pathOf(
      values("(1, 'secret')", 'id, name'),
      values("(1, 'secret'), (1, 'hidden')", 'id, name'),
    );
    for (const tail of ['.json', '.csv', '']) {
      const answer = await get(`${path}${tail}?${query.replaceAll('"', '%22')}`);
      expect(answer.status).toBe(code === 'key_not_unique' ? 422 : 400);
      const problem = (await answer.json()) as { code: string; detail: string };
      expect(problem).toMatchObject({ code, detail: expect.stringContaining(said) });
      expect(problem.detail).not.toMatch(/secret|hidden/);
    }
  });
});

describe('the URL', () => {
  it('needs the token or the cookie', async () => {
    const path = await pathOf('select 1 as id');
    expect((await server.fetch(`${path}.json`)).status).toBe(401);
    const visitor = await new PageVisitor(server).signIn();
    expect((await server.fetch(`${path}.json`, { headers: { Cookie: visitor.cookie } })).status).toBe(200);
  });

  it('answers HEAD without reading a row, and no other method', async () => {
    const path = await pathOf('select 1 as id');
    const [head, whole] = [await get(`${path}.csv`, {}, 'HEAD'), await get(`${path}.csv`)];
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['Content-Type', 'Content-Disposition', 'Vary'])
      expect(head.headers.get(name)).toBe(whole.headers.get(name));
    await whole.text();
    expect((await get(`${path}.csv?key=x`, {}, 'HEAD')).status).toBe(400);
    const posted = await get(`${path}.csv`, { 'Content-Type': 'application/json' }, 'POST');
    expect([posted.status, posted.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('tells what is not there', async () => {
    const { clip, ids } = await freezeEach('select 1 as id');
    const other = await freezeEach('select 1 as id');
    const at = (id: string, a: string, b: string) => `/api/clips/${id}/snapshots/${a}/diff/${b}`;
    const [own = '', foreign = ''] = [ids[0], other.ids[0]];
    for (const [path, status, code] of [
      [at('nowhere', own, own), 404, 'clip_not_found'],
      [at(clip.id, own, 'nowhere'), 404, 'snapshot_not_found'],
      [at(clip.id, foreign, own), 404, 'snapshot_not_found'],
      [at(clip.id, own, `${own}.xlsx`), 404, 'format_not_found'],
    ] as const) {
      const answer = await get(path);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
    }
    const answer = await get(at(clip.id, own, own), { Accept: 'image/png' });
    expect(answer.status).toBe(406);
  });

  it.each(['gzip', 'zstd'])('is compressed when the client takes that: %s', async (coding) => {
    const answer = await get(`${await pathOf('select 1 as id')}.csv`, { 'Accept-Encoding': coding });
    expect(answer.headers.get('Content-Encoding')).toBe(coding);
    expect(await answer.text()).toBe('change,id\n');
  });
});

const large = "select n as id, md5(n::text) as m, repeat('x', 60) as t from generate_series(1, 200000) n";
const mixed = `${large} order by md5(n::text)`;

/** Temporary files of ours: how many are open, and how many can be found by others, open or not. */
async function scratchFiles(): Promise<{ open: number; found: number }> {
  const isScratch = (file: string) => file.includes('pgclip-scratch-');
  const found = (await readdir(scratchDir)).filter(isScratch).length;
  const files = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return { open: files.filter(isScratch).length, found };
}
const isGone = async () => {
  const { open, found } = await scratchFiles();
  return open === 0 && found === 0;
};

describe('snapshots larger than what is sorted in memory', () => {
  /** In order against shuffled, shuffled against half of it, and in order against nothing. */
  let path: string;
  let disordered: string;
  let vanished: string;

  beforeAll(async () => {
    const half = `select * from (${mixed}) t where id % 2 = 0`;
    const { clip, ids } = await freezeEach(large, mixed, half, `${large} limit 0`);
    const at = (a: number, b: number) => `/api/clips/${clip.id}/snapshots/${ids[a]}/diff/${ids[b]}`;
    [path, disordered, vanished] = [at(0, 1), at(1, 2), at(0, 3)];
  }, 60_000);

  it('are the same in whatever order they come', async () => {
    const answer = (await (await get(`${path}.json?key=id`)).json()) as DiffAnswer;
    expect(answer.summary).toEqual({ added: 0, removed: 0, changed: 0, unchanged: 200_000 });
    expect(await scratchFiles()).toEqual({ open: 0, found: 0 });
  });

  it('leave no file when the client leaves, while rows are sorted or changes are sent', async () => {
    const sorting = await sendGet(`${server.url}${disordered}.csv?key=id`, authorized);
    // A file can be found for the moment between its opening and its unlinking.
    await waitFor(async () => {
      const { open, found } = await scratchFiles();
      return open > 0 && found === 0;
    }, 10_000);
    sorting.destroy();
    await waitFor(isGone, 10_000);
    const reading = await sendGet(`${server.url}${disordered}.csv?key=id`, authorized);
    await readSome(reading, 1024);
    expect(await scratchFiles()).toEqual({ open: 1, found: 0 });
    reading.destroy();
    await waitFor(isGone, 10_000);
  });

  it('are broken off when a chunk is lost meanwhile, and told when it was before', async () => {
    const reading = await sendGet(`${server.url}${vanished}.json?key=id`, authorized);
    await readSome(reading, 1024);
    const redis = new Redis(redisUrl);
    const [, , , id, , a] = vanished.split('/');
    const chunks = `pgclip:{${id}}:snapshot:${a}`;
    expect(await redis.llen(chunks)).toBeGreaterThan(40);
    await redis.ltrim(chunks, 0, -2);
    await redis.quit();
    let tail = '';
    reading.on('data', (data: Buffer) => {
      tail = (tail + data.toString('latin1')).slice(-64);
    });
    const closed = once(reading, 'close');
    reading.resume();
    await closed;
    expect(tail).toContain('xxxx');
    expect(tail).not.toContain('\r\n0\r\n');
    expect(server.logged.at(-1)).toContain('snapshot_damaged');
    const answer = await getRaw(`${server.url}${vanished}.json?key=id`, {
      ...authorized,
      Connection: 'close',
    });
    expect([answer.status, answer.head.includes('problem+json')]).toEqual([500, true]);
  });
});

describe('the page', () => {
  it('is for whoever is signed in', async () => {
    const path = (await pathOf('select 1 as id')).replace('/api', '');
    const answer = await new PageVisitor(server).get(path);
    expect([answer.status, answer.headers.get('Location')]).toEqual([
      303,
      `/sign-in?next=${encodeURIComponent(path)}`,
    ]);
  });

  it('shows the changes, and escapes them', async () => {
    const path = (
      await pathOf(
        values("(1, '<b>old</b>'), (2, 'x')", 'id, "<i>"'),
        values("(1, '<b>new</b>'), (3, null)", 'id, "<i>"'),
      )
    ).replace('/api', '');
    const visitor = await new PageVisitor(server).signIn();
    const { status, text, headers } = await visitor.get(path);
    expect(status).toBe(200);
    expect(headers.get('Content-Security-Policy')).toContain("default-src 'none'");
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(text).toContain('<del>&lt;b&gt;old&lt;/b&gt;</del>');
    expect(text).toContain('<ins>&lt;b&gt;new&lt;/b&gt;</ins>');
    expect(text).not.toMatch(/<b>|<i>"/);
    expect((await visitor.get(`${path}?key=%22%3Ci%3E%22`)).status).toBe(200);
  });

  it('says what is wrong with a key over the form that picks another', async () => {
    const path = (await pathOf(values('(1, 1), (1, 2)', 'id, n'))).replace('/api', '');
    const visitor = await new PageVisitor(server).signIn();
    const { status, text } = await visitor.get(`${path}?key=id`);
    expect(status).toBe(422);
    expect(text).toContain('Several rows have the same key');
    expect(text).toMatch(/type="checkbox" name="key" value="id" checked/);
    expect((await visitor.get(`${path}?key=nothing`)).status).toBe(400);
    expect((await visitor.get(path.replace(/\w+$/, 'nowhere'))).status).toBe(404);
  });

  it('shows the first 200 changes, and counts all', async () => {
    const path = (
      await pathOf(
        'select n as id from generate_series(1, 10) n',
        'select n as id from generate_series(5, 1000) n',
      )
    ).replace('/api', '');
    const { text } = await (await new PageVisitor(server).signIn()).get(path);
    expect(text.match(/<tr class="(added|removed)">/g)).toHaveLength(200);
    expect(text).toContain('The first 200 of 994 changes');
  });
});
