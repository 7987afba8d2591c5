/** Runs that are not saved, and the databases that they and clips run against. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import { type ClipAnswer, openTestServer, PageVisitor, type TestServer } from '../support/server.ts';

interface Run {
  readonly fields: readonly string[];
  readonly types: readonly string[];
  readonly values: readonly (readonly unknown[])[];
  readonly rowCount: number;
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly code?: string;
  readonly detail?: string;
}

interface Databases {
  readonly databases: readonly {
    readonly name: string;
    readonly reachable: boolean;
    readonly serverVersion: string | null;
    readonly databaseName: string | null;
    readonly login: string | null;
    readonly safe: boolean | null;
    readonly problems: readonly { readonly level: string; readonly message: string }[];
    readonly error: string | null;
  }[];
}

const postgresUrl = inject('postgresUrl');
let server: TestServer;

beforeAll(async () => {
  server = await openTestServer({
    postgresUrl,
    env: (database) => ({
      OWNER_LOGIN_URL: database.ownerUrl,
      DEAD_URL: 'postgres://reader:dead-password@127.0.0.1:1/nowhere',
    }),
  });
  await executeSql(
    server.database.ownerUrl,
    'create schema shop',
    'create table shop.orders (id int8 primary key, note text, paid numeric(10, 2) not null)',
    'create view shop.paid as select id from shop.orders',
  );
});
afterAll(() => server.close());

describe('POST /api/run', () => {
  const run = (sql: string, database?: string) =>
    server.call<Run>('POST', '/api/run', database ? { sql, database } : { sql });

  it('gives fields, types and values, digit for digit', async () => {
    const { status, headers, text, body } = await run(
      'select 9223372036854775807::int8 as big, 0.10000000000000000000000000001::numeric as n, null::text as t, \'{"b": 1}\'::json as j, array[1, 2] as a, 1 as a',
    );
    expect(status).toBe(200);
    expect(headers.get('Content-Type')).toBe('application/json');
    expect(text).toContain(
      '"values":[[9223372036854775807,0.10000000000000000000000000001,null,{"b": 1},[1,2],1]]',
    );
    expect(body).toMatchObject({
      fields: ['big', 'n', 't', 'j', 'a', 'a'],
      types: ['bigint', 'numeric', 'text', 'json', 'integer[]', 'integer'],
      rowCount: 1,
      truncated: false,
    });
    expect(Number.isInteger(body.durationMs) && body.durationMs >= 0).toBe(true);
  });

  it.each([
    [0, 0, false],
    [999, 999, false],
    [1000, 1000, false],
    [1001, 1000, true],
    [5_000_000, 1000, true],
  ])('cuts %i rows to %i, truncated: %s', async (rows, rowCount, truncated) => {
    const { body } = await run(`select n from generate_series(1, ${rows}) n`);
    expect([body.rowCount, body.values.length, body.truncated]).toEqual([rowCount, rowCount, truncated]);
    expect(body.values.at(-1)).toEqual(rowCount ? [rowCount] : undefined);
    await server.untilIdle(1000);
  });

  it.each([
    ['selec 1', 422, { code: 'sql_refused', sqlstate: '42601', line: 1, column: 1 }],
    ['select 1; select 2', 422, { code: 'sql_refused', sqlstate: '42601' }],
    ['-- nothing', 422, { code: 'sql_refused' }],
    ['select 1 / (n - 3) from generate_series(1, 9) n', 422, { code: 'sql_failed', sqlstate: '22012' }],
  ])('says what is wrong with %j', async (sql, status, problem) => {
    const answer = await run(sql);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject(problem);
  });

  it.each([
    ['an unknown database', { sql: 'select 1', database: 'NO_URL' }, 404, 'database_not_found'],
    ['a dead database', { sql: 'select 1', database: 'DEAD_URL' }, 503, 'database_unavailable'],
    ['no SQL', {}, 400, 'invalid_request'],
    ['an unknown key', { sql: 'select 1', limit: 5 }, 400, 'invalid_request'],
  ])('refuses %s', async (_, body, status, code) => {
    const answer = await server.call<Run>('POST', '/api/run', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.text).not.toContain('dead-password');
  });

  it('runs nothing with a login that may do more than read, and says why', async () => {
    const { status, body } = await run('select 1', 'OWNER_LOGIN_URL');
    expect([status, body.code]).toEqual([403, 'unsafe_login']);
    expect(body.detail).toContain('It owns the database.');
    expect(body.detail).toContain('pgclip databases harden OWNER_LOGIN_URL');
    const clip = { name: 'n', sql: 'select 1', database: 'OWNER_LOGIN_URL' };
    for (const mode of ['live', 'frozen']) {
      expect((await server.call('POST', '/api/clips', { ...clip, mode })).status).toBe(403);
    }
  });
});

describe('GET /api/databases', () => {
  it('says of each whether it answers and whether its login is safe', async () => {
    const { status, text, body } = await server.call<Databases>('GET', '/api/databases');
    expect(status).toBe(200);
    const { name } = server.database;
    const reached = {
      reachable: true,
      serverVersion: expect.stringMatching(/^\d+\.\d+$/),
      databaseName: name,
      error: null,
    };
    const unknown = { serverVersion: null, databaseName: null, login: null, safe: null, problems: [] };
    expect(body.databases).toEqual([
      { ...reached, name: 'DATABASE_URL', login: `${name}_reader`, safe: true, problems: [] },
      { ...unknown, name: 'DEAD_URL', reachable: false, error: expect.stringContaining('ECONNREFUSED') },
      {
        ...reached,
        name: 'OWNER_LOGIN_URL',
        login: `${name}_owner`,
        safe: false,
        problems: expect.arrayContaining([{ level: 'refuse', message: 'It owns the database.' }]),
      },
    ]);
    expect(text).not.toContain('password');
  });

  it('gives the tables and columns that the login can read', async () => {
    const { status, body } = await server.call<{ schemas: { name: string }[] }>(
      'GET',
      '/api/databases/DATABASE_URL/schema',
    );
    expect(status).toBe(200);
    expect(body.schemas.find(({ name }) => name === 'shop')).toEqual({
      name: 'shop',
      link: null,
      tables: [
        {
          name: 'orders',
          kind: 'table',
          columns: [
            { name: 'id', type: 'bigint', nullable: false },
            { name: 'note', type: 'text', nullable: true },
            { name: 'paid', type: 'numeric(10,2)', nullable: false },
          ],
        },
        { name: 'paid', kind: 'view', columns: [{ name: 'id', type: 'bigint', nullable: true }] },
      ],
    });
  });

  it.each([
    ['NO_URL', 404, 'database_not_found'],
    ['DEAD_URL', 503, 'database_unavailable'],
    ['OWNER_LOGIN_URL', 403, 'unsafe_login'],
  ])('refuses the schema of %s', async (name, status, code) => {
    const answer = await server.call<Run>('GET', `/api/databases/${name}/schema`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe('the default database', () => {
  const bare = (env: Record<string, string>) => openTestServer({ postgresUrl, env: () => env });

  it('is DATABASE_URL among several', async () => {
    expect((await server.save({ sql: 'select 1' })).database).toBe('DATABASE_URL');
  });

  it('is the only one, whatever its name', async () => {
    const other = await openTestServer({
      postgresUrl,
      env: (database) => ({ DATABASE_URL: '', SHOP_URL: database.readerUrl }),
    });
    expect((await other.save({ sql: 'select 1' })).database).toBe('SHOP_URL');
    await other.close();
  });

  it('has to be named among several without DATABASE_URL', async () => {
    const other = await openTestServer({
      postgresUrl,
      env: ({ readerUrl }) => ({ DATABASE_URL: '', A_URL: readerUrl, B_URL: readerUrl }),
    });
    for (const [path, body] of [
      ['/api/run', { sql: 'select 1' }],
      ['/api/clips', { name: 'n', sql: 'select 1' }],
    ] as const) {
      const answer = await other.call<Run>('POST', path, body);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
      expect(answer.body.detail).toContain('A_URL, B_URL');
    }
    expect((await other.save({ sql: 'select 1', database: 'B_URL' })).database).toBe('B_URL');
    await other.close();
  });

  it('is missing where none is configured, and pages say what to set', async () => {
    const other = await bare({ DATABASE_URL: '' });
    const answer = await other.call<Run>('POST', '/api/run', { sql: 'select 1' });
    expect([answer.status, answer.body.code]).toEqual([400, 'invalid_request']);
    expect(answer.body.detail).toContain('DATABASE_URL');
    const page = await (await new PageVisitor(other).signIn()).get('/clips/new');
    expect(page.text).toContain('DATABASE_URL');
    expect((await other.fetch('/readyz')).status).toBe(200);
    await other.close();
  });
});

describe('PGCLIP_ALLOW_UNSAFE_LOGIN=1', () => {
  it('runs clips with an unsafe login, and every page says so', async () => {
    const other = await openTestServer({
      postgresUrl,
      env: (database) => ({ DATABASE_URL: database.superuserUrl, PGCLIP_ALLOW_UNSAFE_LOGIN: '1' }),
    });
    const clip = await other.save({ sql: 'select 1 as one', mode: 'frozen' });
    const live = await other.save({ sql: 'select 1 as one' });
    expect(await (await other.fetch(`${live.url}.csv`)).text()).toBe('one\n1\n');
    const visitor = await new PageVisitor(other).signIn();
    const stranger = new PageVisitor(other);
    const pages = [
      ...['/', '/clips/new', `/clips/${clip.id}`, `/clips/${clip.id}/edit`, '/docs', '/no-such-page'].map(
        (path) => [visitor, path] as const,
      ),
      ...[clip.url, live.url, `${clip.snapshot?.url}`, '/sign-in', '/c/nothing'].map(
        (path) => [stranger, path] as const,
      ),
    ];
    for (const [who, path] of pages) {
      const { text } = await who.get(path);
      expect(path + text.includes('<strong>Unsafe login.</strong>')).toBe(`${path}true`);
    }
    expect(other.logged.some((line) => line.includes('It is a superuser'))).toBe(true);
    await other.close();
  });

  it('shows no banner where every login is safe', async () => {
    const other = await openTestServer({ postgresUrl, env: () => ({ PGCLIP_ALLOW_UNSAFE_LOGIN: '1' }) });
    const clip: ClipAnswer = await other.save({ sql: 'select 1' });
    const { text } = await new PageVisitor(other).get(clip.url);
    expect(text).not.toContain('Unsafe login');
    await other.close();
  });
});
