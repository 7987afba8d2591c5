/** Links of a Redis over a whole server with its gateway: the API, the command line, the pages, and clips that read it. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { CliError } from '../../src/cli/terminal.ts';
import { allowLinks } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { openTestServer, PageVisitor, type TestServer, testToken } from '../support/server.ts';

let redis: RedisServer;
let server: TestServer;
const path = '/api/databases/DATABASE_URL/links';

beforeAll(async () => {
  redis = await startRedis();
  const client = await connect(redis);
  await client('SET app:1 11', 'SET app:2 22', 'SET other x');
  server = await openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: ({ ownerUrl }) => ({ DATABASE_OWNER_URL: ownerUrl, CACHE_URL: redis.url, GATEWAY_PORT: '0' }),
  });
  await allowLinks(server.database);
});
afterAll(async () => {
  await server?.close();
  await redis?.stop();
});

async function connect({ port }: RedisServer) {
  const { Socket } = await import('node:net');
  return async (...commands: readonly string[]) => {
    const socket = new Socket().connect(port, '127.0.0.1');
    for (const command of commands) {
      socket.write(`${command}\r\n`);
      await once(socket, 'data');
    }
    socket.destroy();
  };
}

/** Runs a command in this process until it ends, or until it has printed something and is told to. */
async function cli(args: string, env: Record<string, string> = {}, stopAt?: string) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const stop = new AbortController();
  let printed = '';
  stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
    if (stopAt !== undefined && printed.includes(stopAt)) stop.abort();
  });
  stdin.end();
  const tty = { isTTY: false };
  const terminal = {
    env: { PGCLIP_URL: server.url, PGCLIP_TOKEN: testToken, ...env },
    ...{
      stdin: Object.assign(stdin, tty),
      stdout: Object.assign(stdout, tty),
      stderr: Object.assign(stderr, tty),
    },
    signal: stop.signal,
  };
  const errors = text(stderr);
  await makeProgram(terminal)
    .parseAsync(['node', 'pgclip', ...args.split(' ')])
    .catch((error: unknown) => {
      if (!(error instanceof CliError)) throw error;
      stderr.write(`pgclip: ${error.message}\n`);
    });
  stderr.end();
  return { stdout: printed, stderr: await errors };
}

const rowsOf = async (sql: string) => {
  const { url } = await server.save({ sql });
  const response = await server.fetch(`${url}.csv`);
  return [response.status, await response.text()];
};

