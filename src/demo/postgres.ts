/**
 * A real PostgreSQL of our own, for the demo and the tests: one cluster in one directory, on 127.0.0.1 alone,
 * SCRAM passwords for everyone, no Unix sockets. Never touches a cluster that it did not make.
 * Source: PostgreSQL manual, initdb and "Starting the Database Server".
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { getPostgresFiles, type PostgresFiles } from './postgres-files.ts';
import { stopLeftover } from './postgres-leftover.ts';
import { startTiedProcess, type TiedProcess } from './tied-process.ts';

export interface PostgresOptions {
  /** Where the cluster lives; made at the first start. */
  readonly dir: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Directory of another PostgreSQL's programs. Default: the embedded ones. */
  readonly bin?: string;
  /** How the cluster sorts and classes characters, as arguments of initdb. Default: by code point. */
  readonly locale?: readonly string[];
  /** Server parameters, e.g. `{ fsync: 'off' }`. */
  readonly options?: Readonly<Record<string, string>>;
}

/** A running PostgreSQL. It ends with `stop()`, and by itself when this process ends. */
export interface Postgres {
  readonly pid: number;
  readonly port: number;
  /** Where the cluster lives: the directory that was asked for, or another one, where its account can't get there. */
  readonly home: string;
  /** A URL with the superuser's password. Secret. */
  superuserUrl(database: string): string;
  stop(): Promise<void>;
}

const byCodePoint = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
const readyDeadlineMs = 60_000;
const startAttempts = 3;

/**
 * Starts PostgreSQL and resolves when it takes connections. Throws with the end of its log when it doesn't,
 * and when another live process runs the same cluster.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const files = await getPostgresFiles(options.dir, options.bin);
  const password = await makeCluster(files, options.locale ?? byCodePoint);
  await stopLeftover(join(files.home, 'data'));
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await findFreePort());
    const server = await spawnServer(files, port, options.options ?? {});
    const superuserUrl = (database: string) =>
      `postgres://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
    try {
      await waitUntilReady(server, superuserUrl('postgres'));
      return { pid: server.pid, port, home: files.home, superuserUrl, stop: server.stop };
    } catch (error) {
      await server.stop();
      // It may have lost the port to someone, or a crashed server's last backend still holds the shared memory.
      if (attempt < startAttempts && error instanceof EndedError) {
        await delay(500);
        continue;
      }
      const log = await readFile(join(files.home, 'postgres.log'), 'utf8').catch(() => '');
      throw new Error(`PostgreSQL did not start. The end of its log:\n${log.trimEnd().slice(-2000)}`, {
        cause: error,
      });
    }
  }
}

class EndedError extends Error {}

/** Runs initdb where there is no cluster yet. Returns the superuser's password. */
async function makeCluster(
  { home, initdb, account }: PostgresFiles,
  locale: readonly string[],
): Promise<string> {
  const data = join(home, 'data');
  const passwordFile = join(home, 'password');
  if (await stat(data).catch(() => null)) return (await readFile(passwordFile, 'utf8')).trim();
  const password = randomBytes(24).toString('base64url');
  await rm(passwordFile, { force: true });
  await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' });
  // A cluster gets its name when it is whole: an initdb that was broken off leaves nothing that looks like one.
  const unfinished = `${data}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  if (account) {
    for (const path of [passwordFile, unfinished]) await chown(path, account.uid, account.gid);
  }
  const args = ['-D', unfinished, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  args.push('--encoding=UTF8', ...locale, '--no-sync');
  await promisify(execFile)(initdb, args, { cwd: home, ...account });
  await rename(unfinished, data);
  return password;
}

async function spawnServer(
  { home, postgres, account }: PostgresFiles,
  port: number,
  options: Readonly<Record<string, string>>,
): Promise<TiedProcess> {
  const parameters = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    timezone: 'UTC',
    ...options,
  };
  const args = Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const log = await open(join(home, 'postgres.log'), 'w', 0o600);
  try {
    return await startTiedProcess(postgres, ['-D', join(home, 'data'), ...args], {
      cwd: home,
      logFd: log.fd,
      account,
    });
  } finally {
    await log.close();
  }
}

// Not there yet; there, but still starting up (57P03) or going down.
const notReadyCodes = ['ECONNREFUSED', 'ECONNRESET', '57P03'];

async function waitUntilReady(server: TiedProcess, url: string): Promise<void> {
  const deadline = Date.now() + readyDeadlineMs;
  for (;;) {
    if (server.hasEnded()) throw new EndedError('PostgreSQL ended while it started.');
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: readyDeadlineMs });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      const code = (error as { code?: string }).code ?? '';
      if (!notReadyCodes.includes(code) || Date.now() > deadline) throw error;
      await Promise.race([delay(50), server.ended]);
    }
  }
}

/** A TCP port of 127.0.0.1 that nobody listens on in this moment. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
