/** The parser in workerd, which compiles no WebAssembly and gives 128 MB in all. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestHarness } from 'wrangler';
import { withInitialMemory } from '../../src/reduction/parser-memory.ts';
import { openTestParser } from './reduction-parser.ts';

let dir: string;
let harness: ReturnType<typeof createTestHarness>;
let url: URL;

beforeAll(async () => {
  const source = fileURLToPath(new URL('./reduction-worker', import.meta.url));
  // Beside the sources, so that packages are found.
  dir = await mkdtemp(join(source, '..', 'reduction-built-'));
  await copyFile(join(source, 'worker.ts'), join(dir, 'worker.ts'));
  const wasm = await readFile(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm'));
  await writeFile(join(dir, 'pg-parser.wasm'), withInitialMemory(wasm, 8 * 2 ** 20));
  await writeFile(
    join(dir, 'wrangler.toml'),
    'name = "parser"\nmain = "worker.ts"\ncompatibility_date = "2026-10-01"\ncompatibility_flags = ["nodejs_compat"]\n',
  );
  harness = createTestHarness({ root: dir, workers: [{ configPath: './wrangler.toml' }] });
  ({ url } = await harness.listen());
}, 60_000);

afterAll(async () => {
  await harness.close();
  await rm(dir, { recursive: true });
});

it.each([
  "SELECT 'é' || w.id FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)",
  'select from where',
  `select ${'1,'.repeat(5000)}1`,
])('gives the same tree as on Node: %.60s', async (sql) => {
  const answer = await fetch(url, { method: 'POST', body: sql });
  const parsed = (await openTestParser()).parse(sql);
  expect(await answer.json()).toEqual(parsed && { select: parsed.select, first: parsed.indexOf(10) });
});
