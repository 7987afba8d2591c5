/** What esbuild makes of the sources: the programs for Node in dist/, what browsers load in dist/public/. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

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

/** Memory that the parser begins with on Workers, which have 128 MB in all; it asks for all of that by itself. */
const parserBytes = 8 * 2 ** 20;

/** PostgreSQL's parser as Workers take it: they can't change and compile it themselves. */
async function writeParser() {
  const options = {
    entryPoints: ['src/reduction/parser-memory.ts'],
    bundle: true,
    format: 'esm',
    write: false,
  };
  const [{ text }] = (await build(options)).outputFiles;
  const { withInitialMemory } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  const wasm = await readFile(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm'));
  await mkdir('dist', { recursive: true });
  await writeFile('dist/pg-parser.wasm', withInitialMemory(wasm, parserBytes));
}

/**
 * Copies the assets that need no build and removes what earlier builds left. Called after the builds, so that a
 * server that is running meanwhile keeps its files as long as they are any build's.
 */
export async function finishDist(results) {
  await cp('views/assets', assets, { recursive: true });
  await writeParser();
  const made = new Set(
    results.flatMap((result) => Object.keys(result.metafile.outputs)).map((path) => resolve(path)),
  );
  for (const name of await readdir('dist/chunks').catch(() => [])) {
    const path = join('dist/chunks', name);
    if (!made.has(resolve(path))) await rm(path);
  }
}
