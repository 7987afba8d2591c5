import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoClips } from '../../src/demo/clips.ts';
import { readUntil, runCli, spawnCli } from '../support/cli.ts';

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
  readonly urls: readonly string[];
}

async function startDemo(name: string): Promise<Demo> {
  const env = { PGCLIP_DIR: join(dir, name), PORT: String(takenPort) };
  const child = spawnCli(['demo'], { env });
  const found = await readUntil(child, /Sign in +(\S+)\n.* clip +(\S+)\n.* clip +(\S+)\n/);
  const urls = found.slice(1);
  return { child, urls, env: { ...env, PGCLIP_URL: new URL(urls[0] ?? '').origin } };
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
  const [signIn = '', live = '', frozen = ''] = first.urls;
  expect((await fetch(signIn, { redirect: 'manual' })).status).toBeLessThan(400);

  const saved = JSON.parse((await runCli(['clips', '--json'], { env: first.env })).stdout);
  expect(saved.map((clip: { name: string }) => clip.name)).toEqual(demoClips.map((clip) => clip.name));
  expect(saved.filter((clip: { mode: string }) => clip.mode === 'frozen')).toHaveLength(2);
  for (const clip of saved) {
    const response = await fetch(`${clip.url}.csv`);
    expect(response.status, clip.name).toBe(200);
    const rows = (await response.text()).split('\n').length - 2;
    expect(rows, clip.name).toBeGreaterThan(clip.name.includes('200,000') ? 199_999 : 20);
  }
  const bytes = await (await fetch(`${frozen}.csv`)).text();
  expect(await interrupt(first.child)).toEqual([0, null]);
  expect(isAlive(parts.pid)).toBe(false);
  expect(await listens(parts.redisPort)).toBe(false);

  const second = await startDemo('whole');
  expect(second.urls).toEqual([signIn, live, frozen]);
  const again = JSON.parse((await runCli(['clips', '--json'], { env: second.env })).stdout);
  expect(again).toEqual(saved);
  expect(await (await fetch(`${frozen}.csv`)).text()).toBe(bytes);

  // Nothing may outlive even a demo that is killed.
  const { pid, redisPort } = await findParts('whole');
  second.child.kill('SIGKILL');
  await once(second.child, 'close');
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => listens(redisPort), { timeout: 10_000 }).toBe(false);
});

it('ends well when it is interrupted in the middle of its start', async () => {
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

it('stops what it started when the start fails', async () => {
  const env = { PGCLIP_DIR: join(dir, 'fails'), PORT: '0', REDIS_URL: 'redis://127.0.0.1:1' };
  const { code, stdout, stderr } = await runCli(['demo'], { env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^pgclip: .+$/m);
  await expect(readFile(join(dir, 'fails/postgres/data/postmaster.pid'))).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
