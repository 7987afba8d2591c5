import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type CliResult, readUntil, runCli, spawnCli } from '../support/cli.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let dir: string;
let server: ChildProcessWithoutNullStreams;
let env: Record<string, string>;
let started: string;

const cli = (...args: string[]): Promise<CliResult> => runCli(args, { env, cwd: dir });

/** What a command printed, when it printed nothing but that. */
async function printed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(database.ownerUrl, 'CREATE TABLE fruit AS SELECT 1 AS id, $$kiwi$$ AS name');
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-cli-'));
  const databases = { DATABASE_URL: database.readerUrl, DATABASE_OWNER_URL: database.superuserUrl };
  server = spawnCli(['serve'], { cwd: dir, env: { ...databases, PORT: '0', PGCLIP_DIR: dir } });
  [started = ''] = await readUntil(server, /^pgclip answers at (\S+)\nSign in: \S+\n/);
  const url = /http\S+/.exec(started)?.[0] ?? '';
  env = { ...databases, PGCLIP_URL: url, PGCLIP_DIR: dir };
});

afterAll(async () => {
  server.kill('SIGKILL');
  await database.drop();
  await rm(dir, { recursive: true });
});

describe('pgclip serve', () => {
  it('keeps a made token where only we can read it, and prints its sign-in URL', async () => {
    const token = (await readFile(join(dir, 'token'), 'utf8')).trim();
    expect(token).toMatch(/^[\w-]{32,}$/);
    expect(started).toContain(`Sign in: ${env.PGCLIP_URL}/sign-in?token=${token}\n`);
    expect((await stat(join(dir, 'token'))).mode & 0o777).toBe(0o600);
  });

  it('says in one line that its port is taken', async () => {
    const port = new URL(env.PGCLIP_URL ?? '').port;
    const result = await runCli(['serve'], { cwd: dir, env: { PORT: port, API_TOKEN: '0123456789abcdef' } });
    expect(result).toEqual({
      code: 1,
      stdout: '',
      stderr: `pgclip: port ${port} of 127.0.0.1 is taken; set PORT to another.\n`,
    });
  });

  it('prints one line, no token of the environment, and ends well when asked to', async () => {
    const token = '0123456789abcdef';
    const other = spawnCli(['serve'], { cwd: dir, env: { PORT: '0', API_TOKEN: token, PGCLIP_DIR: dir } });
    const closed = once(other, 'close');
    const [output] = await readUntil(other, /.*\n/);
    expect(output).toMatch(/^pgclip answers at http:\/\/127\.0\.0\.1:\d+\n$/);
    other.kill('SIGTERM');
    expect(await closed).toEqual([0, null]);
  });
});

