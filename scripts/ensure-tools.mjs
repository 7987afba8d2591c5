/**
 * Makes sure that programs are there: `node scripts/ensure-tools.mjs redis-server chromium`. On Debian and Ubuntu as
 * root what is missing is installed, elsewhere one line for each says how. No service is started.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const tools = {
  'redis-server': {
    debianPackage: 'redis-server',
    hint: 'the store is tested against it (macOS: brew install redis)',
  },
  chromium: {
    debianPackage: 'chromium',
    hint: 'the pages are tested in it (macOS: brew install --cask chromium)',
  },
  postgres: {
    debianPackage: 'postgresql',
    // Debian keeps the programs of a server off the path, each version in a directory of its own.
    folders: '/usr/lib/postgresql/*/bin',
    hint: 'data links are tested between it and the embedded PostgreSQL',
  },
  psql: {
    debianPackage: 'postgresql-client',
    hint: 'CSV, JSON and XML are compared with what it prints (macOS: brew install libpq)',
  },
  wrk: {
    debianPackage: 'wrk',
    hint: 'requests a second are measured with it (macOS: brew install wrk)',
  },
  curl: {
    debianPackage: 'curl',
    hint: 'downloads are measured with it',
  },
  soffice: {
    debianPackage: 'libreoffice-calc',
    hint: 'Excel files are read back by it (macOS: brew install --cask libreoffice)',
  },
};

function isThere(command) {
  const folders = tools[command]?.folders;
  return folders ? globSync(join(folders, command)).length > 0 : isOnPath(command);
}

function isOnPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function aptGet(...args) {
  // RUNLEVEL=1 keeps a package from starting its own server.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((command) => !Object.hasOwn(tools, command));
if (wanted.length === 0 || unknown.length > 0) {
  console.error(`Usage: node scripts/ensure-tools.mjs ${Object.keys(tools).join(' ')}: any of them.`);
  process.exit(2);
}
const missing = () => wanted.filter((command) => !isThere(command));

const packages = missing().map((command) => tools[command].debianPackage);
if (packages.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) {
  console.log(`Installing ${packages.join(' and ')} with apt-get for the tests.`);
  aptGet('update', '-qq');
  aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
}

for (const command of missing()) {
  const { debianPackage, hint } = tools[command];
  console.error(`The tests need ${command}: ${hint}; Debian: sudo apt-get install ${debianPackage}`);
  process.exitCode = 1;
}
