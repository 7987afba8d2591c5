/**
 * Golden files: every awkward value in every format, live and frozen, as files that a person can read and a diff can
 * show; CSV, JSON, NDJSON and XML are compared with Postgres's own encoders as well, so that the files can't drift
 * into agreeing with a mistake. Renew them with `npx vitest run test/integration/golden.test.ts -u`, and read the diff.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import * as XLSX from 'xlsx';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { CopyOut } from '../../src/adapters/postgres/copy-out.ts';
import { openDatabase } from '../../src/adapters/postgres/database.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { Database, Store } from '../../src/domain/ports.ts';
import type { Column, ResultSet } from '../../src/domain/result-set.ts';
import { uniqueKeys } from '../../src/formats/keys.ts';
import { findFormat } from '../../src/formats/registry.ts';
import { createServices, type Services } from '../../src/services/services.ts';
import { renderClipPage } from '../../views/clip.tsx';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';

const golden = join(import.meta.dirname, '..', 'golden');
const names = ['awkward', 'awkward-control', 'awkward-infinity', 'awkward-empty', 'awkward-none'];
/** What XML can't hold is refused, naming where it stands. */
const refusedXml: Record<string, RegExp> = {
  'awkward-control': /row 2\b.*"control"/i,
  'awkward-infinity': /row 2\b.*"day"/i,
};

let testDatabase: TestDatabase;
let database: Database;
let store: Store;
let services: Services;
let dir: string;
let oracle: pg.Client;

beforeAll(async () => {
  testDatabase = await createTestDatabase(inject('postgresUrl'));
  const settings = [`ALTER DATABASE ${testDatabase.name} SET TimeZone = 'UTC'`];
  await executeSql(testDatabase.superuserUrl, ...settings, await readFile(join(golden, 'setup.sql'), 'utf8'));
  database = openDatabase({
    name: 'DATABASE_URL',
    url: testDatabase.readerUrl,
    queue: { size: 4, deadlineMs: 10_000 },
    runDeadlineMs: 30_000,
    perRequest: false,
    log: () => {},
  });
  dir = await mkdtemp(join(tmpdir(), 'pgclip-golden-'));
  store = await openEmbeddedStore({ file: join(dir, 'store.sqlite') });
  services = createServices({
    store,
    databases: [database],
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1e9,
    shareRuns: true,
    log: () => {},
  });
  oracle = new pg.Client({ connectionString: testDatabase.readerUrl });
  await oracle.connect();
});

afterAll(async () => {
  await oracle.end();
  await database.close();
  await store.close();
  await testDatabase.drop();
  await rm(dir, { recursive: true, force: true });
});

const readSql = (name: string) => readFile(join(golden, `${name}.sql`), 'utf8');