describe('clips on the command line', () => {
  it('go from SQL to a URL to bytes and away', async () => {
    const url = (await printed('create', 'TABLE fruit', '--name', 'Fruit')).trim();
    expect(url).toMatch(/^http.*\/c\/[\w-]{22}$/);
    expect(await printed('get', url)).toBe('id,name\n1,kiwi\n');
    expect(await printed('clips')).toMatch(/^ID .*CHANGED\n\w{12} {2}Fruit +live +DATABASE_URL +\S+ \S+Z\n$/);

    const [clip] = JSON.parse(await printed('clips', '--json', '--query', 'fruit'));
    for (const means of [clip.id, 'Fruit', clip.slug, url, `${url}.csv`])
      expect(JSON.parse(await printed('show', means, '--json'))).toMatchObject({ id: clip.id });
    expect(await printed('show', 'Fruit')).toMatch(/TABLE fruit\n$/);

    expect(await printed('freeze', 'Fruit')).toMatch(/^Fruit: frozen, 1 row, sha256 \w{12}, http\S+\n$/);
    expect(await printed('thaw', 'Fruit')).toBe(`Fruit: live, ${url}\n`);
    expect(await printed('edit', 'Fruit', 'SELECT name FROM fruit', '--name', 'Names')).toBe(
      `Names: revision 2, ${url}\n`,
    );
    const rotated = (await printed('rotate', 'Names')).trim();
    expect(await cli('get', url)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^pgclip: .+\n$/) });
    expect(await printed('get', rotated)).toBe('name\nkiwi\n');

    expect(await cli('rm', 'Names')).toMatchObject({ code: 1, stderr: expect.stringContaining('--yes') });
    expect(await printed('rm', 'Names', '--yes')).toBe('Names: removed\n');
    expect(await cli('show', 'Names')).toMatchObject({
      code: 1,
      stderr: 'pgclip: there is no clip "Names".\n',
    });
  });

  it('take their SQL from a file or stdin, and may be frozen from the start', async () => {
    await writeFile(join(dir, 'query.sql'), 'SELECT 1 AS a');
    const made = JSON.parse(
      await printed('create', '-f', 'query.sql', '--name', 'File', '--frozen', '--json'),
    );
    expect(made).toMatchObject({ sql: 'SELECT 1 AS a', mode: 'frozen', snapshot: { rowCount: 1 } });
    const result = await runCli(['edit', 'File', '-'], { env, cwd: dir, input: 'SELECT 2 AS a' });
    expect(result.stdout).toMatch(/^File: revision 2/);
    await printed('rm', '-y', 'File');
  });

  it('of one name are told apart by their ids', async () => {
    for (const sql of ['SELECT 1', 'SELECT 2']) await printed('create', sql, '--name', 'Twin');
    const twins = JSON.parse(await printed('clips', '--query', 'Twin', '--json'));
    const ids = twins.map((clip: { id: string }) => clip.id).join(', ');
    expect((await cli('show', 'Twin')).stderr).toBe(
      `pgclip: 2 clips have the name "Twin"; use an id: ${ids}.\n`,
    );
    for (const { id } of twins) await printed('rm', '-y', id);
  });

  it('go into files of the format that the name says', async () => {
    const url = (await printed('create', 'TABLE fruit', '--name', 'Book')).trim();
    expect(await printed('get', 'Book', '-o', 'book.xlsx')).toBe('');
    expect((await readFile(join(dir, 'book.xlsx'))).subarray(0, 2).toString()).toBe('PK');
    expect(JSON.parse(await printed('get', `${url}.json`))).toEqual([{ id: 1, name: 'kiwi' }]);
    await printed('rm', '-y', 'Book');
  });

  it('that fail after their first rows leave no file', async () => {
    const url = (
      await printed('create', 'SELECT 1 / (90000 - i) FROM generate_series(1, 100000) i', '--name', 'Breaks')
    ).trim();
    const result = await cli('get', url, '-o', 'breaks.csv');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^pgclip: download broke off after .+; nothing was kept\.\n$/);
    for (const name of ['breaks.csv', 'breaks.csv.part'])
      await expect(stat(join(dir, name))).rejects.toMatchObject({ code: 'ENOENT' });
    await printed('rm', '-y', 'Breaks');
  });

  it('report what Postgres says in one line, with its place', async () => {
    expect(await cli('create', 'SELECT\n  nme FROM fruit', '--name', 'Typo')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'pgclip: column "nme" does not exist (line 2, column 3, SQLSTATE 42703). Hint: Perhaps you meant to reference the column "fruit.name".\n',
    });
    expect((await cli('create', 'SELECT 1', '--name', '')).stderr).toMatch(/^pgclip: .*name: .+\n$/);
    expect((await cli('create', 'SELECT 1', '-n', 'x', '-d', 'NO_URL')).stderr).toMatch(
      /^pgclip: .*DATABASE_URL.*\n$/,
    );
  });

  it('need the right token', async () => {
    const result = await runCli(['clips'], { env: { ...env, PGCLIP_TOKEN: 'not-the-right-token' } });
    expect(result).toMatchObject({ code: 1, stderr: expect.stringMatching(/^pgclip: .*PGCLIP_TOKEN.*\n$/) });
  });
});

describe('pgclip databases', () => {
  it('lists them with the state of their logins', async () => {
    expect(await printed('databases')).toMatch(
      new RegExp(
        `^NAME .*STATE\nDATABASE_URL +\\d+\\.\\d+ +${database.name} +${database.name}_reader +safe\n$`,
      ),
    );
    expect(JSON.parse(await printed('databases', '--json'))).toMatchObject([
      { name: 'DATABASE_URL', safe: true },
    ]);
  });

  it('harden makes a login that pgclip takes for safe; stdout has its URL alone', async () => {
    const result = await cli('databases', 'harden', 'DATABASE_URL');
    expect(result.code).toBe(0);
    const url = new URL(result.stdout.trim());
    expect(url.username).toBe(`pgclip_reader_${database.name}`);
    expect(result.stderr).not.toContain(url.password);
    await expect(executeSql(url.href, 'TABLE fruit')).resolves.toBeUndefined();
    await executeSql(database.superuserUrl, `DROP OWNED BY ${url.username}`, `DROP ROLE ${url.username}`);
  });

  it('harden names the databases there are', async () => {
    expect(await cli('databases', 'harden', 'NO_URL')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'pgclip: there is no database "NO_URL"; there is DATABASE_URL.\n',
    });
  });
});
