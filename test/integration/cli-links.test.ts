/** `pgclip links` and `pgclip explain`, over a server with two databases. PostgreSQL 18 links a 15. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { CliError } from '../../src/cli/terminal.ts';
import { type CliResult, spawnCli } from '../support/cli.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { Observer } from '../support/runs.ts';
import { openTestServer, type TestServer, testToken, waitFor } from '../support/server.ts';

let remote: TestDatabase;
/** Between the server and the remote. */
let relay: Relay;
let server: TestServer;

beforeAll(async () => {
  remote = await createTestDatabase(inject('postgres15Url'));
  relay = await openRelay(Number(new URL(remote.readerUrl).port));
  const through = new URL(remote.readerUrl);
  through.host = `127.0.0.1:${relay.port}`;
  await executeSql(
    remote.ownerUrl,
    'CREATE TABLE users (id int, plan text)',
    "INSERT INTO users VALUES (1, 'free'), (2, 'paid')",
    'CREATE TABLE orders (user_id int, total numeric)',
    'INSERT INTO orders VALUES (2, 9.50)',
  );
  server = await openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: ({ ownerUrl }) => ({ DATABASE_OWNER_URL: ownerUrl, WAREHOUSE_URL: through.href }),
  });
  await executeSql(
    server.database.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${server.database.name}_owner`,
  );
});
afterAll(async () => {
  await server.close();
  await relay.close();
  await remote.drop();
});
beforeEach(async () => {
  const at = '/api/databases/DATABASE_URL/links';
  const { body } = await server.call<{ links: { name: string }[] }>('GET', `${at}?compare=0`);
  for (const { name } of body.links) await server.call('DELETE', `${at}/${name}?confirm=${name}`);
});

/** Runs a command in this process. `answer`: there is a person at a terminal, who types this. */
async function cli(args: string, answer?: string): Promise<CliResult> {
  const output = () => Object.assign(new PassThrough(), { isTTY: false });
  const [stdin, stdout, stderr] = [new PassThrough(), output(), output()];
  stdin.end(answer === undefined ? '' : `${answer}\n`);
  const terminal = {
    env: { PGCLIP_URL: server.url, PGCLIP_TOKEN: testToken },
    stdin: Object.assign(stdin, { isTTY: answer !== undefined }),
    stdout,
    stderr,
    signal: new AbortController().signal,
  };
  const code = await makeProgram(terminal)
    .parseAsync(['node', 'pgclip', ...args.split(' ')])
    .then(
      () => 0,
      (error: unknown) => {
        if (!(error instanceof CliError)) throw error;
        stderr.write(`pgclip: ${error.message}\n`);
        return error.exitCode;
      },
    );
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** What a command printed, when it printed nothing but that. */
async function printed(args: string): Promise<string> {
  const { code, stdout, stderr } = await cli(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const create = () => printed('links create WAREHOUSE_URL DATABASE_URL --as warehouse');

it('makes links and lists them by database', async () => {
  const nothing = 'No data sources are linked into this database.\n';
  const local = `=== DATABASE_URL (${server.database.name})\n`;
  const other = `=== WAREHOUSE_URL (${remote.name})\n${nothing}`;
  expect(await printed('links')).toBe(`${local}${nothing}${other}`);
  expect(await create()).toBe('DATABASE_URL: WAREHOUSE_URL is linked as warehouse, 2 tables\n');
  await executeSql(remote.ownerUrl, 'ALTER TABLE users ADD tier text');
  const now = new Date().toISOString().slice(0, 10);
  const listed = await printed('links');
  expect(listed.replace(/\d\d:\d\d UTC/, '08:15 UTC')).toBe(`${local}==== warehouse
Created: ${now} 08:15 UTC
Remote: WAREHOUSE_URL (${remote.name})
Remote Name: warehouse_server
Tables: 2 (1 changed on the remote since ${now}, refresh to see it)
${other}`);
  expect(JSON.parse(await printed('links --json'))).toMatchObject([
    { database: 'DATABASE_URL', links: [{ name: 'warehouse', changedTables: ['users'] }], error: null },
    { database: 'WAREHOUSE_URL', links: [] },
  ]);
  await executeSql(remote.ownerUrl, 'ALTER TABLE users DROP tier');
});

it('lists a link whose remote is away, and says so', async () => {
  await create();
  await relay.stop();
  try {
    const { code, stdout } = await cli('links');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/\nTables: 2\nBroken: .+\n=== WAREHOUSE_URL \(not reachable\)\n/),
    ]);
  } finally {
    await relay.start();
  }
});

it('says in one line what can’t be linked', async () => {
  const failing = async (args: string) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^pgclip: .+[.]\n$/);
    return stderr;
  };
  expect(await failing('links create NO_URL DATABASE_URL')).toContain('WAREHOUSE_URL');
  expect(await failing('links create WAREHOUSE_URL NO_URL')).toContain('DATABASE_URL');
  const misnamed = await failing('links create WAREHOUSE_URL DATABASE_URL --as Not-A-Name');
  expect(misnamed.match(/lower-case/g)).toHaveLength(1);
  expect(await failing('links create WAREHOUSE_URL DATABASE_URL --schema nothing')).toContain('nothing');
  expect(await failing('links refresh DATABASE_URL warehouse')).toContain('no data link');
  expect(await failing('links destroy DATABASE_URL warehouse')).toContain('no data link');
  expect(await cli('links delete DATABASE_URL warehouse')).toEqual({
    code: 2,
    stdout: '',
    stderr: 'pgclip: links has no command "delete". It has create, refresh, destroy.\n',
  });
});

it('tells the owner of a clip which link is to be refreshed', async () => {
  await create();
  const clip = await server.save({ name: 'Plans', sql: 'select plan from warehouse.users' });
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME plan TO tier');
  const told = await cli(`get ${clip.id}`);
  expect([told.code, told.stdout]).toEqual([1, '']);
  expect(told.stderr).toContain('pgclip links refresh DATABASE_URL warehouse');
  const stranger = await cli(`get ${clip.url}`);
  expect(stranger.stderr).toMatch(/^pgclip: A remote .+ has changed/);
  expect(stranger.stderr).not.toContain('warehouse');
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME tier TO plan');
  await server.call('DELETE', `/api/clips/${clip.id}`);
});

it('refreshes one, or tells what that would do', async () => {
  await create();
  await executeSql(
    server.database.ownerUrl,
    'CREATE VIEW public.plans AS SELECT plan FROM warehouse.users',
    'CREATE VIEW public.totals AS SELECT total FROM warehouse.orders',
  );
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME plan TO tier', 'CREATE TABLE shops (id int)');
  const told = await printed('links refresh DATABASE_URL warehouse --dry-run');
  expect(told).toMatch(/^added table shops.*$/m);
  expect(told).toMatch(/^removed column users[.]plan.*$/m);
  expect(told).toMatch(/\nDATABASE_URL warehouse: would be \d added, 0 changed, \d removed\n$/);
  const done = await printed('links refresh DATABASE_URL warehouse');
  expect(done).toMatch(/^removed view public[.]plans\n {2}.*CREATE.* VIEW/m);
  expect(done).not.toContain('totals');
  expect(done).toMatch(/\nDATABASE_URL warehouse: \d added, 0 changed, \d removed\n$/);
  expect(await printed('links refresh DATABASE_URL warehouse')).toBe(
    'DATABASE_URL warehouse: as its remote\n',
  );
  const json = JSON.parse(await printed('links refresh DATABASE_URL warehouse --json'));
  expect(json).toMatchObject({ added: [], changed: [], removed: [], dryRun: false });
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME tier TO plan', 'DROP TABLE shops');
});

it('refreshes all of them, and goes on after one that fails', async () => {
  await create();
  await printed('links create WAREHOUSE_URL DATABASE_URL --as another');
  expect(await printed('links refresh --all')).toBe(
    'DATABASE_URL another: as its remote\nDATABASE_URL warehouse: as its remote\n',
  );
  // A table of someone else's that the refresh would need to take away.
  await executeSql(remote.ownerUrl, 'CREATE TABLE shops (id int)');
  await executeSql(server.database.superuserUrl, 'CREATE TABLE another.shops ()');
  const { code, stdout, stderr } = await cli('links refresh --all');
  expect([code, stdout]).toEqual([1, 'DATABASE_URL warehouse: 1 added, 0 changed, 0 removed\n']);
  expect(stderr).toMatch(
    /^pgclip: DATABASE_URL another: .+\npgclip: 1 of 2 links could not be refreshed[.]\n$/,
  );
  await executeSql(server.database.superuserUrl, 'DROP TABLE another.shops');
  await executeSql(remote.ownerUrl, 'DROP TABLE shops');
  expect((await cli('links refresh DATABASE_URL')).code).toBe(2);
  expect((await cli('links refresh DATABASE_URL warehouse --all')).code).toBe(2);
});

it('keeps what a refresh of all takes away, and the lines for an administrator', async () => {
  await create();
  await executeSql(
    server.database.ownerUrl,
    'CREATE VIEW public.plans AS SELECT plan FROM warehouse.users',
    'CREATE VIEW public.totals AS SELECT total FROM warehouse.orders',
  );
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME plan TO tier');
  expect(await printed('links refresh --all')).toMatch(
    /^DATABASE_URL warehouse: 1 added, 0 changed, 2 removed\nremoved view public[.]plans\n {2}CREATE VIEW .+\n( {2}.+\n)+$/,
  );
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME tier TO plan');
  await executeSql(server.database.superuserUrl, 'ALTER SCHEMA warehouse OWNER TO CURRENT_USER');
  const { code, stderr } = await cli('links refresh --all');
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^pgclip: DATABASE_URL warehouse: .+:\nALTER SCHEMA .+;\npgclip: 1 of 1 link could not be refreshed[.]\n$/,
  );
  await executeSql(
    server.database.superuserUrl,
    `ALTER SCHEMA warehouse OWNER TO ${server.database.name}_owner`,
  );
  await executeSql(server.database.ownerUrl, 'DROP VIEW public.totals');
});

it('removes one when its name is typed or given, and shows what uses it', async () => {
  await create();
  const clip = await server.save({ name: 'Plans\u001b[31m', sql: 'table warehouse.users' });
  await executeSql(server.database.ownerUrl, 'CREATE VIEW public.plans AS SELECT plan FROM warehouse.users');
  const shown = `Warning: this removes the schema warehouse with its 2 tables from DATABASE_URL. WAREHOUSE_URL stays as it is.
Clips that use it, and will fail from then on (frozen ones go on showing their snapshots):
- ${clip.id} Plans\ufffd[31m
What goes with it:
- view public.plans
`;
  const nobody = await cli('links destroy DATABASE_URL warehouse');
  expect(nobody).toEqual({
    code: 1,
    stdout: '',
    stderr: `${shown}pgclip: warehouse was not removed; --confirm warehouse removes it.\n`,
  });
  for (const wrong of [
    await cli('links destroy DATABASE_URL warehouse', 'y'),
    await cli('links destroy DATABASE_URL warehouse --confirm warehose'),
  ]) {
    expect([wrong.code, wrong.stdout]).toEqual([1, '']);
    expect(wrong.stderr).toMatch(/warehouse was not removed; what was given is another name[.]\n$/);
  }
  const typed = await cli('links destroy DATABASE_URL warehouse', 'warehouse');
  expect([typed.code, typed.stdout]).toEqual([0, 'DATABASE_URL warehouse: removed\n']);
  await create();
  const given = await cli('links destroy DATABASE_URL warehouse --confirm warehouse');
  expect([given.code, given.stdout]).toEqual([0, 'DATABASE_URL warehouse: removed\n']);
  await server.call('DELETE', `/api/clips/${clip.id}`);
});

it('is cancelled by Ctrl-C, and says what is', async () => {
  const other = await Observer.open(server.database.superuserUrl);
  const count = async (where: string) => {
    // In a transaction the activity stays as it was seen first.
    await other.rows('select pg_stat_clear_snapshot()');
    const owners = `datname = current_database() and usename like '%_owner'`;
    return (await other.rows(`select from pg_stat_activity where ${owners} and ${where}`)).length;
  };
  const interrupt = async (...args: string[]) => {
    const child = spawnCli(args, { env: { PGCLIP_URL: server.url, PGCLIP_TOKEN: testToken } });
    const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    await waitFor(async () => (await count(`wait_event_type = 'Lock'`)) === 1, 10_000);
    child.kill('SIGINT');
    const [stdout, stderr] = await output;
    return [child.exitCode, stdout, stderr];
  };
  try {
    await other.rows('begin');
    await other.rows('create schema warehouse');
    expect(await interrupt('links', 'create', 'WAREHOUSE_URL', 'DATABASE_URL', '--as', 'warehouse')).toEqual([
      130,
      '',
      'pgclip: cancelled; DATABASE_URL has no new link.\n',
    ]);
    await other.rows('rollback');
    await waitFor(async () => (await count('true')) === 0, 10_000);
    expect(await printed('links refresh --all')).toBe('');

    await create();
    await executeSql(remote.ownerUrl, 'ALTER TABLE users ADD tier text');
    await other.rows('begin');
    await other.rows('select from warehouse.users');
    for (const which of [['DATABASE_URL', 'warehouse'], ['--all']]) {
      const ended = await interrupt('links', 'refresh', ...which);
      expect(ended).toEqual([130, '', 'pgclip: cancelled; the link is as it was.\n']);
      await waitFor(async () => (await count('true')) === 0, 10_000);
    }
    await other.rows('rollback');
    await executeSql(remote.ownerUrl, 'ALTER TABLE users DROP tier');
  } finally {
    await other.end();
  }
});

it('explains where a clip’s query runs', async () => {
  await create();
  const joining = await server.save({
    sql: 'select plan, sum(total) from warehouse.users join warehouse.orders on user_id = id group by 1',
  });
  expect(await printed(`explain ${joining.id}`)).toMatch(
    /^2 tables joined and aggregated on warehouse, 1 row fetched\n$/,
  );
  expect(await printed(`explain ${joining.id} --plan`)).toMatch(
    /warehouse, 1 row fetched\n\nForeign Scan.*\n {2}/,
  );
  expect(JSON.parse(await printed(`explain ${joining.id} --json`))).toMatchObject({
    summary: [expect.any(String)],
    remoteParts: [{ link: 'warehouse', times: 1, rows: 1 }],
  });
  const own = await server.save({ name: 'Own', sql: 'select 1 as one' });
  expect(await printed('explain Own')).toBe('Everything ran in the database itself.\n');
  for (const { id } of [joining, own]) await server.call('DELETE', `/api/clips/${id}`);
});
