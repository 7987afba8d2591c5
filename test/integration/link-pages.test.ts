/** The pages of data links over real databases: what one link goes through from its form to its removal. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { allowLinks } from '../support/links.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openTestServer, PageVisitor, type TestServer } from '../support/server.ts';

const page = '/databases/DATABASE_URL/links/shop';
const password = 'secret-of-the-remote';

let remote: TestDatabase;
let server: TestServer;
let visitor: PageVisitor;
/** Every page that was seen. */
const seen: string[] = [];

beforeAll(async () => {
  remote = await createTestDatabase(inject('postgresUrl'));
  const url = new URL(remote.readerUrl);
  await executeSql(remote.superuserUrl, `ALTER ROLE ${url.username} PASSWORD '${password}'`);
  url.password = password;
  await executeSql(
    remote.ownerUrl,
    'CREATE TABLE users (id int, plan text)',
    "INSERT INTO users VALUES (1, 'free'), (2, 'paid')",
    'CREATE TABLE payroll (id int)',
    `REVOKE ALL ON payroll FROM ${url.username}`,
  );
  server = await openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: (database) => ({
      DATABASE_OWNER_URL: database.ownerUrl,
      WAREHOUSE_URL: url.href,
      AWAY_URL: 'postgres://reader:away-password@127.0.0.1:1/away',
    }),
  });
  visitor = await new PageVisitor(server).signIn();
});
afterAll(async () => {
  await server.close();
  await remote.drop();
});

/** The text of a page without markup, its white space as one space. */
function textOf({ text }: { text: string }): string {
  seen.push(text);
  return text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
}

const link = (fields: Record<string, string>) =>
  visitor.submit('/databases', { database: 'DATABASE_URL', remote: 'WAREHOUSE_URL', as: 'shop', ...fields });

it('says what an administrator has to run, as lines to be copied', async () => {
  const refused = await link({});
  expect(refused.status).toBe(403);
  const owner = new URL(server.database.ownerUrl).username;
  const code = [...refused.text.matchAll(/data-copy-source[^>]*>([^<]*)</g)].map(([, sql]) =>
    sql?.replaceAll('&quot;', '"'),
  );
  expect(code.join('\n')).toContain('CREATE EXTENSION postgres_fdw;');
  expect(code.join('\n')).toMatch(
    new RegExp(`^GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO "?${owner}"?;$`, 'm'),
  );
  expect(textOf(refused)).toContain(owner);
  await allowLinks(server.database);
});

it('tells of a remote that is away, and of a schema that is not there', async () => {
  const away = await link({ remote: 'AWAY_URL' });
  expect(away.status).toBe(503);
  expect(textOf(away)).toMatch(/AWAY_URL Not reachable/);
  const missing = await link({ schema: 'nowhere' });
  expect(missing.status).toBe(422);
  expect(missing.text).toContain('value="nowhere"');
  textOf(missing);
});

it('makes, explains, refreshes and removes a link', async () => {
  const made = await link({});
  expect(made.status).toBe(201);
  expect(textOf(made)).toMatch(/The link is made 1 table can be read as shop\.table from now on\. .*payroll/);

  const sql = 'select plan, count(*) from shop.users group by plan';
  const clip = await server.save({ name: 'Plans', sql, mode: 'frozen' });
  const live = await server.save({ name: 'Live plans', sql });
  const explained = textOf(await visitor.get(`/clips/${clip.id}/explain`));
  expect(explained).toMatch(/The clip is frozen.* 1 table aggregated on shop, 2 rows fetched .*Foreign Scan/);

  await executeSql(server.database.ownerUrl, 'CREATE VIEW paying AS SELECT id, plan FROM shop.users');
  await executeSql(remote.ownerUrl, 'ALTER TABLE users DROP COLUMN plan', 'ALTER TABLE users ADD city text');
  const outdated = await visitor.get(`/clips/${clip.id}/explain`);
  expect(outdated.status).toBe(422);
  expect(textOf(outdated)).toMatch(
    /A data link has to be refreshed .* pgclip links refresh DATABASE_URL shop/,
  );
  const forOwner = await visitor.get(`/clips/${live.id}`);
  expect(textOf(forOwner)).toContain('pgclip links refresh DATABASE_URL shop');
  expect(forOwner.text).toContain('href="/databases#DATABASE_URL"');
  const forStranger = await new PageVisitor(server).get(live.url);
  expect(textOf(forStranger)).toMatch(/A data link has to be refreshed/);
  expect(forStranger.text).not.toMatch(/pgclip links refresh|href="[/]databases/);
  expect(textOf(await visitor.get('/databases'))).toMatch(/shop Changed .* 1 changed on the remote since/);
  const would = textOf(await visitor.get(page));
  for (const part of ['users.city', 'users.plan', 'view public.paying', 'Plans'])
    expect(would).toContain(part);

  const done = textOf(await visitor.submit(page, { intent: 'refresh' }));
  expect(done).toMatch(/The link is refreshed Added 1 .*Removed 2 .*SELECT .*plan.*FROM shop\.users/);
  expect(done).toContain('The link is as its remote.');

  expect((await visitor.submit(page, { intent: 'remove', confirm: 'sho' })).status).toBe(409);
  expect((await visitor.submit(page, { intent: 'remove', confirm: 'shop' })).status).toBe(303);
  expect((await visitor.get(page)).status).toBe(404);
  expect((await server.fetch(`${clip.url}.csv`)).status).toBe(200);
});

it('shows and logs no password', () => {
  expect(seen.length).toBeGreaterThan(6);
  for (const text of [...seen, ...server.logged]) {
    expect(text).not.toContain(password);
    expect(text).not.toContain('away-password');
  }
});
