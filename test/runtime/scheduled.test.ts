/** The Cron Trigger of the Worker, in workerd: what it removes from a real Redis. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestHarness } from 'wrangler';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import type { Retention } from '../../src/domain/retention.ts';
import { aChunk, aClip, aSnapshot } from '../contract/samples.ts';
import { testToken } from '../support/server.ts';

const redisUrl = `${inject('redisUrl')}/15`;
const dayMs = 24 * 60 * 60 * 1000;

let store: Store;
let harness: ReturnType<typeof createTestHarness>;

beforeAll(async () => {
  store = openRedisStore({ url: redisUrl });
  harness = createTestHarness({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    workers: [
      {
        configPath: './wrangler.toml',
        vars: { DATABASE_URL: inject('postgresUrl'), REDIS_URL: redisUrl, API_TOKEN: testToken },
      },
    ],
  });
  await harness.listen();
});
afterAll(async () => {
  await harness.close();
  await store.close();
});

/** A clip frozen ten days ago, two days ago and now. */
async function frozenClip(retention: Retention): Promise<string> {
  const clip = aClip({ retention });
  await store.clips.create(clip);
  for (const days of [10, 2, 0]) {
    const takenAt = new Date(Date.now() - days * dayMs).toISOString();
    const snapshot = aSnapshot(clip, [aChunk], { takenAt });
    const writer = await store.snapshots.begin(clip.id, snapshot.id);
    await writer.append(aChunk);
    await writer.publish(snapshot, { kind: 'pin', updatedAt: takenAt });
  }
  return clip.id;
}

it('removes what clips do not keep, and nothing else', async () => {
  const clips = await Promise.all([frozenClip(null), frozenClip({ days: 5 }), frozenClip({ last: 1 })]);
  const result = await harness.getWorker().scheduled({ cron: '17 * * * *', scheduledTime: new Date() });
  expect(result.outcome).toBe('ok');
  const left = await Promise.all(clips.map(async (id) => (await store.snapshots.list(id)).length));
  expect(left).toEqual([3, 2, 1]);
});
