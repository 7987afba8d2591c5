/** `pgclip export` and `pgclip import` as a person runs them, against servers that are processes of their own. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { ImportReport } from '../../src/services/archive/import-archive.ts';
import { tarHeader } from '../../src/services/archive/tar-header.ts';
import { type CliResult, readUntil, runCli, spawnCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type ClipAnswer, testToken, waitFor } from '../support/server.ts';

/** About 4 MB: more than what sockets and pipes hold. */
const large = 'select n, md5(n::text) as m, array[n, n + 1] as a from generate_series(1, 80000) n';

interface Served {
  readonly url: string;
  readonly child: ChildProcessWithoutNullStreams;
}

let database: TestDatabase;
let dir: string;
let redis: Redis;
let inRedis: Served;
let embedded: Served;

async function serve(env: Readonly<Record<string, string>>): Promise<Served> {
  const own = { DATABASE_URL: database.readerUrl, API_TOKEN: testToken, PORT: '0' };
  const child = spawnCli(['serve'], { cwd: dir, env: { ...own, ...env } });
  const [, url = ''] = await readUntil(child, /answers at (\S+)/);
  return { url, child };
}

const redisUrl = () => `${inject('redisUrl')}/10`;
const envOf = ({ url }: Served) => ({ PGCLIP_URL: url, PGCLIP_TOKEN: testToken });
const cli = (server: Served, ...args: string[]): Promise<CliResult> =>
  runCli(args, { cwd: dir, env: envOf(server) });

/** What a command printed, when it ended well and said nothing else. */
async function printed(server: Served, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(server, ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** A call of the API, without a process of its own. */
async function call<T>(server: Served, method: string, path: string, body?: object): Promise<T> {
  const headers = { Authorization: `Bearer ${testToken}`, 'Content-Type': 'application/json' };
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  const text = await (await fetch(`${server.url}/api${path}`, init)).text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

const clipsOf = async (server: Served): Promise<ClipAnswer[]> =>
  (await call<{ clips: ClipAnswer[] }>(server, 'GET', '/clips')).clips;

async function empty(server: Served): Promise<void> {
  for (const { id } of await clipsOf(server)) await call(server, 'DELETE', `/clips/${id}`);
}

/** What every URL of every clip gives. */
async function bodiesOf(server: Served): Promise<Record<string, string>> {
  const bodies: Record<string, string> = {};
  for (const { slug } of await clipsOf(server))
    for (const format of ['csv', 'json'])
      bodies[`${slug}.${format}`] = await (await fetch(`${server.url}/c/${slug}.${format}`)).text();
  return bodies;
}

/** A small clip, the newest, and a large one: the order in an archive. */
async function fill(server: Served): Promise<{ readonly small: string; readonly large: string }> {
  const create = async (name: string, sql: string): Promise<string> =>
    (await call<ClipAnswer>(server, 'POST', '/clips', { name, sql, mode: 'frozen' })).id;
  return { large: await create('Large', large), small: await create('Small', 'select 1 as one') };
}

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-archive-'));
  redis = new Redis(redisUrl());
  inRedis = await serve({ REDIS_URL: redisUrl(), PGCLIP_DIR: join(dir, 'one') });
  embedded = await serve({ PGCLIP_DIR: join(dir, 'two') });
}, 60_000);
afterAll(async () => {
  for (const { child } of [inRedis, embedded]) child.kill('SIGKILL');
  await redis.quit();
  await database.drop();
  await rm(dir, { recursive: true });
});

// Each starts a dozen processes.
describe('an archive', { timeout: 90_000 }, () => {
  it('goes into a file and out of it, from Redis to the embedded store and back', async () => {
    await fill(inRedis);
    const before = await bodiesOf(inRedis);
    expect(await printed(inRedis, 'export', 'all.tar')).toBe('all.tar: 2 clips\n');
    expect((await readdir(dir)).filter((name) => name.includes('all.tar'))).toEqual(['all.tar']);
    expect(await printed(embedded, 'import', 'all.tar')).toMatch(
      /^2 clips imported, 2 snapshots of \d\.\d MB\n$/,
    );
    expect(await bodiesOf(embedded)).toEqual(before);
    expect(await printed(embedded, 'import', 'all.tar')).toBe('0 clips imported, 2 there already\n');

    await empty(inRedis);
    const archive = (await readFile(join(dir, 'all.tar'))).length;
    const [out, into] = [
      spawnCli(['export', '-'], { env: envOf(embedded) }),
      spawnCli(['import', '-', '--json'], { env: envOf(inRedis) }),
    ];
    let piped = 0;
    out.stdout.on('data', (chunk: Buffer) => {
      piped += chunk.length;
    });
    out.stdout.pipe(into.stdin);
    const [report] = await readUntil(into, /^\{[\s\S]*\n\}\n/);
    expect(JSON.parse(report)).toMatchObject({ clips: 2, snapshots: 2, conflicts: [] });
    expect(piped).toBe(archive);
    expect(await bodiesOf(inRedis)).toEqual(before);
  });

  it('with a conflict is told on stdout, by id and name alone, and by the exit code', async () => {
    const [clip] = await clipsOf(embedded);
    await call(embedded, 'PATCH', `/clips/${clip?.id}`, { name: 'Edited' });
    const { code, stdout, stderr } = await cli(embedded, 'import', 'all.tar');
    expect(code).toBe(1);
    expect(stdout).toContain(`\nnot imported: ${clip?.id} ${clip?.name}: There is a clip with this id`);
    expect(stdout).not.toContain(clip?.slug);
    expect(stderr).toMatch(/^pgclip: 1 clip could not be imported; --replace .*\n$/);
    const json = await cli(embedded, 'import', 'all.tar', '--json');
    expect([json.code, (JSON.parse(json.stdout) as ImportReport).conflicts.length]).toEqual([1, 1]);
    expect(await printed(embedded, 'import', 'all.tar', '--replace')).toMatch(
      /^1 clip imported \(1 replaced\)/,
    );
    expect((await clipsOf(embedded)).map(({ name }) => name)).toContain(clip?.name);
  });

  it('that is wrong is refused in one line, however much of it follows', async () => {
    const archive = await readFile(join(dir, 'all.tar'));
    const at = archive.indexOf('.csv.gz') + 100_000;
    archive[at] = (archive[at] as number) ^ 1;
    await writeFile(join(dir, 'flipped.tar'), archive);
    await empty(embedded);
    const { code, stdout, stderr } = await cli(embedded, 'import', 'flipped.tar');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^pgclip: clips\/\w+\/.*: .*\.\n$/);
    // Much more than the server reads after its answer.
    const head = tarHeader('nonsense', 8 ** 11 - 1, '2026-01-01T00:00:00.000Z');
    await writeFile(join(dir, 'long.tar'), Buffer.concat([head, Buffer.alloc(100_000_000)]));
    const long = await cli(embedded, 'import', 'long.tar');
    expect(long).toMatchObject({ code: 1, stdout: '' });
    expect(long.stderr).toBe('pgclip: nonsense: stands where pgclip.json should.\n');
    expect(await cli(embedded, 'import', 'nowhere.tar')).toMatchObject({
      ...{ code: 1, stderr: "pgclip: nowhere.tar can't be read (ENOENT).\n" },
    });
    expect(await cli(embedded, 'import', '.')).toMatchObject({
      ...{ code: 1, stderr: "pgclip: . can't be read (EISDIR).\n" },
    });
  });
});

