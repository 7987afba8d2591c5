/**
 * What an earlier run may have left in a cluster's `postmaster.pid`: nothing, a number that means nothing any more
 * (removed), a server without its pgclip (stopped), or a server that another pgclip runs right now (an error).
 * Source: PostgreSQL manual, "Database File Layout" (postmaster.pid: first line the pid).
 */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

interface ProcessInfo {
  readonly parentPid: number;
  readonly command: string;
}

const stopDeadlineMs = 10_000;

/**
 * Clears the way for a start of the cluster in `data` by this process.
 * Throws when another live process runs it.
 */
export async function stopLeftover(data: string): Promise<void> {
  const ownerFile = join(dirname(data), 'owner.pid');
  const pidFile = join(data, 'postmaster.pid');
  const pid = await readPid(pidFile);
  if (pid !== null) {
    const found = await findProcess(pid);
    if (found?.command.includes(data)) {
      // A parent's number can't be given to another process while it is the parent.
      if (found.parentPid === (await readPid(ownerFile)))
        throw new Error(`The databases in ${dirname(data)} are in use by process ${found.parentPid}.`);
      await endProcess(pid);
    }
    await rm(pidFile, { force: true });
  }
  await writeFile(ownerFile, String(process.pid));
}

async function readPid(file: string): Promise<number | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 1 ? pid : null;
}

async function findProcess(pid: number): Promise<ProcessInfo | null> {
  try {
    if (process.platform === 'linux') {
      // `pid (name) state ppid …`; the name may contain anything, so what follows its last bracket is read.
      const status = await readFile(`/proc/${pid}/stat`, 'utf8');
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
      const parentPid = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[1]);
      return { parentPid, command };
    }
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)]);
    return { parentPid: Number.parseInt(stdout, 10), command: stdout };
  } catch {
    return null;
  }
}

async function endProcess(pid: number): Promise<void> {
  const deadline = Date.now() + stopDeadlineMs;
  process.kill(pid, 'SIGINT');
  while (await findProcess(pid)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await delay(50);
  }
}
