import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoClips, shopClips } from '../../src/demo/clips.ts';
import { openCounters } from '../../src/demo/counters.ts';
import { startPostgres } from '../../src/demo/postgres.ts';
import { widgets } from '../../src/demo/widgets.ts';
import { readUntil, runCli, spawnCli } from '../support/cli.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

let dir: string;
let taken: ReturnType<typeof createServer>;
let takenPort: number;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-demo-'));
  // As a checkout's directory is: root's PostgreSQL runs as another account, which must get through.
  await chmod(dir, 0o711);
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  takenPort = (taken.address() as AddressInfo).port;
});

afterAll(async () => {
  taken.close();
  await rm(dir, { recursive: true });
});

interface Demo {
  readonly child: ChildProcessWithoutNullStreams;
  readonly env: Record<string, string>;
  /** To sign in, of the live clip, the frozen and the linked one. */
  readonly urls: readonly string[];
  /** With a Redis, of the counted clip and of the shop. */
  readonly shop: readonly string[];
}

async function startDemo(name: string, more: Record<string, string> = {}): Promise<Demo> {
  const env = { PGCLIP_DIR: join(dir, name), PORT: String(takenPort), ...more };
  const child = spawnCli(['demo'], { env });
  const [shown] = await readUntil(child, /Sign in[\s\S]*Ctrl-C/);
  const found = [...shown.matchAll(/http:\S+/g)].map(([url]) => url);
  const [urls, shop] = [found.slice(0, 4), found.slice(4)];
  return { child, urls, shop, env: { ...env, PGCLIP_URL: new URL(urls[0] ?? '').origin } };
}

interface Link {
  readonly name: string;
  readonly remoteDatabase: string;
  readonly createdAt: string;
  readonly refreshedAt: string;
  readonly tables: number;
  readonly changes: readonly unknown[] | null;
  readonly problems: readonly unknown[];
}

interface Clip {
  readonly id: string;
  readonly name: string;
  readonly sql: string;
  readonly mode: string;
  readonly url: string;
}