describe('a link of a Redis', () => {
  it('is made by the command line, listed, and read by a clip', async () => {
    const made = await cli('links create CACHE_URL DATABASE_URL --as hredis --prefix app:');
    expect(made).toEqual({ stdout: 'DATABASE_URL: CACHE_URL is linked as hredis, 7 tables\n', stderr: '' });
    const { stdout } = await cli('links');
    expect(stdout).toContain(
      '\nRemote: CACHE_URL (Redis database 0, keys app:*)\nRemote Name: hredis_server\nTables: 7\n',
    );
    expect(
      await rowsOf(
        'SELECT n, value FROM generate_series(1, 2) n JOIN hredis.redis ON key = n::text ORDER BY n',
      ),
    ).toEqual([200, 'n,value\n1,11\n2,22\n']);
    expect((await cli('links refresh DATABASE_URL hredis')).stdout).toContain('as its remote');
    expect((await cli('links destroy DATABASE_URL hredis --confirm hredis')).stdout).toContain('removed');
  });

  it('is told by the API for what it is', async () => {
    const made = await server.call('POST', path, { remote: 'CACHE_URL', writable: true });
    const link = {
      name: 'cache',
      kind: 'redis',
      redis: { prefix: '', writable: true },
      remoteDatabase: '0',
      tables: 7,
    };
    expect([made.status, made.body]).toMatchObject([201, { ...link, changes: [], warnings: [] }]);
    expect((await server.call('GET', `${path}/cache`)).body).toMatchObject({
      ...link,
      changes: [],
      problems: [],
    });
    const { url } = await server.save({ sql: 'SELECT count(*) FROM cache.redis' });
    // Someone has changed its login, as a new token does.
    await executeSql(
      server.database.ownerUrl,
      "ALTER USER MAPPING FOR CURRENT_USER SERVER cache_server OPTIONS (SET password 'another')",
    );
    const failed = await server.fetch(`${url}.json`);
    expect(await failed.json()).toMatchObject({ code: 'link_outdated' });
    expect((await server.call('POST', `${path}/cache/refresh`)).body).toMatchObject({
      changed: [{ kind: 'login', detail: 'password' }],
    });
    expect(await rowsOf('SELECT count(*) FROM cache.redis')).toEqual([200, 'count\n3\n']);
    expect((await server.call('DELETE', `${path}/cache?confirm=cache`)).status).toBe(204);
  });

  it('is made on the page of the databases', async () => {
    const visitor = await new PageVisitor(server).signIn();
    expect((await visitor.get('/databases')).text).toContain('value="CACHE_URL"');
    const form = { database: 'DATABASE_URL', remote: 'CACHE_URL', as: 'paged', schema: '', prefix: 'app:' };
    const made = await visitor.submit('/databases', form);
    expect([made.status, made.headers.get('location')]).toEqual([303, '/databases/DATABASE_URL/links/paged']);
    const page = (await visitor.get('/databases/DATABASE_URL/links/paged')).text;
    expect(page).toMatch(/Redis database 0, keys app:\*</);
    expect(page).toContain('Up to date');
    expect((await server.call('DELETE', `${path}/paged?confirm=paged`)).status).toBe(204);
    await visitor.submit('/databases', { ...form, writable: '1' });
    const [link] = (await server.call<{ links: object[] }>('GET', path)).body.links;
    expect(link).toMatchObject({ name: 'paged', redis: { prefix: 'app:', writable: true } });
    expect((await server.call('DELETE', `${path}/paged?confirm=paged`)).status).toBe(204);
    const refused = await visitor.submit('/databases', {
      ...form,
      prefix: 'x'.repeat(513),
      writable: '1',
    });
    expect(refused.status).toBe(400);
    expect(refused.text).toMatch(/-prefix-error"[^>]*>The prefix may have 512 bytes at most/);
    expect(refused.text).toMatch(/name="writable"[^>]* checked/);
  });

  it.each([
    [{ remote: 'CACHE_URL', schema: 'other' }, 'schema'],
    [{ remote: 'CACHE_URL', prefix: 'a\0' }, 'prefix'],
    [{ remote: 'CACHE_URL', prefix: 'x'.repeat(513) }, 'prefix'],
  ])('is not made with what it can not have: %j', async (body, field) => {
    const { status, body: problem } = await server.call('POST', path, body);
    expect([status, problem]).toMatchObject([400, { code: 'invalid_request' }]);
    expect(JSON.stringify(problem)).toContain(field);
  });
});

describe('a link of a Redis without a gateway', () => {
  let alone: TestServer;
  beforeAll(async () => {
    alone = await openTestServer({
      postgresUrl: inject('postgresUrl'),
      env: ({ ownerUrl }) => ({ DATABASE_OWNER_URL: ownerUrl, CACHE_URL: redis.url }),
    });
  });
  afterAll(() => alone?.close());

  it('is made by the command line, told for what it is, read by a clip at once, removed', async () => {
    const env = { PGCLIP_URL: alone.url };
    const refused = await cli('links create CACHE_URL DATABASE_URL --as hredis --writable', env);
    expect(refused.stderr).toMatch(/^pgclip: The option writable needs .*GATEWAY_PORT/);
    const made = await cli('links create CACHE_URL DATABASE_URL --as hredis --prefix app:', env);
    expect(made).toEqual({ stdout: 'DATABASE_URL: CACHE_URL is linked as hredis, 7 tables\n', stderr: '' });
    const { url } = await alone.save({
      sql: 'SELECT n, value FROM generate_series(1, 2) n JOIN hredis.redis ON key = n::text ORDER BY n',
    });
    expect(await (await alone.fetch(`${url}.csv`)).text()).toBe('n,value\n1,11\n2,22\n');
    expect((await cli('links', env)).stdout).toContain(
      '\nRemote: CACHE_URL (Redis database 0, keys app:*, read by pgclip itself, without a gateway)\nRemote Name: none\nTables: 7\n',
    );
    expect(JSON.parse((await cli('links --json', env)).stdout)).toMatchObject([
      { links: [{ server: null, redis: { prefix: 'app:', writable: false, gateway: false } }] },
    ]);
    expect((await cli('links refresh DATABASE_URL hredis', env)).stdout).toContain('as its remote');
    const removed = await cli('links destroy DATABASE_URL hredis --confirm hredis', env);
    expect(removed.stdout).toContain('removed');
  });

  it('is made on the page of the databases', async () => {
    const visitor = await new PageVisitor(alone).signIn();
    const form = { database: 'DATABASE_URL', remote: 'CACHE_URL', as: 'paged', schema: '', prefix: '' };
    const refused = await visitor.submit('/databases', { ...form, writable: '1' });
    expect([refused.status, refused.text]).toEqual([
      400,
      expect.stringMatching(/-writable-error"[^>]*>The option writable needs .*GATEWAY_PORT/),
    ]);
    const made = await visitor.submit('/databases', form);
    expect([made.status, made.headers.get('location')]).toEqual([303, '/databases/DATABASE_URL/links/paged']);
    const page = (await visitor.get('/databases/DATABASE_URL/links/paged')).text;
    expect(page).toContain('read by pgclip itself, without a gateway');
    expect(page).toContain('<dt>Foreign server</dt><dd>none</dd>');
    expect((await alone.call('DELETE', `${path}/paged?confirm=paged`)).status).toBe(204);
  });
});

describe('pgclip gateway', () => {
  const env = { API_TOKEN: testToken, GATEWAY_PORT: '0' };
  it('serves until it is told to stop', async () => {
    const { stdout, stderr } = await cli('gateway', { ...env, CACHE_URL: redis.url }, 'answers');
    expect(stdout).toMatch(/^The gateway answers at 127\.0\.0\.1:\d+\n$/);
    expect(stderr).toBe('');
  });

  it.each([
    [{ GATEWAY_PORT: '' }, /GATEWAY_PORT is missing/],
    [{ API_TOKEN: '', PGCLIP_DIR: '/nowhere' }, /API_TOKEN is missing/],
    [{ CACHE_URL: '' }, /no Redis/],
    [{ GATEWAY_TLS_CERT: '/nowhere/cert', GATEWAY_TLS_KEY: '/nowhere/key' }, /GATEWAY_TLS_CERT.*ENOENT/],
  ])('says what keeps it from it: %j', async (more, message) => {
    const given: Record<string, string> = { ...env, CACHE_URL: redis.url, ...more };
    expect((await cli('gateway', given)).stderr).toMatch(message);
  });

  it('says that its port is taken', async () => {
    const port = String(redis.port);
    expect((await cli('gateway', { ...env, CACHE_URL: redis.url, GATEWAY_PORT: port })).stderr).toMatch(
      new RegExp(`port ${port} of 127.0.0.1 is taken; set GATEWAY_PORT`),
    );
  });
});
