/**
 * Child processes that don't outlive this one, however it ends: a shell waits beside the child for the closing of a
 * pipe that only this process holds, and then interrupts the child. So no signal handlers are needed, and a
 * SIGKILL or a crash of ours leaves nothing behind. Children get their own session: Ctrl-C reaches us alone, and
 * we stop them in the right order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** The account that a child runs as; absent: ours. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface TiedProcessOptions {
  /** Working directory; the account must be able to enter it. */
  readonly cwd: string;
  /** Open file descriptor that takes the child's output; the caller closes its own copy. */
  readonly logFd: number;
  readonly account?: Account | undefined;
}

export interface TiedProcess {
  readonly pid: number;
  /** Resolves when the child has ended, however it did. */
  readonly ended: Promise<void>;
  hasEnded(): boolean;
  /** Interrupts (SIGINT) and waits for the end; kills after 10 s. May be called more than once. */
  stop(): Promise<void>;
}

const stopDeadlineMs = 10_000;

/** Starts a process that ends when this one does. Rejects when it can't be started at all. */
export async function startTiedProcess(
  command: string,
  args: readonly string[],
  options: TiedProcessOptions,
): Promise<TiedProcess> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    ...options.account,
    detached: true,
    stdio: ['ignore', options.logFd, options.logFd],
  });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const guard = startGuard(pid, options);
  const ended = once(child, 'exit').then(() => {
    guard.kill('SIGKILL');
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    child.kill('SIGINT');
    const killer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs);
    await ended;
    clearTimeout(killer);
  };
  return { pid, ended, hasEnded, stop };
}

function startGuard(pid: number, options: TiedProcessOptions): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -INT "$1"', 'sh', String(pid)], {
    cwd: options.cwd,
    ...options.account,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Where there is no /bin/sh the child is stopped by `stop` alone.
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  guard.unref();
  return guard;
}
