/** A page of the list costs the same whatever the number of clips: counted in commands and read off query plans. */
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import { encodeClip } from '../../src/adapters/redis/clip-hash.ts';
import { listingKey } from '../../src/adapters/redis/keys.ts';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import { clipPosition } from '../../src/adapters/store-order.ts';
import { startRedis } from '../support/redis.ts';
import { aClip } from './samples.ts';

/**
 * ARGV: makes clips with a number after `from` up to `to`. Then the key of the list, and the position, id and fields of
 * a clip that they are like but for their id.
 */
const fill = `
local from, to, list, position, id = unpack(ARGV, 1, 5)
local fields = {unpack(ARGV, 6)}
for number = from + 1, to do
  local own = id .. string.format('%06d', number)
  for i = 1, #fields, 2 do if fields[i] == 'id' then fields[i + 1] = own end end
  redis.call('ZADD', list, 0, string.sub(position, 1, -1 - #id) .. own)
  redis.call('HSET', 'pgclip:{' .. own .. '}', unpack(fields))
end`;

async function callsOf(raw: Redis, work: () => Promise<unknown>): Promise<Record<string, number>> {
  await raw.config('RESETSTAT');
  await work();
  const stats = await raw.info('commandstats');
  const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [
    name,
    Number(count),
  ]);
  const { 'config|resetstat': _, ...counted } = Object.fromEntries(calls);
  return counted;
}

test('in Redis', { timeout: 60_000 }, async () => {
  const server = await startRedis();
  const raw = new Redis(server.url);
  const store = openRedisStore({ url: server.url });
  const costs: object[] = [];
  const clip = aClip();
  let made = 0;
  for (const size of [100, 100_000]) {
    await raw.eval(fill, 0, made, size, listingKey, clipPosition(clip), clip.id, ...encodeClip(clip));
    made = size;
    const first = await store.clips.list({ limit: 20 });
    expect(first.clips).toHaveLength(20);
    const cursor = first.next ?? '';
    costs.push(
      await callsOf(raw, () => store.clips.list({ limit: 20 })),
      await callsOf(raw, () => store.clips.list({ limit: 20, cursor })),
    );
  }
  // One more than the page has tells whether there is a next one.
  for (const cost of costs) expect(cost).toEqual({ zrevrangebylex: 1, hgetall: 21 });
  expect(await raw.zcard(listingKey)).toBe(100_000);
  await store.close();
  raw.disconnect();
  await server.stop();
});

test('in the embedded store', async () => {
  const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
  const store = await openEmbeddedStore({ file: ':memory:' });
  const database = prepare.mock.contexts[0] as DatabaseSync;
  const lists = prepare.mock.calls.map(([sql]) => sql).filter((sql) => /FROM clips .*ORDER BY/.test(sql));
  prepare.mockRestore();
  expect(lists).toHaveLength(2);
  const plans = lists.map((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all(...(sql.includes('?') ? [''] : []))
      .map((row) => row.detail),
  );
  // Rows are read one by one in the order of an index, so a page reads as many as it shows; nothing is sorted.
  expect(plans.map((plan) => plan.length)).toEqual([1, 1]);
  expect(plans.flat().toSorted()).toEqual([
    expect.stringMatching(/^SCAN clips USING INDEX \w+$/),
    expect.stringMatching(/^SEARCH clips USING INDEX \w+ \(position<\?\)$/),
  ]);
  await store.close();
});
