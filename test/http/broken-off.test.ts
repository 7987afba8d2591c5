/**
 * Runs that fail right behind their rows, over a database that is ours: with a real one it depends on luck whether
 * the failure is there before the socket has taken the rows, and just then it matters how an answer is broken off.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { Database, Store } from '../../src/domain/ports.ts';
import { createSite } from '../../src/node.ts';
import { createServices } from '../../src/services/services.ts';
import { getRaw } from '../support/raw-http.ts';

/** Its SQL is how many characters a row has and how many rows come, each a batch, before the run fails. */
const database: Database = {
  name: 'DATABASE_URL',
  async run(sql) {
    const [characters = 0, rows = 0] = sql.split(' ').map(Number);
    return {
      columns: [{ name: 't', type: 'text', oid: 25, kind: 'text' }] as never,
      ranAt: '2026-01-01T00:00:00.000Z',
      serverVersion: '18.4',
      batches: (async function* () {
        for (let row = 0; row < rows; row++) yield [['x'.repeat(characters)]];
        throw new AppError('sql_failed', 'division by zero');
      })(),
      close: async () => {},
    };
  },
  describe: async () => [],
  explain: async () => ({ remoteParts: [], rows: 0, durationMs: 0, plan: '' }),
  inspect: async () => ({
    name: 'DATABASE_URL',
    reachable: true,
    serverVersion: '18.0',
    databaseName: 'd',
    login: 'reader',
    safe: true,
    problems: [],
    error: null,
  }),
  schema: async () => ({ schemas: [] }),
  close: async () => {},
};

let store: Store;
let site: Server;
let url: string;
const logged: string[] = [];

beforeAll(async () => {
  store = await openEmbeddedStore({ file: ':memory:' });
  const log = (_level: string, message: string) => void logged.push(message);
  const services = createServices({
    store,
    databases: [database],
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1e6,
    shareRuns: true,
    log,
  });
  site = createSite({ services, apiToken: 'token-of-this-test', publicUrl: null, log }, store);
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  site.close();
  site.closeAllConnections();
  await store.close();
});

async function save(sql: string): Promise<string> {
  const response = await fetch(`${url}/api/clips`, {
    method: 'POST',
    headers: { Authorization: 'Bearer token-of-this-test', 'Content-Type': 'application/json' },
    body: JSON.stringify({ name: 'Clip', sql }),
  });
  return ((await response.json()) as { url: string }).url;
}

describe.each(['csv', 'json', 'ndjson', 'xml', 'xlsx', 'html'])(
  'a run that fails behind its rows: .%s',
  (format) => {
    it.each(['identity', 'gzip', 'zstd'])('never looks whole: %s', async (coding) => {
      for (const characters of [10, 20_000, 66_000, 200_000]) {
        for (const rows of [1, 2, 3, 6]) {
          // A value that does not fit into a cell of Excel is another error.
          if (format === 'xlsx' && characters > 32_767) continue;
          const clip = await save(`${characters} ${rows}`);
          logged.length = 0;
          const answer = await getRaw(`${clip}.${format}`, {
            'Accept-Encoding': coding,
            Connection: 'close',
          });
          // Before anything was sent it may be told in words.
          if (answer.status !== 200 && answer.head !== '') continue;
          expect({ characters, rows, whole: answer.whole, logged }).toEqual({
            characters,
            rows,
            whole: false,
            logged: ['an answer was broken off'],
          });
        }
      }
    });
  },
);
