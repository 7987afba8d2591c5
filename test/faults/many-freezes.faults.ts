/** A hundred freezes of ten clips at once, with far fewer connections than that: all of them are there, and all verify. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import { getClip, listSnapshots, verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const clipCount = 10;
const freezesPerClip = 10;
const poolSize = 4;
/** So short that freezes are turned away. */
const queueDeadlineMs = 1_000;

/** Every run gives other bytes: two snapshots can't be taken for each other. */
const sql = `SELECT n, clock_timestamp() AS at, md5(random()::text) AS hash FROM generate_series(1, 60000) AS n`;

let database: TestDatabase;
let redis: RedisServer;
let server: ServerProcess;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  redis = await startRedis();
  server = await startServerProcess({
    DATABASE_URL: database.readerUrl,
    REDIS_URL: redis.url,
    POOL_SIZE: String(poolSize),
    QUEUE_DEADLINE_MS: String(queueDeadlineMs),
  });
});
afterAll(async () => {
  await server?.kill();
  await redis?.stop();
  await database?.drop();
});

let turnedAway = 0;

/** Freezes, and comes back when the server says so. */
async function freeze(clipId: string): Promise<SnapshotAnswer> {
  for (;;) {
    const { status, headers, body, text } = await server.call<SnapshotAnswer & { code: string }>(
      'POST',
      `/api/clips/${clipId}/freeze`,
    );
    if (status === 201) return body;
    expect([status, body.code], text).toEqual([503, 'queue_full']);
    const retryAfter = Number(headers.get('Retry-After'));
    expect(retryAfter).toBeGreaterThan(0);
    turnedAway++;
    await delay(retryAfter * 1000);
  }
}

it('each of a hundred freezes is there, and each clip shows its latest', async () => {
  const clips: ClipAnswer[] = [];
  for (let n = 0; n < clipCount; n++) {
    const { body } = await server.call<ClipAnswer>('POST', '/api/clips', { name: `Clip ${n}`, sql });
    clips.push(body);
  }
  const asked = Array.from(
    { length: clipCount * freezesPerClip },
    (_, n) => clips[n % clipCount] as ClipAnswer,
  );
  const taken = await Promise.all(asked.map(({ id }) => freeze(id)));

  for (const { id } of clips) {
    const own = taken.filter(({ clipId }) => clipId === id);
    expect(own).toHaveLength(freezesPerClip);
    const listed = await listSnapshots(server, id);
    expect(new Set(listed.map((each) => each.id))).toEqual(new Set(own.map((each) => each.id)));
    expect(new Set(listed.map(({ sha256 }) => sha256)).size).toBe(freezesPerClip);
    const times = listed.map(({ takenAt }) => takenAt).sort();
    const { mode, snapshot } = await getClip(server, id);
    expect([mode, snapshot?.takenAt]).toEqual(['frozen', times.at(-1)]);
  }
  expect(await verifyAll(server)).toBe(clipCount * freezesPerClip);
  const peakMB = ((await server.peakBytes()) / 1e6).toFixed(0);
  console.log(
    `many-freezes: ${taken.length} freezes through ${poolSize} connections, ` +
      `${turnedAway} times asked to come back; the server held up to ${peakMB} MB`,
  );
  expect(turnedAway).toBeGreaterThan(0);
});
