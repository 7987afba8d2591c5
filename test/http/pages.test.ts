/** The pages of signed-in users, by their forms alone: what they show, do, keep and escape. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import { type ClipAnswer, openTestServer, PageVisitor, type TestServer } from '../support/server.ts';

let server: TestServer;
let visitor: PageVisitor;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl'), redisUrl: `${inject('redisUrl')}/4` });
  visitor = await new PageVisitor(server).signIn();
});
afterAll(() => server.close());

const current = async (id: string) => (await server.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
const decode = (html: string) =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
/** The text of the page's editor, as a browser reads it. */
function typedIn(html: string): string | undefined {
  const text = /<textarea[^>]*>([\s\S]*?)<\/textarea>/.exec(html)?.[1];
  return text === undefined ? undefined : decode(text.replace(/^\n/, ''));
}
const fieldOf = (html: string, name: string) =>
  decode(new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(html)?.[0].match(/value="([^"]*)"/)?.[1] ?? '');
const form = { name: 'By form', database: 'DATABASE_URL', sql: 'select 1 as one', mode: 'live' };

describe('the list', () => {
  it('is empty, then searched and paged', async () => {
    expect((await visitor.get('/')).text).toContain('No clips yet');
    for (let n = 1; n <= 51; n++) await server.save({ name: `Clip number ${n}.`, sql: `select ${n} as n` });
    const first = await visitor.get('/');
    expect(first.headers.get('Cache-Control')).toBe('no-store');
    expect(first.text).toContain('Clip number 51.');
    expect(first.text).not.toContain('Clip number 1.');
    const next = decode(/<a[^>]*href="([^"]*cursor[^"]*)"/.exec(first.text)?.[1] ?? '');
    expect((await visitor.get(next)).text).toContain('Clip number 1.');
    const found = (await visitor.get('/?q=NUMBER+17.')).text;
    expect(found).toContain('Clip number 17.');
    expect(found).not.toContain('Clip number 18.');
    expect((await visitor.get('/?q=%3Cscript%3Enone')).text).toContain('&lt;script&gt;none');
    expect((await visitor.get('/?cursor=garbage')).status).toBe(400);
  });
});

describe('a new clip', () => {
  it('runs, keeps what was typed, and saves nothing', async () => {
    const before = (await server.call('GET', '/api/clips')).text;
    const sql = "select n, 'a & b' as t\r\nfrom generate_series(1, 1200) n";
    const page = await visitor.submit('/clips/new', { ...form, name: 'Half "done"', sql, intent: 'run' });
    expect(page.status).toBe(200);
    expect(page.text).toContain('a &amp; b');
    expect(page.text).toContain('First 1,000 rows');
    expect(typedIn(page.text)).toBe(sql.replaceAll('\r\n', '\n'));
    expect(fieldOf(page.text, 'name')).toBe('Half "done"');
    expect((await server.call('GET', '/api/clips')).text).toBe(before);
  });

  it('saves, with the line ends that were typed, and shows the clip', async () => {
    const sql = '\n\nselect 1 as one\r\n-- the end';
    const saved = await visitor.submit('/clips/new', { ...form, sql, intent: 'save' });
    expect(saved.status).toBe(303);
    const path = saved.headers.get('Location') ?? '';
    expect(path).toMatch(/^\/clips\/\w{12}$/);
    expect(await current(path.slice('/clips/'.length))).toMatchObject({
      name: 'By form',
      sql: '\n\nselect 1 as one\n-- the end',
      mode: 'live',
    });
    const page = await visitor.get(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('Cache-Control')).toBe('no-store');
    expect(page.text).toContain('By form');
    expect(typedIn((await visitor.get(`${path}/edit`)).text)).toBe('\n\nselect 1 as one\n-- the end');
  });

  it('saves a frozen one', async () => {
    const saved = await visitor.submit('/clips/new', { ...form, mode: 'frozen', intent: 'save' });
    const clip = await current((saved.headers.get('Location') ?? '').slice('/clips/'.length));
    expect(clip).toMatchObject({ mode: 'frozen', snapshot: { rowCount: 1 } });
  });

  it.each(['run', 'save'])('shows an SQL error at its line, and keeps what was typed: %s', async (intent) => {
    const before = (await server.call('GET', '/api/clips')).text;
    const sql = 'select 1,\r\n  "näme" </textarea><script>alert(1)</script>\r\nfrom nowhere';
    const page = await visitor.submit('/clips/new', { ...form, sql, intent });
    expect(page.status).toBe(422);
    expect(page.text).toContain('Line 2');
    expect(page.text).toContain('42601');
    expect(page.text).not.toContain('<script>alert');
    expect(typedIn(page.text)).toBe(sql.replaceAll('\r\n', '\n'));
    expect((await server.call('GET', '/api/clips')).text).toBe(before);
  });

  it.each([
    ['no name', { name: '  ' }, 400, 'Give the clip a name.'],
    ['a long name', { name: 'n'.repeat(201) }, 400, 'longer than 200'],
    ['no SQL', { sql: '' }, 422, 'no query'],
    ['an unknown database', { database: 'NO_URL' }, 404, 'No database has this name'],
  ])('refuses %s, and keeps what was typed', async (_, change, status, words) => {
    const given = { ...form, sql: 'select 42 as kept', ...change };
    const page = await visitor.submit('/clips/new', { ...given, intent: 'save' });
    expect(page.status).toBe(status);
    expect(decode(page.text)).toContain(words);
    expect(typedIn(page.text)).toBe(given.sql);
    expect(fieldOf(page.text, 'name')).toBe(given.name);
  });
});

