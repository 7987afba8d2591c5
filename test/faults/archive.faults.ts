/**
 * An export of 1,000 clips and 1 GB of snapshots, imported elsewhere and compared byte by byte, with real processes:
 * from Redis into the embedded store. Memory must not grow with what goes through.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type CliResult, runCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type ClipAnswer, testToken } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const clipCount = 1_000;
const totalBytes = 1_000_000_000;
/** About 1 MB as CSV, other rows in each clip; some with what stands beside the CSV. */
const sqlOf = (clip: number) => `select n, md5(n::text || '/${clip}') as hash, 'order ' || n % 97 as name,
  ${clip % 4 === 0 ? 'array[n % 7, n % 11]' : `'{"' || n % 7 || ',' || n % 11 || '}'`} as tags
  from generate_series(${clip}, ${clip} + 18500) n`;
/** Past it, something is kept that should have gone through. */
const maxPeakBytes = 400_000_000;

let database: TestDatabase;
let redis: RedisServer;
let dir: string;
let from: ServerProcess;
let to: ServerProcess;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  redis = await startRedis();
  dir = await mkdtemp(join(tmpdir(), 'pgclip-archive-'));
  const env = { DATABASE_URL: database.readerUrl };
  from = await startServerProcess({ ...env, REDIS_URL: redis.url, PGCLIP_DIR: join(dir, 'from') });
  to = await startServerProcess({ ...env, PGCLIP_DIR: join(dir, 'to') });
});
afterAll(async () => {
  await from?.kill();
  await to?.kill();
  await redis?.stop();
  await database?.drop();
  await rm(dir, { recursive: true, force: true });
});

/** Does something for each, so many at once. */
async function forEach<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) await work(item);
    }),
  );
}

const say = (what: string, startedAt: number, more = '') =>
  console.log(`archive: ${what} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s${more}`);
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

async function cli(server: ServerProcess, ...args: string[]): Promise<CliResult> {
  return runCli(args, { cwd: dir, env: { PGCLIP_URL: server.url, PGCLIP_TOKEN: testToken } });
}

async function csvHash(server: ServerProcess, slug: string): Promise<string> {
  const response = await server.fetch(`/c/${slug}.csv`);
  expect(response.status).toBe(200);
  const hash = createHash('sha256');
  for await (const chunk of response.body ?? []) hash.update(chunk);
  return hash.digest('hex');
}

it('carries 1,000 clips and 1 GB of snapshots from one store to another', async () => {
  let startedAt = performance.now();
  const clips: ClipAnswer[] = [];
  await forEach([...Array(clipCount).keys()], 4, async (n) => {
    const body = { name: `Clip ${n}`, sql: sqlOf(n), mode: 'frozen' };
    const answer = await from.call<ClipAnswer>('POST', '/api/clips', body);
    expect([answer.status, answer.status === 201 ? '' : answer.text]).toEqual([201, '']);
    clips.push(answer.body);
  });
  const bytes = clips.reduce((sum, { snapshot }) => sum + (snapshot?.bytes ?? 0), 0);
  expect(bytes).toBeGreaterThan(totalBytes);
  say(`${clips.length} clips of ${megabytes(bytes)} frozen`, startedAt);

  // Freezing has a peak of its own.
  await from.restart();
  startedAt = performance.now();
  const file = join(dir, 'all.tar');
  expect(await cli(from, 'export', file)).toMatchObject({ code: 0, stderr: '' });
  const exportPeak = await from.peakBytes();
  say(
    'exported',
    startedAt,
    `, ${megabytes((await stat(file)).size)}, peak of the server ${megabytes(exportPeak)}`,
  );

  startedAt = performance.now();
  const { code, stdout, stderr } = await cli(to, 'import', file, '--json');
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({
    ...{ clips: clipCount, snapshots: clipCount, bytes, unchanged: 0, replaced: 0, conflicts: [] },
  });
  const importPeak = await to.peakBytes();
  say('imported', startedAt, `, peak of the server ${megabytes(importPeak)}`);

  startedAt = performance.now();
  await forEach(clips, 4, async ({ id, slug, snapshot }) => {
    const [before, after] = await Promise.all([csvHash(from, slug), csvHash(to, slug)]);
    expect([id, before, after]).toEqual([id, snapshot?.sha256, snapshot?.sha256]);
  });
  say('every CSV compared', startedAt);
  expect(exportPeak).toBeLessThan(maxPeakBytes);
  expect(importPeak).toBeLessThan(maxPeakBytes);
});
