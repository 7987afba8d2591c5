/** A clip may take longer to come in than what is left behind by a crash is kept: its first chunks must not expire. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, test, vi } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { startRedis } from '../support/redis.ts';
import { aClip, aSnapshot, someChunks } from './samples.ts';
import { readChunks } from './snapshot-contract.ts';

const chunks = someChunks(2);
const halfAnHourMs = 1_800_000;

afterEach(() => {
  vi.useRealTimers();
});

/** Brings in a clip of two snapshots; `pass` is called before each chunk of the second. */
async function restoreSlowly(store: Store, pass: () => Promise<void>): Promise<void> {
  const clip = aClip();
  const snapshots = [aSnapshot(clip, chunks), aSnapshot(clip, chunks, { takenAt: '2026-01-01T00:00:00Z' })];
  const restorer = await store.clips.restore(clip.id);
  for (const snapshot of snapshots) {
    const held = await restorer.hold(snapshot.id);
    for (const { bytes } of chunks) {
      if (snapshot === snapshots[1]) await pass();
      await held.append(bytes);
    }
  }
  const revisions = [{ number: 1, sql: clip.sql, database: clip.database, createdAt: clip.createdAt }];
  await restorer.publish({ clip, revisions, snapshots }, null);
  for (const snapshot of snapshots) expect(await readChunks(store, snapshot)).toHaveLength(2);
}

test('in the store file it is not swept', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-expiry-'));
  const store = await openEmbeddedStore({ file: join(dir, 'store.db') });
  vi.useFakeTimers({ toFake: ['Date'] });
  await restoreSlowly(store, async () => {
    vi.setSystemTime(Date.now() + halfAnHourMs + 1);
    // Others that begin sweep.
    await (await store.snapshots.begin('other', 'other')).abandon();
  });
  await store.close();
  await rm(dir, { recursive: true });
});

test('in Redis its lists get their time anew', async () => {
  const server = await startRedis();
  const raw = new Redis(server.url);
  const store = openRedisStore({ url: server.url });
  vi.useFakeTimers({ toFake: ['Date'] });
  let passed = 0;
  await restoreSlowly(store, async () => {
    vi.setSystemTime(Date.now() + halfAnHourMs + 1);
    const lists = await raw.keys('pgclip:{*}:pending:*');
    const ttls = await Promise.all(lists.map((key) => raw.pttl(key)));
    expect(Math.min(...ttls)).toBeGreaterThan(halfAnHourMs);
    for (const key of lists) await raw.pexpire(key, halfAnHourMs);
    passed++;
  });
  expect(passed).toBe(2);
  expect(await raw.keys('pgclip:{*}:pending:*')).toEqual([]);
  await store.close();
  await raw.quit();
  await server.stop();
});
