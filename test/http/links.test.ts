/** Data links through the API: made, seen, used, outdated, refreshed and removed. PostgreSQL 15 links an 18. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { postForEvents } from '../support/events.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Observer } from '../support/runs.ts';
import { type ApiAnswer, openTestServer, type TestServer, waitFor } from '../support/server.ts';

const password = 'hunter2-of-the-remote';
const path = '/api/databases/DATABASE_URL/links';

interface Link {
  readonly name: string;
  readonly tables: number;
  readonly refreshedAt: string;
  readonly changes: readonly { readonly name: string; readonly change: string }[] | null;
  readonly changedTables: readonly string[] | null;
  readonly problems: readonly { readonly level: string; readonly message: string }[];
  readonly warnings?: readonly string[];
  readonly uses?: {
    readonly clips: readonly { readonly id: string; readonly name: string; readonly url: string }[];
    readonly dependents: readonly string[];
  };
}

let remote: TestDatabase;
let server: TestServer;
/** Everything that the API said. */
const said: string[] = [];

async function call<T = Link>(method: string, at: string, body?: unknown): Promise<ApiAnswer<T>> {
  const answer = await server.call<T>(method, at, body);
  said.push(answer.text);
  return answer;
}

const list = async () => (await call<{ links: Link[] }>('GET', path)).body.links;
const create = (as: string) => call('POST', path, { remote: 'WAREHOUSE_URL', as });