describe('editing', () => {
  it('saves a new revision', async () => {
    const clip = await server.save({ name: 'Old', sql: 'select 1' });
    const page = await visitor.get(`/clips/${clip.id}/edit`);
    expect(typedIn(page.text)).toBe('select 1');
    const version = fieldOf(page.text, 'version');
    const edit = { ...form, name: 'New', sql: 'select 2', version, intent: 'save' };
    const saved = await visitor.submit(`/clips/${clip.id}/edit`, edit);
    expect([saved.status, saved.headers.get('Location')]).toEqual([303, `/clips/${clip.id}`]);
    expect(await current(clip.id)).toMatchObject({ name: 'New', sql: 'select 2', revision: 2 });
  });

  it('does not overwrite what someone else saved meanwhile, and keeps what was typed', async () => {
    const clip = await server.save({ name: 'Old', sql: 'select 1' });
    const version = fieldOf((await visitor.get(`/clips/${clip.id}/edit`)).text, 'version');
    await server.call('PATCH', `/api/clips/${clip.id}`, { sql: 'select 2 as theirs' });
    const mine = { ...form, name: 'Mine', sql: 'select 3 as mine', version };
    const refused = await visitor.submit(`/clips/${clip.id}/edit`, { ...mine, intent: 'save' });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('Someone else changed the clip');
    expect(typedIn(refused.text)).toBe('select 3 as mine');
    expect(fieldOf(refused.text, 'name')).toBe('Mine');
    expect(fieldOf(refused.text, 'version')).toBe(version);
    expect(await current(clip.id)).toMatchObject({ name: 'Old', sql: 'select 2 as theirs', revision: 2 });
    // A run in between does not turn it into the version that was never seen.
    const run = await visitor.submit(`/clips/${clip.id}/edit`, { ...mine, intent: 'run' });
    expect([run.status, fieldOf(run.text, 'version')]).toEqual([200, version]);
    const again = await visitor.submit(`/clips/${clip.id}/edit`, { ...mine, intent: 'save' });
    expect(again.status).toBe(409);
  });

  it.each(['', '/edit'])('knows no clip that is none: /clips/none%s', async (tail) => {
    const page = await visitor.get(`/clips/none${tail}`);
    expect(page.status).toBe(404);
    expect(page.text).toContain('clip_not_found');
  });
});