/** What the API of a running demo answers. */
async function ask<T>({ urls }: Demo, path: string): Promise<T> {
  const signIn = new URL(urls[0] ?? '');
  const headers = { authorization: `Bearer ${signIn.searchParams.get('token')}` };
  const response = await fetch(new URL(`/api${path}`, signIn), { headers });
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

const askLinks = (demo: Demo) => ask<{ links: Link[] }>(demo, '/databases/DATABASE_URL/links');
const csvOf = async (url: string) => (await fetch(`${url}.csv`)).text();
const isLinked = ({ sql }: { readonly sql: string }) => sql.includes('warehouse.');
const clipsOf = async (demo: Demo) => (await ask<{ clips: Clip[] }>(demo, '/clips?limit=100')).clips;
/** In the order of the list. */
const namesWithShop = [...demoClips.slice(0, 3), ...shopClips, ...demoClips.slice(3)].map(({ name }) => name);

/** Opens a page of the shop, and returns how often it says that it was opened. */
async function look({ shop }: Demo, path: string): Promise<number> {
  const page = await (await fetch(new URL(path, shop[1]))).text();
  return Number(/Seen ([\d,]+) times/.exec(page)?.[1]?.replaceAll(',', ''));
}

/** Takes from a stopped demo what versions before data links did not make. */
async function removeSecondDatabase(name: string): Promise<void> {
  const postgres = await startPostgres({ dir: join(dir, name, 'postgres') });
  const run = async (database: string, statements: readonly string[]) => {
    const client = new pg.Client({ connectionString: postgres.superuserUrl(database) });
    await client.connect();
    for (const sql of statements) await client.query(sql);
    await client.end();
  };
  try {
    await run('demo', ['DROP EXTENSION postgres_fdw CASCADE', 'DROP SCHEMA warehouse CASCADE']);
    const roles = 'analytics_owner, pgclip_reader_analytics';
    await run('postgres', ['DROP DATABASE analytics', `DROP ROLE ${roles}`]);
  } finally {
    await postgres.stop();
  }
}

async function interrupt(child: ChildProcessWithoutNullStreams): Promise<unknown[]> {
  const closed = once(child, 'close');
  child.kill('SIGINT');
  return closed;
}

/** The pid of the demo's PostgreSQL and the port of its Redis. */
async function findParts(name: string): Promise<{ pid: number; redisPort: number }> {
  const pid = await readFile(join(dir, name, 'postgres/data/postmaster.pid'), 'utf8');
  const config = await readFile(join(dir, name, 'redis/redis.conf'), 'utf8');
  return { pid: Number.parseInt(pid, 10), redisPort: Number(/^port (\d+)/m.exec(config)?.[1]) };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const [event] = await Promise.race([
    once(socket, 'connect').then(() => ['connect']),
    once(socket, 'error').then(() => ['error']),
  ]).catch(() => ['error']);
  socket.destroy();
  return event === 'connect';
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('starts from nothing on the next free port, keeps everything, and leaves no process', {
  timeout: 90_000,
}, async () => {
  const first = await startDemo('whole');
  const parts = await findParts('whole');
  expect(isAlive(parts.pid)).toBe(true);
  expect(await listens(parts.redisPort)).toBe(true);
  expect(Number(new URL(first.urls[0] ?? '').port)).toBeGreaterThan(takenPort);
  const [signIn = '', , frozen = '', linked = ''] = first.urls;
  expect((await fetch(signIn, { redirect: 'manual' })).status).toBeLessThan(400);

  const saved: Clip[] = JSON.parse((await runCli(['clips', '--json'], { env: first.env })).stdout);
  expect(saved.map((clip) => clip.name)).toEqual(namesWithShop);
  expect(saved.slice(0, 4).map((clip) => clip.url)).toEqual([...first.urls.slice(1), first.shop[0]]);
  expect(saved.filter((clip) => clip.mode === 'frozen')).toHaveLength(2);
  for (const clip of saved) {
    const response = await fetch(`${clip.url}.csv`);
    expect(response.status, clip.name).toBe(200);
    const rows = (await response.text()).split('\n').length - 2;
    expect(rows, clip.name).toBeGreaterThan(clip.name.includes('200,000') ? 199_999 : 20);
  }
  const bytes = await csvOf(frozen);
  const linkedBytes = await csvOf(linked);
  const { links } = await askLinks(first);
  const asItShould = { changes: [], problems: [] };
  expect(links).toMatchObject([
    { name: 'hredis', redis: { prefix: 'pgclip-demo:', writable: false }, ...asItShould },
    { name: 'warehouse', remoteDatabase: 'analytics', tables: 7, ...asItShould },
  ]);
  const before = widgets[8]?.viewsBefore ?? 0;
  expect([await look(first, '/widgets/9'), await look(first, '/widgets/9')]).toEqual([
    before + 1,
    before + 2,
  ]);
  expect(await interrupt(first.child)).toEqual([0, null]);
  expect(isAlive(parts.pid)).toBe(false);
  expect(await listens(parts.redisPort)).toBe(false);

  const second = await startDemo('whole');
  expect(second.urls).toEqual(first.urls);
  const again = JSON.parse((await runCli(['clips', '--json'], { env: second.env })).stdout);
  expect(again).toEqual(saved);
  expect(await csvOf(frozen)).toBe(bytes);
  // PostgreSQL has another port now and the remote's login another password.
  expect(await csvOf(linked)).toBe(linkedBytes);
  const { links: linksNow } = await askLinks(second);
  expect(linksNow).toEqual(links.map((link) => ({ ...link, refreshedAt: expect.any(String) })));
  for (const [at, { refreshedAt }] of linksNow.entries())
    expect(refreshedAt).not.toBe(links[at]?.refreshedAt);
  expect(await look(second, '/widgets/9')).toBe(before + 3);

  // Nothing may outlive even a demo that is killed.
  const { pid, redisPort } = await findParts('whole');
  second.child.kill('SIGKILL');
  await once(second.child, 'close');
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => listens(redisPort), { timeout: 10_000 }).toBe(false);
});

it('joins across databases, and adds the second one to a demo of an older version', {
  timeout: 90_000,
}, async () => {
  const first = await startDemo('older');
  const saved = await clipsOf(first);
  const linked = saved.filter(isLinked);
  expect(linked).toHaveLength(2);
  const explained = await Promise.all(
    linked.map((clip) => ask<{ remoteParts: object[] }>(first, `/clips/${clip.id}/explain`)),
  );
  expect(explained.map(({ remoteParts }) => remoteParts)).toMatchObject([
    [{ link: 'warehouse', work: ['join', 'aggregate'], rows: 50, times: 1 }],
    [{ link: 'warehouse', tables: ['warehouse.hourly_normals'], work: ['aggregate'], rows: 365, times: 1 }],
  ]);
  const results = await Promise.all(linked.map(({ url }) => csvOf(url)));
  for (const { id } of linked) await runCli(['rm', id, '--yes'], { env: first.env });
  await interrupt(first.child);
  await removeSecondDatabase('older');

  const second = await startDemo('older');
  const clips = await clipsOf(second);
  expect(clips.filter((clip) => !isLinked(clip))).toEqual(saved.filter((clip) => !isLinked(clip)));
  expect((await askLinks(second)).links).toMatchObject(
    ['hredis', 'warehouse'].map((name) => ({ name, changes: [], problems: [] })),
  );
  expect(await Promise.all(clips.filter(isLinked).map(({ url }) => csvOf(url)))).toEqual(results);
  await interrupt(second.child);
});

it('counts page views in a Redis when it is given one, beside what is there already', {
  timeout: 120_000,
}, async () => {
  // No redis-server is found there.
  const bare = { PATH: dir };
  const first = await startDemo('given', bare);
  expect(first.shop).toEqual([]);
  expect((await clipsOf(first)).map(({ name }) => name)).toEqual(demoClips.map(({ name }) => name));
  expect((await askLinks(first)).links).toMatchObject([{ name: 'warehouse' }]);
  await interrupt(first.child);

  const server = await startRedis();
  const redis = new Redis(server.url, { db: 1 });
  try {
    await redis.mset('widget:1', 'of someone else', 'pgclip-demo:widget:2', '7');
    const second = await startDemo('given', { ...bare, REDIS_URL: server.url });
    const [counted = '', shop = ''] = second.shop;
    expect(await look(second, '/widgets/1')).toBe((widgets[0]?.viewsBefore ?? 0) + 1);
    expect(await look(second, '/widgets/2')).toBe(8);
    const statuses = ['/', '/widgets/99', '/widgets/0', '/widgets/1/'].map(
      async (path) => (await fetch(new URL(path, shop))).status,
    );
    expect(await Promise.all(statuses)).toEqual([200, 404, 404, 404]);
    expect((await fetch(new URL('/widgets/2', shop), { method: 'HEAD' })).status).toBe(405);

    const rows = (await csvOf(counted)).trimEnd().split('\n');
    expect(rows.slice(0, 2)).toEqual(['id,name,stock,views', '10,"Ball bearing, 6 mm",1480,4207']);
    expect(rows.slice(-1)).toEqual(['2,"Sprocket, 24 teeth",122,8']);
    const [join, chart] = (await clipsOf(second)).slice(3, 5);
    const read = { relation: 'hredis.redis', reads: 'keys', keys: widgets.length };
    expect(await ask(second, `/clips/${join?.id}/explain`)).toMatchObject({ reductions: [read] });
    const values = await (await fetch(`${chart?.url}.json`)).json();
    expect(values.at(-1)).toEqual({ label: 'Sprocket, 24 teeth', value: 8 });
    expect(values).toHaveLength(widgets.length);
    await interrupt(second.child);
    expect(await redis.dbsize()).toBe(1 + widgets.length);
    expect(await redis.get('widget:1')).toBe('of someone else');
  } finally {
    redis.disconnect();
    await server.stop();
  }

  const third = await startDemo('given', bare);
  expect(third.shop).toEqual([]);
  expect((await askLinks(third)).links.map(({ name }) => name)).toEqual(['hredis', 'warehouse']);
  await interrupt(third.child);
});

it('counts nothing where Redis has no second database', async () => {
  const servers: RedisServer[] = [];
  try {
    servers.push(await startRedis({ args: ['--databases', '1'] }), await startRedis({ cluster: true }));
    for (const { url } of servers) expect(await openCounters(url)).toBeNull();
    expect(await openCounters(servers[1]?.url.replace('redis:', 'redis+cluster:') ?? '')).toBeNull();
  } finally {
    for (const server of servers) await server.stop();
  }
});

it('ends well when it is interrupted in the middle of its start', { timeout: 90_000 }, async () => {
  const child = spawnCli(['demo'], { env: { PGCLIP_DIR: join(dir, 'middle'), PORT: String(takenPort) } });
  let said = '';
  for await (const chunk of child.stderr) {
    said += chunk;
    if (said.includes('Loading')) break;
  }
  const pid = Number.parseInt(await readFile(join(dir, 'middle/postgres/data/postmaster.pid'), 'utf8'), 10);
  expect(await interrupt(child)).toEqual([0, null]);
  expect(isAlive(pid)).toBe(false);
});

it('stops what it started when the start fails', { timeout: 90_000 }, async () => {
  const env = { PGCLIP_DIR: join(dir, 'fails'), PORT: '0', REDIS_URL: 'redis://127.0.0.1:1' };
  const { code, stdout, stderr } = await runCli(['demo'], { env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^pgclip: .+$/m);
  await expect(readFile(join(dir, 'fails/postgres/data/postmaster.pid'))).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
