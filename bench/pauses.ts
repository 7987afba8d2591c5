/** How long a Redis keeps another client waiting while work is done: seen by that client, and by Redis itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Redis } from 'ioredis';
import type { RedisServer } from '../test/support/redis.ts';
import { timeCommand } from './processes.ts';

/** What one client saw of its PINGs, in milliseconds. */
export interface Pauses {
  readonly pings: number;
  readonly meanMs: number;
  readonly longestMs: number;
  readonly over5: number;
  readonly over10: number;
}

interface Pinger {
  readonly pid: number;
  end(): Promise<Pauses>;
}

async function startPinger(port: number): Promise<Pinger> {
  // Its collector's threads would wait for a core.
  const args = ['--single-threaded-gc', join(import.meta.dirname, 'pinger.ts'), String(port)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    pid: child.pid ?? 0,
    async end() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const { value } = await lines.next();
      await exit;
      return JSON.parse(value ?? '{}') as Pauses;
    },
  };
}

/**
 * Does the work while a client of each of the Redis PINGs; what each of them saw. `first`: Redis and these clients get a
 * core before all others, as if it had one of its own: what is left are pauses that Redis makes itself. Needs root.
 */
export async function watchPauses(
  servers: readonly RedisServer[],
  { first }: { readonly first: boolean },
  work: () => Promise<void>,
): Promise<Pauses[]> {
  const pingers: Pinger[] = [];
  for (const { port } of servers) pingers.push(await startPinger(port));
  const pids = [...servers.map((server) => server.process.pid ?? 0), ...pingers.map(({ pid }) => pid)];
  // A nice value would not do: it counts among the processes of one session alone.
  if (first) for (const pid of pids) await timeCommand('chrt', ['--fifo', '--pid', '1', String(pid)]);
  await work();
  return Promise.all(pingers.map((pinger) => pinger.end()));
}

/** The commands that Redis noted as slow (slowlog-log-slower-than), longest first, but for this one itself. */
export async function readSlowLog(client: Redis): Promise<{ ms: number; command: string }[]> {
  const entries = (await client.slowlog('GET', -1)) as [number, number, number, string[]][];
  return entries
    .map(([, , microseconds, [command = '']]) => ({
      ms: microseconds / 1000,
      command: command.toUpperCase(),
    }))
    .filter(({ command }) => command !== 'SLOWLOG')
    .sort((a, b) => b.ms - a.ms);
}