describe('the buttons of a clip', () => {
  it('freeze, thaw, rotate and delete', async () => {
    const clip = await server.save({ sql: 'select random() as r' });
    const path = `/clips/${clip.id}`;
    const press = async (action: string, to = path) => {
      expect((await visitor.get(path)).text).toContain(`action="${path}/${action}"`);
      const pressed = await visitor.submit(`${path}/${action}`);
      expect([action, pressed.status, pressed.headers.get('Location')]).toEqual([action, 303, to]);
    };
    await press('freeze');
    const frozen = await current(clip.id);
    expect(frozen.mode).toBe('frozen');
    expect((await visitor.get(path)).text).toContain(frozen.snapshot?.sha256);
    await press('freeze');
    expect((await current(clip.id)).snapshot?.id).not.toBe(frozen.snapshot?.id);
    await press('thaw');
    expect((await current(clip.id)).mode).toBe('live');
    await press('rotate');
    const rotated = await current(clip.id);
    expect(rotated.slug).not.toBe(clip.slug);
    const page = await visitor.get(path);
    expect(page.text).toContain(rotated.slug);
    expect(page.text).not.toContain(clip.slug);
    await press('delete', '/');
    expect((await visitor.get(path)).status).toBe(404);
    for (const action of ['freeze', 'thaw', 'rotate', 'delete']) {
      expect((await visitor.submit(`${path}/${action}`)).status).toBe(404);
    }
  });

  it('leave a clip that can not be frozen as it was, and say why', async () => {
    const { snapshot: _, ...clip } = await server.save({
      sql: 'select 1 / (n - 3) from generate_series(1, 9) n',
    });
    const refused = await visitor.submit(`/clips/${clip.id}/freeze`);
    expect(refused.status).toBe(422);
    expect(refused.text).toContain('division by zero');
    expect(await current(clip.id)).toMatchObject(clip);
  });

  it('are not on the page of a stranger, who needs no cookie and gets none', async () => {
    const clip = await server.save({ name: 'Shared', sql: 'select 1 as one' });
    const stranger = new PageVisitor(server);
    const page = await stranger.get(clip.url);
    expect(page.status).toBe(200);
    expect([stranger.cookie, page.headers.getSetCookie()]).toEqual(['', []]);
    expect(page.text).toContain('Shared');
    for (const word of ['<form', '/clips/', clip.id])
      expect([word, page.text.includes(word)]).toEqual([word, false]);
  });
});

describe('what strangers wrote', () => {
  const evil = '<script>alert(1)</script><img src=x onerror=alert(1)>"\'&';

  it('stays text wherever it stands', async () => {
    await executeSql(
      server.database.ownerUrl,
      `create table evil ("<script>alert(1)</script>" text)`,
      `insert into evil values ('${evil.replaceAll("'", "''")}')`,
    );
    const sql = `select e.*, '</script><script>' as "</td><script>", array['<b>'] as a from evil e -- ${evil}`;
    const live = await server.save({ name: evil, sql });
    const frozen = await server.save({ name: evil, sql, mode: 'frozen' });
    const pages = ['/', `/?q=${encodeURIComponent(evil)}`, live.url, frozen.url, `${frozen.snapshot?.url}`];
    for (const { id } of [live, frozen]) pages.push(`/clips/${id}`, `/clips/${id}/edit`);
    for (const path of pages) {
      const { status, text } = await visitor.get(path);
      expect([path, status]).toEqual([path, 200]);
      expect(text).toContain('&lt;script&gt;alert(1)');
      expect([path, /<script>|<img src=x|<b>/.test(text)]).toEqual([path, false]);
    }
    const run = await visitor.submit('/clips/new', { ...form, name: evil, sql, intent: 'run' });
    expect(run.text).toContain('&lt;script&gt;alert(1)');
    expect(/<script>|<img src=x|<b>/.test(run.text)).toBe(false);
  });
});

describe('paging of rows', () => {
  it('shows 100 at a time, live and frozen alike', async () => {
    const sql = "select 'row ' || n || '.' as t from generate_series(1, 250) n";
    for (const mode of ['live', 'frozen'] as const) {
      const { url } = await server.save({ sql, mode });
      const pages = await Promise.all(
        ['1', '2', '3', '4'].map((page) => visitor.get(`${url}.html?page=${page}`)),
      );
      expect(pages.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const shown = pages.map(({ text }) =>
        [...text.matchAll(/row (\d+)\./g)].map((match) => Number(match[1])),
      );
      expect(shown.map((rows) => [rows.length, rows[0], rows.at(-1)])).toEqual([
        [100, 1, 100],
        [100, 101, 200],
        [50, 201, 250],
        [0, undefined, undefined],
      ]);
    }
  });
});
