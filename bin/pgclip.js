#!/usr/bin/env -S node --max-semi-space-size=8 --v8-pool-size=1
/**
 * The command `pgclip`: looks whether it can run here, then runs dist/cli.js. The flag bounds the young generation of
 * the heap: by default it grows to tens of megabytes for garbage that lives no longer than a chunk of rows.
 */
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
