/** A Redis of our own for the demo's store, where a `redis-server` is on the path: 127.0.0.1 alone, with a password. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { findFreePort } from './postgres.ts';
import { startTiedProcess } from './tied-process.ts';

/** A running Redis. It ends with `stop()`, and by itself when this process ends. */
export interface DemoRedis {
  /** Secret. */
  readonly url: string;
  stop(): Promise<void>;
}

const readyDeadlineMs = 30_000;

/** Whether a Redis can be started here. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a Redis that keeps what it is told in `dir`, and resolves when it answers. */
export async function startRedis(dir: string): Promise<DemoRedis> {
  const home = resolve(dir);
  await mkdir(home, { recursive: true });
  await chmod(home, 0o700);
  const port = await findFreePort();
  const password = randomBytes(24).toString('base64url');
  // In a file, because everyone on the machine can read a command line.
  const config = join(home, 'redis.conf');
  const lines = [`port ${port}`, 'bind 127.0.0.1', `requirepass ${password}`, 'appendonly yes', 'save ""'];
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const log = await open(join(home, 'redis.log'), 'w', 0o600);
  const server = await startTiedProcess('redis-server', [config], { cwd: home, logFd: log.fd }).finally(() =>
    log.close(),
  );
  const url = `redis://:${password}@127.0.0.1:${port}/0`;
  try {
    await waitUntilReady(url, server.ended);
  } catch (cause) {
    await server.stop();
    throw new Error(`Redis did not start; ${join(home, 'redis.log')} says why.`, { cause });
  }
  return { url, stop: server.stop };
}

async function waitUntilReady(url: string, ended: Promise<void>): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs;
  const client = new Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: () => (Date.now() < deadline ? 50 : null),
  });
  client.on('error', () => {});
  const gone = ended.then(() => Promise.reject(new Error('Redis ended while it started.')));
  try {
    await Promise.race([client.ping(), gone]);
  } finally {
    // The losing promise of the race is nobody's any more.
    gone.catch(() => {});
    client.disconnect();
  }
}
