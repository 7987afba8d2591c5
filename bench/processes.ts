/** Programs that are measured or that measure: started, timed and asked for their memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** Runs a program with its output thrown away; resolves with the seconds it took. Throws when it fails. */
export async function timeCommand(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return (performance.now() - start) / 1000;
}

/** Runs a program and resolves with what it printed. */
export async function readCommand(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes) => {
    text += bytes;
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
  return text;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a server that prints a line with its URL, or its host and port, once it answers. */
export async function startServer(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });
  // What it warns of (a Redis that keeps nothing on disk) is meant here; why it does not serve has to be seen.
  let log = '';
  child.stderr.on('data', (bytes) => {
    log += bytes;
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /http:\/\/\S+|[\d.]+:\d+$/.exec(line)?.[0];
    if (url) return { url, pid: child.pid ?? 0, stop: () => stop(child) };
  }
  throw new Error(`${command} ended without serving: ${log}`);
}

async function stop(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** A figure of a process's memory, in MB; Linux only. `VmHWM` is the peak since `resetPeak`. */
export async function readMemoryMb(pid: number, figure: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${figure}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
}

export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}
