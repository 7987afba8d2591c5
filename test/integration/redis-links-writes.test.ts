/** Changes through a writable link while others change the same rows between the reading of a row and its writing. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';

let site: RedisSite;
let owner: pg.Client;
let holder: pg.Client;

/** True, once the lock is let go of. */
const wait = `(pg_advisory_xact_lock_shared(7)::text = '')`;

/** Runs the statement; when it has read its row and not written it yet, something else happens. */
async function meanwhile(statement: string, change: () => Promise<unknown>): Promise<number | string> {
  await holder.query('BEGIN');
  await holder.query('SELECT pg_advisory_xact_lock(7)');
  const result = owner.query(statement).then(
    ({ rowCount }) => rowCount ?? 0,
    ({ code }: { code: string }) => code,
  );
  const waiting = `SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted`;
  await vi.waitFor(async () => expect((await holder.query(waiting)).rows).toHaveLength(1), {
    timeout: 10_000,
  });
  await change();
  await holder.query('ROLLBACK');
  return await result;
}

const updates = {
  redis: `UPDATE hredis.redis SET value = (value::int + ${wait}::int)::text WHERE key = 'k'`,
  hashes: `UPDATE hredis.hashes SET value = (value::int + ${wait}::int)::text WHERE key = 'h'`,
  zsets: `UPDATE hredis.zsets SET score = score + ${wait}::int WHERE key = 'z'`,
};

describe.each(['postgresUrl', 'postgres15Url'] as const)('through %s', (postgres) => {
  beforeAll(async () => {
    site = await openRedisSite(inject(postgres));
    await site.host.create(
      { name: 'hredis', schema: 'public', reader: site.reader, redis: { prefix: '', writable: true } },
      site.remote,
    );
    owner = new pg.Client({ connectionString: site.database.ownerUrl });
    holder = new pg.Client({ connectionString: site.database.ownerUrl });
    await Promise.all([owner.connect(), holder.connect()]);
  });
  afterAll(async () => {
    await Promise.all([owner?.end(), holder?.end()]);
    await site?.close();
  });
  beforeEach(async () => {
    const { redis } = site;
    await redis.flushall();
    await redis.set('k', '1');
    await redis.hset('h', 'f', '1');
    await redis.sadd('s', 'm');
    await redis.zadd('z', 0.1, 'm');
  });

  it('an UPDATE of a row that is as it was is made', async () => {
    for (const statement of Object.values(updates))
      expect(await meanwhile(statement, async () => {})).toBe(1);
    const { redis } = site;
    expect([await redis.get('k'), await redis.hget('h', 'f'), await redis.zscore('z', 'm')]).toEqual([
      '2',
      '2',
      '1.1000000000000001',
    ]);
  });

  it('an UPDATE of a row that someone else has counted up fails, and loses nothing', async () => {
    const { redis } = site;
    expect(await meanwhile(updates.redis, () => redis.incr('k'))).toBe('40001');
    expect(await meanwhile(updates.hashes, () => redis.hincrby('h', 'f', 1))).toBe('40001');
    expect(await meanwhile(updates.zsets, () => redis.zincrby('z', 1, 'm'))).toBe('40001');
    expect([await redis.get('k'), await redis.hget('h', 'f'), Number(await redis.zscore('z', 'm'))]).toEqual([
      '2',
      '2',
      1.1,
    ]);
  });

  it('an UPDATE of a row that is gone changes nothing', async () => {
    const keys = { redis: 'k', hashes: 'h', zsets: 'z' };
    for (const table of ['redis', 'hashes', 'zsets'] as const)
      expect(await meanwhile(updates[table], () => site.redis.del(keys[table]))).toBe(0);
    expect(await site.redis.keys('*')).toEqual(['s']);
  });

  it.each([
    ['redis', 'k', (key: string) => site.redis.set(key, '2')],
    ['hashes', 'h', (key: string) => site.redis.hset(key, 'f', '2')],
    ['zsets', 'z', (key: string) => site.redis.zadd(key, 2, 'm')],
  ] as const)(
    'a DELETE in %s of a row that has changed fails; of one that is gone it does nothing',
    async (table, key, change) => {
      const statement = `DELETE FROM hredis.${table} WHERE key = '${key}' AND ${wait}`;
      expect(await meanwhile(statement, () => change(key))).toBe('40001');
      expect(await site.redis.exists(key)).toBe(1);
      expect(await meanwhile(statement, () => site.redis.del(key))).toBe(0);
      await change(key);
      expect(await meanwhile(statement, async () => {})).toBe(1);
      expect(await site.redis.exists(key)).toBe(0);
    },
  );

  it('a DELETE in sets of a member that is gone does nothing', async () => {
    const statement = `DELETE FROM hredis.sets WHERE key = 's' AND ${wait}`;
    expect(await meanwhile(statement, () => site.redis.srem('s', 'm'))).toBe(0);
  });
});
