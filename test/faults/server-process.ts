/**
 * The server as people run it: `bin/pgclip.js serve` in a process of its own, to be killed and started again, and a
 * client of its API. It makes no assertion itself.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { readUntil, spawnCli } from '../support/cli.ts';
import { type ApiAnswer, readAnswer, testToken, waitFor } from '../support/server.ts';

const readyDeadlineMs = 30_000;

export interface ServerProcess {
  /** Another one after a restart. */
  readonly url: string;
  /** A request to a path, without credentials. Rejects when the connection breaks. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** A call of the API with the token, read to its end. Rejects when the connection breaks. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>>;
  /** Resolves when `/readyz` answers 200. */
  untilReady(): Promise<void>;
  /** The most memory it ever held, in bytes. */
  peakBytes(): Promise<number>;
  /** `kill -9`; resolves when it is gone. May be called more than once. */
  kill(): Promise<void>;
  /** Kills it if it runs, and starts it with the same config vars. */
  restart(): Promise<void>;
}

/** Starts a server with these config vars beside the token and a free port; to be killed. */
export async function startServerProcess(env: Readonly<Record<string, string>>): Promise<ServerProcess> {
  let child: ChildProcess;
  let url = '';

  async function start(): Promise<void> {
    const spawned = spawnCli(['serve'], {
      env: {
        API_TOKEN: testToken,
        PORT: '0',
        // What the first line of bin/pgclip.js gives.
        NODE_OPTIONS: '--max-semi-space-size=8 --v8-pool-size=1',
        ...env,
      },
    });
    child = spawned;
    const end = () => spawned.kill('SIGKILL');
    process.once('exit', end);
    spawned.once('exit', () => process.removeListener('exit', end));
    url = (await readUntil(spawned, /pgclip answers at (\S+)/))[1] as string;
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  const send = (path: string, init: RequestInit = {}) =>
    fetch(new URL(path, url), { redirect: 'manual', ...init });

  await start();
  return {
    get url() {
      return url;
    },
    fetch: send,
    async call<T>(method: string, path: string, body?: unknown) {
      const headers: Record<string, string> = { Authorization: `Bearer ${testToken}` };
      if (body !== undefined) headers['Content-Type'] = 'application/json';
      const json = body === undefined ? {} : { body: JSON.stringify(body) };
      return readAnswer<T>(await send(path, { method, headers, ...json }));
    },
    untilReady: () => waitFor(async () => (await send('/readyz')).status === 200, readyDeadlineMs),
    async peakBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    kill,
    async restart() {
      await kill();
      await start();
    },
  };
}