describe('what ends in the middle', { timeout: 90_000 }, () => {
  it.each([
    ['SIGINT', 130, ''],
    ['the server', 1, /^pgclip: download broke off after .*; nothing was kept\.\n$/],
  ])('an export that %s ends leaves no file', async (cause, code, said) => {
    let asked = () => {};
    const begun = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const server: Server = createServer((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-tar' });
      response.write(Buffer.alloc(100_000), () => asked());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const child = spawnCli(['export', 'left.tar'], { cwd: dir, env: { PGCLIP_URL: url, PGCLIP_TOKEN: 'x' } });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const closed = once(child, 'close');
    await begun;
    await waitFor(async () => (await readdir(dir)).includes('left.tar.part'), 20_000);
    if (cause === 'SIGINT') child.kill('SIGINT');
    else server.closeAllConnections();
    expect(await closed).toEqual([code, null]);
    expect(stderr).toMatch(said);
    expect((await readdir(dir)).filter((name) => name.includes('left.tar'))).toEqual([]);
    server.closeAllConnections();
    server.close();
  });

  it.each(['its client', 'its server'])(
    'an import that loses %s shows nothing half, and works the next time',
    async (lost) => {
      await empty(inRedis);
      await empty(embedded);
      const ids = await fill(embedded);
      const before = await bodiesOf(embedded);
      await printed(embedded, 'export', 'two.tar');
      const archive = await readFile(join(dir, 'two.tar'));
      const child = spawnCli(['import', '-'], { env: envOf(inRedis) });
      const closed = once(child, 'close');
      // All of the small clip, and some of the large one's rows.
      const rows = archive.indexOf('.csv.gz', archive.indexOf(`clips/${ids.large}/clip.json`));
      child.stdin.write(archive.subarray(0, rows + 600_000));
      const pending = () => redis.keys('pgclip:{*}:pending:*');
      await waitFor(
        async () => (await pending()).length > 0 && (await clipsOf(inRedis)).length === 1,
        20_000,
      );
      expect((await clipsOf(inRedis)).map(({ id }) => id)).toEqual([ids.small]);
      if (lost === 'its client') {
        child.kill('SIGKILL');
        await closed;
        await waitFor(async () => (await pending()).length === 0, 20_000);
      } else {
        inRedis.child.kill('SIGKILL');
        expect((await closed)[0]).toBe(1);
        inRedis = await serve({ REDIS_URL: redisUrl(), PGCLIP_DIR: join(dir, 'one') });
        // Nobody is there to remove them, so they do it themselves.
        for (const key of await pending()) expect(await redis.pttl(key)).toBeGreaterThan(0);
      }
      expect((await clipsOf(inRedis)).map(({ id }) => id)).toEqual([ids.small]);
      expect(JSON.parse(await printed(inRedis, 'import', 'two.tar', '--json'))).toMatchObject({
        ...{ clips: 1, unchanged: 1, conflicts: [] },
      });
      expect(await bodiesOf(inRedis)).toEqual(before);
    },
  );
});
