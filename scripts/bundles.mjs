/** What esbuild makes of the sources: the programs for Node in dist/, what browsers load in dist/public/. */
import { cp, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const assets = 'dist/public/assets';

/** Options of the two builds; packages stay in node_modules. */
export const bundles = [
  {
    entryPoints: { cli: 'src/cli.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: true,
    jsx: 'automatic',
    jsxImportSource: 'hono/jsx',
    metafile: true,
    logLevel: 'warning',
  },
  {
    entryPoints: { client: 'views/client/client.ts', style: 'views/style.css' },
    outdir: assets,
    bundle: true,
    format: 'esm',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16'],
    minify: true,
    metafile: true,
    logLevel: 'warning',
  },
];

/**
 * Copies the assets that need no build and removes what earlier builds left. Called after the builds, so that a
 * server that is running meanwhile keeps its files as long as they are any build's.
 */
export async function finishDist(results) {
  await cp('views/assets', assets, { recursive: true });
  const made = new Set(
    results.flatMap((result) => Object.keys(result.metafile.outputs)).map((path) => resolve(path)),
  );
  for (const name of await readdir('dist/chunks').catch(() => [])) {
    const path = join('dist/chunks', name);
    if (!made.has(resolve(path))) await rm(path);
  }
}
