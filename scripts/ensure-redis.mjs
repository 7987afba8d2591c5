/**
 * Makes sure that the programs the tests need are there: on Debian and Ubuntu as root they are installed, elsewhere
 * one line for each says how. No service is started. Run by `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const programs = [
  {
    command: 'redis-server',
    debianPackage: 'redis-server',
    hint: 'the store is tested against it (macOS: brew install redis)',
  },
  {
    command: 'chromium',
    debianPackage: 'chromium',
    hint: 'the pages are tested in it (macOS: brew install --cask chromium)',
  },
];

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

function missing() {
  return programs.filter(({ command }) => !isOnPath(command));
}

function aptGet(...args) {
  // RUNLEVEL=1 keeps the package from starting its own server.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  return spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

const packages = missing().map(({ debianPackage }) => debianPackage);
if (packages.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) {
  console.log(`Installing ${packages.join(' and ')} with apt-get for the tests.`);
  aptGet('update', '-qq');
  aptGet('install', '-y', '-qq', '--no-install-recommends', ...packages);
}

for (const { command, debianPackage, hint } of missing()) {
  console.error(`The tests need ${command}: ${hint}; Debian: sudo apt-get install ${debianPackage}`);
  process.exitCode = 1;
}