beforeAll(async () => {
  remote = await createTestDatabase(inject('postgresUrl'));
  const reader = new URL(remote.readerUrl);
  await executeSql(remote.superuserUrl, `ALTER ROLE ${reader.username} PASSWORD '${password}'`);
  reader.password = password;
  const urlOf = (change: (url: URL) => void) => {
    const url = new URL(reader);
    change(url);
    return url.href;
  };
  await executeSql(
    remote.ownerUrl,
    'CREATE TABLE users (id int, plan text)',
    "INSERT INTO users VALUES (1, 'free'), (2, 'paid')",
    'CREATE TABLE orders (user_id int, total numeric)',
    'INSERT INTO orders VALUES (2, 9.50)',
  );
  server = await openTestServer({
    postgresUrl: inject('postgres15Url'),
    env: (database) => ({
      DATABASE_OWNER_URL: database.ownerUrl,
      WAREHOUSE_URL: reader.href,
      AWAY_URL: urlOf((url) => {
        url.port = '1';
      }),
      WRONG_URL: urlOf((url) => {
        url.password = `${password}-not`;
      }),
      CACHE_URL: 'redis://127.0.0.1:1/9',
    }),
  });
  await executeSql(
    server.database.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${server.database.name}_owner`,
  );
});

afterEach(async () => {
  for (const { name } of await list()) await call('DELETE', `${path}/${name}?confirm=${name}`);
  expect(await list()).toEqual([]);
});

afterAll(async () => {
  const everything = [...said, ...server.logged].join('\n');
  await server.close();
  await remote.drop();
  expect(everything).not.toContain(password);
});

describe('a link', () => {
  it('is made, listed, read by clips and removed', async () => {
    const made = await create('warehouse');
    expect([made.status, made.body]).toMatchObject([
      201,
      {
        name: 'warehouse',
        database: 'DATABASE_URL',
        remote: 'WAREHOUSE_URL',
        remoteDatabase: remote.name,
        remoteSchema: 'public',
        server: 'warehouse_server',
        tables: 2,
        changes: [],
        changedTables: [],
        problems: [],
      },
    ]);
    const { warnings, ...link } = made.body;
    expect(warnings).toEqual([]);
    expect(await list()).toEqual([link]);

    const clip = await server.save({
      name: 'Paying',
      sql: 'select u.plan, o.total from warehouse.users u join warehouse.orders o on o.user_id = u.id',
    });
    expect(await (await server.fetch(`${clip.url}.csv`)).text()).toBe('plan,total\npaid,9.50\n');
    await executeSql(
      server.database.ownerUrl,
      'CREATE VIEW public.plans AS SELECT plan FROM warehouse.users',
    );
    const seen = await call('GET', `${path}/warehouse`);
    expect(seen.body).toEqual({
      ...link,
      uses: { clips: [{ id: clip.id, name: 'Paying', url: clip.url }], dependents: ['view public.plans'] },
    });

    await server.call('POST', `/api/clips/${clip.id}/freeze`);
    const refused = await call<{ code: string; detail: string }>('DELETE', `${path}/warehouse`);
    expect([refused.status, refused.body]).toMatchObject([
      409,
      { code: 'link_not_confirmed', detail: expect.stringContaining('1 clip and 1 view use warehouse') },
    ]);
    expect((await call('DELETE', `${path}/warehouse?confirm=warehouse`)).status).toBe(204);
    expect((await call('GET', `${path}/warehouse`)).status).toBe(404);
    expect(await (await server.fetch(`${clip.url}.csv`)).text()).toBe('plan,total\npaid,9.50\n');
  });

  it('tells of its remote’s changes, and a clip that they break names the refresh', async () => {
    await create('warehouse');
    const clip = await server.save({ sql: 'select id, plan from warehouse.users order by id' });
    await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME plan TO tier', 'CREATE TABLE shops (id int)');
    const [outdated] = await list();
    expect(outdated?.changedTables?.toSorted()).toEqual(['shops', 'users']);

    const forAuthor = await call<Record<string, unknown>>('POST', '/api/run', { sql: clip.sql });
    expect([forAuthor.status, forAuthor.body]).toMatchObject([
      422,
      {
        code: 'link_outdated',
        sqlstate: '42703',
        hint: expect.stringContaining('pgclip links refresh DATABASE_URL warehouse (2 of its tables'),
        remoteSql: expect.stringContaining('plan'),
      },
    ]);
    const forStranger = await server.fetch(`${clip.url}.json`);
    const text = await forStranger.text();
    expect([forStranger.status, JSON.parse(text).code]).toEqual([422, 'link_outdated']);
    expect(text).not.toMatch(/hint|warehouse|WAREHOUSE|users|plan|remoteSql/);

    const told = await call<Record<string, unknown>>('POST', `${path}/warehouse/refresh?dryRun=1`);
    expect(told.body).toMatchObject({
      dryRun: true,
      warnings: [],
      link: { changedTables: expect.any(Array) },
    });
    expect((await list())[0]?.changedTables).toHaveLength(2);
    const done = await call<{ added: unknown[]; removed: unknown[]; link: Link }>(
      'POST',
      `${path}/warehouse/refresh`,
    );
    expect([done.status, done.body]).toMatchObject([
      200,
      { ...told.body, dryRun: false, link: { changes: [] } },
    ]);
    expect(done.body.added).toMatchObject([{ name: expect.stringMatching(/^(shops|users\.tier)$/) }, {}]);
    expect(done.body.removed).toMatchObject([{ change: 'removed', kind: 'column', name: 'users.plan' }]);
    expect(done.body.link.refreshedAt > String(outdated?.refreshedAt)).toBe(true);
    expect((await call('POST', '/api/run', { sql: 'select tier from warehouse.users' })).status).toBe(200);
    // What the clip lacks now is its own mistake.
    expect((await call<{ code: string }>('POST', '/api/run', { sql: clip.sql })).body.code).toBe(
      'sql_refused',
    );
    await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME tier TO plan', 'DROP TABLE shops');
  });

  it('whose values changed their type says so, behind a view too', async () => {
    await executeSql(remote.ownerUrl, 'CREATE TABLE sizes AS SELECT 1 AS size');
    await create('warehouse');
    await executeSql(
      server.database.ownerUrl,
      'CREATE VIEW public.sizes AS SELECT size AS s FROM warehouse.sizes',
    );
    await executeSql(remote.ownerUrl, "ALTER TABLE sizes ALTER size TYPE text USING 'large'");
    const failed = await call<Record<string, unknown>>('POST', '/api/run', { sql: 'table public.sizes' });
    expect([failed.status, failed.body]).toMatchObject([422, { code: 'link_outdated', sqlstate: '22P02' }]);
    await call('POST', `${path}/warehouse/refresh`);
    const answer = await call('POST', '/api/run', { sql: 'table public.sizes' });
    expect([answer.status, answer.body]).toMatchObject([200, { values: [['large']] }]);
    await executeSql(remote.ownerUrl, 'DROP TABLE sizes');
  });

  it('that was broken by hand says so, and a refresh repairs it', async () => {
    await create('warehouse');
    await executeSql(server.database.ownerUrl, 'DROP SCHEMA warehouse CASCADE');
    const [broken] = await list();
    expect(broken).toMatchObject({ tables: 0, problems: [{ level: 'broken' }] });
    const sql = 'select id from warehouse.users order by id';
    const failed = await call<Record<string, unknown>>('POST', '/api/run', { sql });
    expect([failed.status, failed.body]).toMatchObject([
      422,
      {
        code: 'link_outdated',
        hint: 'Refresh the link: pgclip links refresh DATABASE_URL warehouse (it is broken).',
      },
    ]);
    expect((await call('POST', `${path}/warehouse/refresh`)).status).toBe(200);
    expect(await list()).toMatchObject([{ tables: 2, problems: [], changes: [] }]);
    expect((await call('POST', '/api/run', { sql })).status).toBe(200);
  });

  it('is seen and not changed without the login of the owner', async () => {
    const at = '/api/databases/WAREHOUSE_URL/links';
    expect((await call('GET', at)).body).toEqual({ links: [] });
    const answer = await call<{ code: string; detail: string }>('POST', at, {
      remote: 'DATABASE_URL',
      as: 'x',
    });
    expect([answer.status, answer.body]).toMatchObject([
      403,
      { code: 'links_read_only', detail: expect.stringContaining('WAREHOUSE_OWNER_URL') },
    ]);
  });

  it('is asked of its remote only when it is to be', async () => {
    await create('warehouse');
    const { body } = await call<{ links: Link[] }>('GET', `${path}?compare=0`);
    expect(body.links).toMatchObject([
      { name: 'warehouse', changes: null, changedTables: null, problems: [] },
    ]);
  });
});

describe('what can not be linked', () => {
  it.each([
    [400, 'invalid_request', { remote: 'WAREHOUSE_URL', as: 'Ware-House' }],
    [400, 'invalid_request', { remote: 'WAREHOUSE_URL', as: 'x', schema: 'x'.repeat(64) }],
    [400, 'invalid_request', { remote: 'WAREHOUSE_URL', name: 'x' }],
    [400, 'invalid_request', {}],
    [404, 'remote_not_found', { remote: 'NO_URL', as: 'x' }],
    [422, 'remote_refused', { remote: 'DATABASE_URL', as: 'x' }],
    [422, 'remote_refused', { remote: 'WAREHOUSE_URL', as: 'x', schema: 'nothing' }],
    [422, 'remote_refused', { remote: 'WRONG_URL', as: 'x' }],
    [400, 'invalid_request', { remote: 'CACHE_URL', as: 'x', writable: true }],
    [503, 'remote_unavailable', { remote: 'AWAY_URL', as: 'x' }],
    [503, 'remote_unavailable', { remote: 'CACHE_URL', as: 'x' }],
    [409, 'link_name_taken', { remote: 'WAREHOUSE_URL', as: 'public' }],
  ])('is answered with %s %s: %j', async (status, code, body) => {
    const answer = await call<{ code: string; detail: string }>('POST', path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.body.detail).toMatch(/^\S.+/);
    // A client that takes events hears the same: at once when nobody has to be asked, else in the end.
    const { response, rest } = await postForEvents(server, path, body);
    if (response.status !== 200)
      expect([response.status, await response.json()]).toEqual([status, answer.body]);
    else expect((await rest()).at(-1)).toEqual({ name: 'error', data: answer.body });
    expect(await list()).toEqual([]);
  });

  it('may be nothing that is there already', async () => {
    await create('warehouse');
    const again = await create('warehouse');
    expect([again.status, again.body]).toMatchObject([409, { code: 'link_name_taken' }]);
    expect(await list()).toHaveLength(1);
  });

  it('nobody may without the token', async () => {
    for (const [method, at] of [
      ['GET', path],
      ['POST', path],
      ['GET', `${path}/warehouse`],
      ['POST', `${path}/warehouse/refresh`],
      ['DELETE', `${path}/warehouse?confirm=warehouse`],
    ] as const)
      expect([method, at, (await server.fetch(at, { method })).status]).toEqual([method, at, 401]);
  });

  it('is in no database that is none', async () => {
    for (const [method, at] of [
      ['GET', '/api/databases/NO_URL/links'],
      ['DELETE', '/api/databases/NO_URL/links/x?confirm=x'],
    ] as const)
      expect((await call<{ code: string }>(method, at)).body.code).toBe('database_not_found');
    for (const [method, at] of [
      ['GET', `${path}/x`],
      ['POST', `${path}/x/refresh`],
      ['DELETE', `${path}/x?confirm=x`],
    ] as const)
      expect((await call<{ code: string }>(method, at)).body.code).toBe('link_not_found');
  });
});

describe('watched', () => {
  it('a creation and a refresh tell how far they are, and end with what they came to', async () => {
    const creation = await (
      await postForEvents(server, path, { remote: 'WAREHOUSE_URL', as: 'warehouse' })
    ).rest();
    expect(creation[0]).toEqual({
      name: 'progress',
      data: expect.objectContaining({ step: 'reading the remote' }),
    });
    expect(creation.at(-1)).toMatchObject({ name: 'done', data: { name: 'warehouse', tables: 2 } });
    await executeSql(remote.ownerUrl, 'CREATE TABLE shops (id int)');
    const refresh = await (await postForEvents(server, `${path}/warehouse/refresh`)).rest();
    expect(refresh.at(-1)).toMatchObject({
      name: 'done',
      data: { added: [{ name: 'shops' }], dryRun: false },
    });
    await executeSql(remote.ownerUrl, 'DROP TABLE shops');
  });

  it('a creation and a refresh that their clients leave change nothing', async () => {
    const other = await Observer.open(server.database.superuserUrl);
    const count = async (where: string) => {
      // In a transaction the activity stays as it was seen first.
      await other.rows('select pg_stat_clear_snapshot()');
      const owners = `datname = current_database() and usename like '%_owner'`;
      return (await other.rows(`select from pg_stat_activity where ${owners} and ${where}`)).length;
    };
    try {
      // Someone who makes a schema of that name and has not committed keeps the creation waiting.
      await other.rows('begin');
      await other.rows('create schema held');
      const creation = await postForEvents(server, path, { remote: 'WAREHOUSE_URL', as: 'held' });
      await waitFor(async () => (await count(`wait_event_type = 'Lock'`)) === 1, 10_000);
      creation.leave();
      await other.rows('rollback');
      await waitFor(async () => (await count('true')) === 0, 10_000);
      expect(await list()).toEqual([]);

      await create('warehouse');
      const before = await list();
      await executeSql(remote.ownerUrl, 'ALTER TABLE users ADD tier text');
      // A run that reads the table keeps the refresh waiting.
      await other.rows('begin');
      await other.rows('select from warehouse.users');
      const refresh = await postForEvents(server, `${path}/warehouse/refresh`);
      await waitFor(async () => (await count(`wait_event_type = 'Lock'`)) === 1, 10_000);
      refresh.leave();
      await waitFor(async () => (await count('true')) === 0, 10_000);
      await other.rows('rollback');
      expect(await list()).toEqual([
        { ...before[0], changes: [expect.anything()], changedTables: ['users'] },
      ]);
      await executeSql(remote.ownerUrl, 'ALTER TABLE users DROP tier');
    } finally {
      await other.end();
    }
    // Whoever left is no failure of the server.
    expect(server.logged.filter((line) => line.includes('run_cancelled'))).toEqual([]);
  });
});
