/** Redis reaches its `maxmemory` in the middle of a freeze: 507, nothing half-written, everything else is served. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import { countPending, findStrayKeys } from './leftovers.ts';
import { expectCsv, getClip, listSnapshots, readDigest, verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const maxMemory = 24 * 1024 * 1024;

/** About 60 MB as CSV, and far more than `maxMemory` as it is stored. */
const largeSql = 'SELECT n, md5(n::text) || md5((-n)::text) AS hash FROM generate_series(1, 800000) AS n';
const smallSql = (rows: number) => `SELECT n, md5(n::text) AS hash FROM generate_series(1, ${rows}) AS n`;

let database: TestDatabase;
let redis: RedisServer;
let raw: Redis;
let server: ServerProcess;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  redis = await startRedis({ args: ['--maxmemory', String(maxMemory), '--maxmemory-policy', 'noeviction'] });
  raw = new Redis(redis.url);
  server = await startServerProcess({ DATABASE_URL: database.readerUrl, REDIS_URL: redis.url });
});
afterAll(async () => {
  await server?.kill();
  raw?.disconnect();
  await redis?.stop();
  await database?.drop();
});

async function save(name: string, sql: string, mode: string): Promise<ClipAnswer> {
  const { status, body, text } = await server.call<ClipAnswer>('POST', '/api/clips', { name, sql, mode });
  expect(status, text).toBe(201);
  return body;
}

const freeze = (id: string) =>
  server.call<SnapshotAnswer & { code: string }>('POST', `/api/clips/${id}/freeze`);

/** Fills Redis up to the brim with what is no snapshot, to the last 100 bytes. */
async function fill(): Promise<void> {
  for (let bytes = 1024 * 1024, n = 0; bytes >= 100; n++) {
    const done = await raw.set(`ballast:${bytes}:${n}`, Buffer.alloc(bytes)).catch(() => null);
    if (done === null) bytes = Math.floor(bytes / 2);
  }
}

it('refuses the freeze that does not fit, and leaves everything else as it was', async () => {
  const frozen = await save('Frozen', smallSql(30_000), 'frozen');
  const live = await save('Live', smallSql(5_000), 'live');
  const large = await save('Large', largeSql, 'live');
  const keysBefore = await raw.dbsize();

  let over = false;
  const answering = freeze(large.id).finally(() => {
    over = true;
  });
  let reads = 0;
  for (; !over; reads++) {
    await expectCsv(server, `/c/${frozen.slug}.csv`, frozen.snapshot as SnapshotAnswer);
    expect((await readDigest(server, `/c/${live.slug}.csv`)).status).toBe(200);
  }
  const answer = await answering;
  expect([answer.status, answer.body.code]).toEqual([507, 'store_full']);
  expect(await getClip(server, large.id)).toEqual(large);
  expect(await listSnapshots(server, large.id)).toEqual([]);
  expect(await countPending(raw)).toBe(0);
  expect(await raw.dbsize()).toBe(keysBefore);
  const peakMB = Number(/used_memory_peak:(\d+)/.exec(await raw.info('memory'))?.[1]) / 1e6;
  console.log(
    `full-redis: ${reads} rounds of other reads meanwhile, Redis held up to ${peakMB.toFixed(1)} MB`,
  );
  expect(reads).toBeGreaterThan(0);

  const created = await server.call<{ code: string }>('POST', '/api/clips', {
    name: 'Never',
    sql: largeSql,
    mode: 'frozen',
  });
  expect([created.status, created.body.code]).toEqual([507, 'store_full']);
  expect((await server.call<{ clips: unknown[] }>('GET', '/api/clips')).body.clips).toHaveLength(3);
  expect(await verifyAll(server)).toBe(1);
});

it('serves and deletes when there is no room for a single byte, and takes snapshots again when there is', async () => {
  const frozen = await save('Brim', smallSql(40_000), 'frozen');
  const first = frozen.snapshot as SnapshotAnswer;
  const second = (await freeze(frozen.id)).body;
  const live = await save('Live at the brim', smallSql(5_000), 'live');
  const doomed = await save('Doomed', smallSql(10), 'frozen');
  await fill();

  for (const id of [frozen.id, live.id]) {
    const refused = await freeze(id);
    expect([refused.status, refused.body.code]).toEqual([507, 'store_full']);
  }
  const changes = [
    ['PATCH', `/api/clips/${live.id}`, { name: 'Another' }],
    ['POST', `/api/clips/${frozen.id}/rotate`, undefined],
    ['POST', '/api/clips', { name: 'Never', sql: 'select 1' }],
  ] as const;
  // Redis gives back buffers of its connections when it likes: below what it holds there is no room for certain.
  const [, room = ''] = (await raw.config('GET', 'maxmemory')) as string[];
  await raw.config('SET', 'maxmemory', '1mb');
  for (const [method, path, body] of changes) {
    const { status, body: problem } = await server.call<{ code: string }>(method, path, body);
    expect([path, status, problem.code]).toEqual([path, 507, 'store_full']);
  }
  await raw.config('SET', 'maxmemory', room);
  expect(await getClip(server, live.id)).toEqual(live);
  expect((await getClip(server, frozen.id)).slug).toBe(frozen.slug);

  // Formats that were never asked for are given, though they can't be kept.
  await expectCsv(server, `/c/${frozen.slug}.csv`, second);
  await expectCsv(server, `/c/${frozen.slug}/s/${first.id}.csv`, first);
  for (const format of ['json', 'ndjson', 'xml', 'xlsx', 'html'])
    expect([format, (await readDigest(server, `/c/${frozen.slug}.${format}`)).status]).toEqual([format, 200]);
  const etag = (await server.fetch(`/c/${frozen.slug}.csv`)).headers.get('ETag') as string;
  const known = await server.fetch(`/c/${frozen.slug}.csv`, { headers: { 'If-None-Match': etag } });
  expect(known.status).toBe(304);
  expect((await readDigest(server, `/c/${live.slug}.csv`)).status).toBe(200);
  expect((await server.fetch('/readyz')).status).toBe(200);
  expect(await findStrayKeys(raw, server)).toEqual([]);

  expect((await server.call('DELETE', `/api/clips/${frozen.id}/snapshots/${first.id}`)).status).toBe(204);
  expect((await server.call('DELETE', `/api/clips/${doomed.id}`)).status).toBe(204);
  expect((await server.fetch(`/c/${frozen.slug}/s/${first.id}.csv`)).status).toBe(404);
  expect((await server.fetch(`/c/${doomed.slug}.csv`)).status).toBe(404);

  await raw.config('SET', 'maxmemory', '0');
  expect((await freeze(live.id)).status).toBe(201);
  await verifyAll(server);
  expect(await findStrayKeys(raw, server)).toEqual([]);
});
