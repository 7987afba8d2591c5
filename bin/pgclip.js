#!/usr/bin/env node
/** The command `pgclip`: looks whether it can run here, then runs dist/cli.js. */
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
const cli = new URL('../dist/cli.js', import.meta.url);

if (major < 22 || (major === 22 && minor < 12)) {
  console.error(`pgclip: needs Node.js 22.12 or newer; this is ${process.versions.node}.`);
  process.exitCode = 1;
} else if (!existsSync(cli)) {
  console.error('pgclip: is not built yet; run `npm run build` in its directory.');
  process.exitCode = 1;
} else {
  await import(cli.href);
}
