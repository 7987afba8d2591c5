/** The SQL parser and the stand-ins for a Redis link, for tests of the reduction. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { RedisLinks } from '../../src/adapters/postgres/reduction-facts.ts';
import { openParser, type SqlParser } from '../../src/reduction/sql-parser.ts';

/** Opens the parser as the server on Node does. */
export async function openTestParser(): Promise<SqlParser> {
  const path = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm');
  return openParser(new WebAssembly.Module(await readFile(path)));
}

/** Ordinary tables in the place of a link's relations, so that no Redis is needed. */
export const standInLinks: RedisLinks = {
  relations: [
    { schema: 'hredis', name: 'redis', key: 'key' },
    { schema: 'hredis', name: 'hashes', key: 'key' },
  ],
  servers: [],
};
