/** The pages of databases, data links and explanations, by their links and forms alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LinkChange } from '../../src/domain/data-link.ts';
import { AppError } from '../../src/domain/errors.ts';
import { type LinkSite, openLinkSite } from '../support/link-site.ts';
import { PageVisitor } from '../support/server.ts';

let site: LinkSite;
let visitor: PageVisitor;

beforeAll(async () => {
  site = await openLinkSite();
  visitor = await new PageVisitor(site).signIn();
});
afterAll(() => site.close());
beforeEach(() => {
  const { host } = site;
  for (const each of [host.links, host.differs, host.failures]) each.clear();
  Object.assign(host, {
    writable: true,
    silent: false,
    dependents: [],
    warnings: [],
    onWork: async () => {},
  });
  host.asked.length = 0;
});

/** The text of a page without markup, its white space as one space. */
const textOf = (html: string) => html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
const page = '/databases/DATABASE_URL/links/warehouse';
const newColumn: LinkChange = {
  change: 'added',
  kind: 'column',
  name: 'users.plan',
  table: 'users',
  detail: 'text',
};
const link = (fields: Record<string, string>) =>
  visitor.submit('/databases', { database: 'DATABASE_URL', remote: 'WAREHOUSE_URL', ...fields });

describe('/databases', () => {
  it('shows every database with its links, and where links can be made', async () => {
    site.host.add('warehouse');
    site.host.differs.set('warehouse', [newColumn]);
    const { status, text, headers } = await visitor.get('/databases');
    expect([status, headers.get('Cache-Control')]).toEqual([200, 'no-store']);
    expect(textOf(text)).toMatch(/DATABASE_URL .*WAREHOUSE_URL .*ARCHIVE_URL /);
    expect(textOf(text)).toMatch(/warehouse Changed .* 1 changed on the remote since 2026-11-20/);
    expect(text).toContain(`href="${page}"`);
    expect([...text.matchAll(/name="database" value="(\w+)"/g)].map(([, name]) => name)).toEqual([
      'DATABASE_URL',
    ]);
    expect([...text.matchAll(/<option value="(\w+)"/g)].map(([, name]) => name)).toEqual([
      'WAREHOUSE_URL',
      'ARCHIVE_URL',
    ]);
    expect(textOf(text)).toContain('WAREHOUSE_OWNER_URL');
  });

  it('shows the others when one of them is away', async () => {
    site.host.failures.set('list', new AppError('database_unavailable', 'It does not answer now.'));
    const { status, text } = await visitor.get('/databases');
    expect(status).toBe(200);
    expect(textOf(text)).toMatch(/DATABASE_URL .*It does not answer now\..*WAREHOUSE_URL Safe login/);
  });

  it('waits for nobody who says nothing', async () => {
    site.host.add('warehouse');
    site.host.silent = true;
    const { ARCHIVE_URL: archive } = site.databases;
    const was = archive.status;
    archive.status = null;
    const { status, text } = await visitor.get('/databases');
    archive.status = was;
    expect(status).toBe(200);
    expect(textOf(text)).toMatch(/DATABASE_URL Safe login .*warehouse Not compared .* 12 tables/);
    expect(textOf(text)).toMatch(/ARCHIVE_URL Not reachable It has not answered within 3 seconds\./);
  });

  it('links a database and leads to the link', async () => {
    const made = await link({ as: ' sales ', schema: ' ' });
    expect([made.status, made.headers.get('Location')]).toEqual([303, '/databases/DATABASE_URL/links/sales']);
    expect(site.host.asked).toEqual(['create sales of WAREHOUSE_URL public']);
    await link({ remote: 'ARCHIVE_URL', as: '', schema: 'old' });
    expect(site.host.asked.at(-1)).toBe('create of_archive_url of ARCHIVE_URL old');
  });

  it('says what it warns of on the page of the link', async () => {
    site.host.warnings = ['The table payroll was left out.'];
    const made = await link({ as: 'sales' });
    expect(made.status).toBe(201);
    expect(textOf(made.text)).toMatch(/The link is made .* The table payroll was left out\./);
    expect(made.text).toContain('action="/databases/DATABASE_URL/links/sales"');
  });

  it('says what is wrong with a name under its field, and keeps what was typed', async () => {
    const refused = await link({ as: 'Wrong <name>', schema: 'old' });
    expect(refused.status).toBe(400);
    expect(site.host.asked).toEqual([]);
    expect(refused.text).toContain('value="Wrong &lt;name&gt;"');
    expect(refused.text).toContain('value="old"');
    expect(refused.text).toMatch(/<option value="WAREHOUSE_URL" selected/);
    expect(refused.text).toMatch(/-as-error"[^>]*>The name may have lower-case letters/);
    site.host.failures.set('create', new AppError('link_name_taken', 'There is one.'));
    const taken = await link({ as: 'sales' });
    expect(taken.status).toBe(409);
    expect(taken.text).toMatch(/-as-error"[^>]*>There is one[.]</);
  });

  it.each([
    [new AppError('link_name_taken', 'There is a schema of this name.'), 409],
    [new AppError('owner_lacks_rights', 'It may not:\nGRANT CREATE ON DATABASE a TO b;'), 403],
    [new AppError('remote_refused', 'The schema has no tables.'), 422],
    [new AppError('remote_unavailable', 'It does not answer.'), 503],
  ])('tells on the page why it was refused: %s', async (failure, status) => {
    site.host.failures.set('create', failure);
    const refused = await link({ as: 'sales' });
    expect(refused.status).toBe(status);
    expect(textOf(refused.text)).toContain(failure.message.split('\n')[0]);
    expect(refused.text).toContain('value="sales"');
    expect(/data-copy-source[^>]*>GRANT CREATE ON DATABASE a TO b;</.test(refused.text)).toBe(
      failure.code === 'owner_lacks_rights',
    );
  });

  it('refuses what the form does not offer', async () => {
    expect((await link({ remote: 'DATABASE_URL', as: 'own' })).status).toBe(422);
    expect((await link({ remote: 'NO_URL', as: 'own' })).status).toBe(404);
    expect((await link({ database: 'WAREHOUSE_URL', remote: 'DATABASE_URL', as: 'own' })).status).toBe(403);
    expect((await link({ database: 'NO_URL', as: 'own' })).text).toContain('database_not_found');
    expect(site.host.asked).toEqual([]);
  });
});

describe('a link', () => {
  beforeEach(() => void site.host.add('warehouse'));

  it('is shown with what a refresh would do and what uses it', async () => {
    site.host.differs.set('warehouse', [newColumn]);
    site.host.dependents = ['view public.paying'];
    const id = await site.save({ name: 'Paying <users>', sql: 'select * from warehouse.users' });
    const { status, text } = await visitor.get(page);
    expect(status).toBe(200);
    expect(textOf(text)).toMatch(/What a refresh would do Added 1 column users.plan text/);
    expect(text).toContain(`<a href="/clips/${id}" dir="auto">Paying &lt;users&gt;</a>`);
    expect(textOf(text)).toContain('view public.paying');
    await site.store.clips.remove(id);
  });

  it('is refreshed, and says what was done', async () => {
    site.host.differs.set('warehouse', [newColumn]);
    site.host.warnings = ['Look at this.'];
    const done = await visitor.submit(page, { intent: 'refresh' });
    expect(done.status).toBe(200);
    expect(textOf(done.text)).toMatch(
      /The link is refreshed Added 1 .* Look at this\. .* The link is as its/,
    );
    expect(textOf((await visitor.submit(page, { intent: 'refresh' })).text)).toContain(
      'Nothing had changed.',
    );
  });

  it('says on its page why a refresh was refused', async () => {
    site.host.failures.set('refresh', new AppError('link_busy', 'Clips are reading it.'));
    const refused = await visitor.submit(page, { intent: 'refresh' });
    expect(refused.status).toBe(503);
    expect(textOf(refused.text)).toContain('The tables of the data link are in use Clips are reading it.');
  });

  it('goes when its name confirms it, and not otherwise', async () => {
    site.host.dependents = ['view public.paying'];
    for (const confirm of ['', 'warehouze"']) {
      const refused = await visitor.submit(page, { intent: 'remove', confirm });
      expect(refused.status).toBe(409);
      expect(refused.text).toMatch(/<details class="confirm" open/);
      expect(refused.text).toContain(`value="${confirm.replace('"', '&quot;')}"`);
      expect(textOf(refused.text)).toContain('1 view');
    }
    expect(site.host.links.size).toBe(1);
    const gone = await visitor.submit(page, { intent: 'remove', confirm: ' warehouse ' });
    expect([gone.status, gone.headers.get('Location')]).toEqual([303, '/databases#DATABASE_URL']);
    expect(site.host.links.size).toBe(0);
    expect((await visitor.get(page)).status).toBe(404);
    expect((await visitor.submit(page, { intent: 'refresh' })).status).toBe(404);
  });

  it('can only be seen without the owner', async () => {
    site.host.writable = false;
    const { text } = await visitor.get(page);
    expect(text).not.toContain('action="/databases');
    expect(textOf(text)).toContain('set DATABASE_OWNER_URL');
    for (const fields of [{ intent: 'refresh' }, { intent: 'remove', confirm: 'warehouse' }])
      expect((await visitor.submit(page, fields)).status).toBe(403);
    expect(site.host.asked).toEqual([]);
  });

  it('tells whoever watches how far it has come, then what the page would be', async () => {
    site.host.onWork = async (work) => work.onProgress?.({ step: 'making tables', done: 3, total: 7 });
    site.host.differs.set('warehouse', [newColumn]);
    const watch = async (fields: Record<string, string>, path: string) => {
      const headers = { Cookie: visitor.cookie, Origin: site.url, Accept: 'text/event-stream' };
      const answer = await site.fetch(path, { method: 'POST', headers, body: new URLSearchParams(fields) });
      const events = (await answer.text()).split('\n\n').filter((event) => event.startsWith('event'));
      const data = events.at(-1)?.split('data: ')[1] ?? '';
      return { names: events.map((event) => event.split('\n')[0]), data: JSON.parse(data) };
    };
    const refreshed = await watch({ intent: 'refresh' }, page);
    expect(refreshed.names.at(-1)).toBe('event: done');
    expect(refreshed.data.url).toBe(page);
    expect(textOf(refreshed.data.page)).toContain('The link is refreshed Added 1');
    const made = await watch({ database: 'DATABASE_URL', remote: 'ARCHIVE_URL', as: 'old' }, '/databases');
    expect(made.data).toEqual({ location: '/databases/DATABASE_URL/links/old' });
    site.host.failures.set('create', new AppError('link_name_taken', 'There is one.'));
    const refused = await watch({ database: 'DATABASE_URL', remote: 'ARCHIVE_URL', as: 'old' }, '/databases');
    expect(textOf(refused.data.page)).toContain('There is one.');
  });
});

describe('/clips/:id/explain', () => {
  const sql = 'select *\nfrom warehouse.users';

  it('is led to from the clip, and shows what ran where', async () => {
    const id = await site.save({ name: 'Users', sql });
    expect((await visitor.get(`/clips/${id}`)).text).toContain(`href="/clips/${id}/explain"`);
    const asked: string[] = [];
    site.databases.DATABASE_URL.explain = async (text) => {
      asked.push(text);
      const part = { link: 'warehouse', server: 'warehouse_server', tables: ['warehouse.users'] };
      const ran = { ...part, work: [], rows: 12, times: 1, sql: 'SELECT <id> FROM users' } as const;
      return { remoteParts: [ran], rows: 12, durationMs: 84, plan: 'Foreign Scan <on>' };
    };
    const { status, text } = await visitor.get(`/clips/${id}/explain`);
    expect(status).toBe(200);
    expect(asked).toEqual([sql]);
    expect(textOf(text)).toContain('1 table read on warehouse, 12 rows fetched');
    expect(text).toContain('Foreign Scan &lt;on&gt;');
    expect(textOf(text)).toContain('&lt;id&gt;');
    const headers = { Cookie: visitor.cookie };
    expect((await site.fetch(`/clips/${id}/explain`, { method: 'HEAD', headers })).status).toBe(200);
    expect(asked).toHaveLength(1);
  });

  it('shows an error with its place in the SQL', async () => {
    const id = await site.save({ name: 'Users', sql });
    const problem = { sqlstate: '42P01', message: 'no such relation', line: 2, remoteSql: 'SELECT secret' };
    site.databases.DATABASE_URL.explain = async () => {
      throw new AppError('sql_failed', 'The query failed.', { sql: problem });
    };
    const { status, text } = await visitor.get(`/clips/${id}/explain`);
    expect(status).toBe(422);
    expect(textOf(text)).toMatch(/no such relation .*from warehouse.users .* SELECT secret/);
    expect(text).not.toContain('/databases#');
    expect((await visitor.get('/clips/none/explain')).status).toBe(404);
  });

  it.each(['link_outdated', 'remote_unavailable'] as const)('leads to the links behind %s', async (code) => {
    const id = await site.save({ name: 'Users', sql });
    site.databases.DATABASE_URL.explain = async () => {
      const problem = { sqlstate: '08001', message: 'could not connect' };
      throw new AppError(code, 'The remote is away.', { sql: problem });
    };
    const { text } = await visitor.get(`/clips/${id}/explain`);
    expect(text).toContain('href="/databases#DATABASE_URL"');
  });
});

it('is for signed-in users, and its forms for our own pages', async () => {
  site.host.add('warehouse');
  const stranger = new PageVisitor(site);
  for (const path of ['/databases', page, '/clips/any/explain']) {
    const answer = await stranger.get(path);
    expect([answer.status, answer.headers.get('Location')]).toEqual([
      303,
      `/sign-in?next=${encodeURIComponent(path)}`,
    ]);
  }
  const forms = [
    ['/databases', { database: 'DATABASE_URL', remote: 'WAREHOUSE_URL', as: 'new' }],
    [page, { intent: 'refresh' }],
    [page, { intent: 'remove', confirm: 'warehouse' }],
  ] as const;
  for (const [path, fields] of forms) {
    expect((await stranger.submit(path, fields)).headers.get('Location')).toBe('/sign-in');
    const forged = await site.fetch(path, {
      method: 'POST',
      headers: { Cookie: visitor.cookie, Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
      body: new URLSearchParams(fields),
    });
    expect(forged.status).toBe(403);
  }
  expect(site.host.asked).toEqual([]);
});

it('logs nothing of what was typed or refused', async () => {
  site.host.failures.set('create', new AppError('remote_unavailable', 'It does not answer.'));
  await link({ as: 'secret_name' });
  expect(site.logged.join('\n')).toContain('It does not answer.');
  expect(site.logged.join('\n')).not.toContain('secret');
});