async function encode(result: ResultSet, format: string): Promise<Buffer> {
  const found = findFormat(format);
  if (!found) throw new Error(`no format ${format}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of found.encode(result, {})) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The same SQL run live, and frozen and read back from the store. */
async function openBoth(name: string): Promise<{ live: ResultSet; frozen: ResultSet }> {
  const sql = await readSql(name);
  const clip = await services.clips.create({ name, sql, mode: 'frozen' });
  const frozen = services.results.openSnapshot(await services.results.getPinned(clip));
  return { live: await services.results.openLive(clip, { nestedJson: true }), frozen };
}

async function encodeBoth(name: string, format: string): Promise<Buffer> {
  const { live, frozen } = await openBoth(name);
  const bytes = await encode(live, format);
  expect(await encode(frozen, format)).toEqual(bytes);
  return bytes;
}

/** Every row of the SQL with its columns renamed as the keyed formats name them. */
function withKeys(sql: string, columns: readonly Column[]): string {
  const keys = uniqueKeys(columns).map((key) => pg.escapeIdentifier(key));
  return `SELECT * FROM (${sql}\n) AS q${keys.length ? `(${keys.join(', ')})` : ''}`;
}

async function copyCsv(sql: string): Promise<string> {
  const copy = new CopyOut(`COPY (${sql}\n) TO STDOUT (FORMAT csv, HEADER)`);
  oracle.query(copy);
  let text = '';
  for await (const part of copy.texts()) text += part;
  return text;
}

describe.each(names)('%s', (name) => {
  test('CSV is what COPY writes', async () => {
    const text = (await encodeBoth(name, 'csv')).toString();
    expect(text).toBe(await copyCsv(await readSql(name)));
    await expect(text).toMatchFileSnapshot(join(golden, `${name}.csv`));
  });

  test('JSON and NDJSON are what row_to_json writes', async () => {
    const sql = await readSql(name);
    const keyed = withKeys(sql, await database.describe(sql));
    const { rows } = await oracle.query<{ json: string }>(
      `SELECT row_to_json(r)::text AS json FROM (${keyed}) r`,
    );
    const lines = rows.map((row) => row.json);
    const ndjson = (await encodeBoth(name, 'ndjson')).toString();
    expect(ndjson).toBe(lines.map((line) => `${line.replace(/[\r\n]/g, ' ')}\n`).join(''));
    const json = (await encodeBoth(name, 'json')).toString();
    expect(json).toBe(lines.length ? `[\n${lines.join(',\n')}\n]` : '[]');
    expect(() => JSON.parse(json)).not.toThrow();
    await expect(ndjson).toMatchFileSnapshot(join(golden, `${name}.ndjson`));
    await expect(json).toMatchFileSnapshot(join(golden, `${name}.json`));
  });

  test('XML is what query_to_xml writes, or refused by row and column', async () => {
    const refused = refusedXml[name];
    if (refused) {
      const error = await encodeBoth(name, 'xml').catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AppError);
      expect(error).toMatchObject({
        code: 'value_not_representable',
        message: expect.stringMatching(refused),
      });
      return;
    }
    const sql = await readSql(name);
    const keyed = withKeys(sql, await database.describe(sql));
    const { rows } = await oracle.query<{ xml: string }>(
      'SELECT query_to_xml($1, true, false, $2)::text AS xml',
      [keyed, ''],
    );
    const text = (await encodeBoth(name, 'xml')).toString();
    expect(text).toBe(rows[0]?.xml);
    await expect(text).toMatchFileSnapshot(join(golden, `${name}.xml`));
  });

  test('Excel holds the cells of the golden file', async () => {
    const bytes = await encodeBoth(name, 'xlsx');
    const workbook = XLSX.read(bytes, { cellNF: true, cellStyles: true });
    const cells = workbook.SheetNames.flatMap((sheetName) =>
      Object.entries(workbook.Sheets[sheetName] as XLSX.WorkSheet)
        .filter(([address]) => !address.startsWith('!'))
        .map(([address, { t, v, z, f }]) =>
          JSON.stringify([sheetName, address, t, v, ...(z ? [z] : []), ...(f ? [f] : [])]),
        ),
    );
    expect(cells.filter((cell) => JSON.parse(cell)[5] !== undefined)).toEqual([]);
    await expect(`${cells.join('\n')}\n`).toMatchFileSnapshot(join(golden, `${name}.xlsx.txt`));
  });

  test('the page holds the rows of the golden file', async () => {
    const { live, frozen } = await openBoth(name);
    const pages = [];
    for (const result of [live, frozen]) {
      const parts = renderClipPage(
        {
          viewer: { signedIn: false },
          clip: { name, sql: 'SELECT 1', database: 'DATABASE_URL', mode: 'live', revision: 1 },
          url: 'https://clips.example/c/slug',
          formats: [],
          columns: result.columns,
          origin: { kind: 'live', ranAt: '2026-01-01T00:00:00.000Z', tookMs: 1 },
          place: { page: 1, pageSize: 100, total: null },
        },
        result.batches,
      );
      let html = '';
      for await (const part of parts) html += part;
      pages.push(/<thead[\s\S]*<\/tbody>/.exec(html)?.[0] ?? '');
    }
    expect(pages[1]).toBe(pages[0]);
    await expect(`${pages[0]}\n`).toMatchFileSnapshot(join(golden, `${name}.html`));
  });
});
