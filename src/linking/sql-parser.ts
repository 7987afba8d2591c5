/** The SQL parser on Node: loaded when a query over a linked Redis first needs it, one for the process. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { SqlParser } from '../reduction/sql-parser.ts';

/** What it runs in well; it takes more when it must. */
const initialBytes = 8 * 2 ** 20;

let opened: Promise<SqlParser> | undefined;

/** The parser. Throws when the package that it comes with is not as it should be; the next call tries again. */
export function openSqlParser(): Promise<SqlParser> {
  opened ??= load().catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function load(): Promise<SqlParser> {
  const file = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm');
  const [wasm, { openParser }, { withInitialMemory }] = await Promise.all([
    readFile(file),
    import('../reduction/sql-parser.ts'),
    import('../reduction/parser-memory.ts'),
  ]);
  const module = await WebAssembly.compile(withInitialMemory(wasm, initialBytes) as BufferSource);
  return openParser(module);
}
