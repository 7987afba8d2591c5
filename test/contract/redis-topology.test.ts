/** Sentinels with a failover, a cluster that loses a node, and TLS with an authority of one's own: all of them real. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { openRedisStore } from '../../src/adapters/redis/store.ts';
import { startRedis } from '../support/redis.ts';
import { startRedisCluster, startRedisSentinel } from '../support/redis-cluster.ts';
import { aClip, changed } from './samples.ts';

const run = promisify(execFile);

test('Sentinels lead to the primary, and to the next one after a failover', async () => {
  const group = await startRedisSentinel();
  const store = openRedisStore({ url: group.url });
  const clip = aClip();
  await store.clips.create(clip);
  await group.failOver();
  const later = changed(clip, { name: 'Later' });
  await vi.waitFor(async () => expect(await store.clips.update(later)).toBe(true), { timeout: 15_000 });
  expect(await store.clips.find(clip.id)).toEqual(later);
  await store.close();
  await group.stop();
});

test('Sentinels that are not there are said so', async () => {
  const store = openRedisStore({ url: 'redis+sentinel://127.0.0.1:1/clips' });
  await expect(store.ping()).rejects.toMatchObject({ code: 'store_unavailable' });
  await store.close();
});

test('a cluster that loses a node fails its calls soon, and is said to be down', async () => {
  const group = await startRedisCluster();
  const store = openRedisStore({ url: group.url });
  // So many that each of the three nodes has some, whatever their random ids.
  const clips = Array.from({ length: 100 }, () => aClip());
  for (const clip of clips) await store.clips.create(clip);
  await group.servers[0]?.stop();
  const found = await Promise.allSettled(clips.map((clip) => store.clips.find(clip.id)));
  const failed = found.filter((each) => each.status === 'rejected');
  expect(failed.length).toBeGreaterThan(0);
  for (const { reason } of failed) expect(reason).toMatchObject({ code: 'store_unavailable' });
  await store.close();
  await group.stop();
});

test('a cluster none of whose nodes answers is said so', async () => {
  const store = openRedisStore({ url: 'redis://127.0.0.1:1,127.0.0.1:2' });
  await expect(store.ping()).rejects.toMatchObject({ code: 'store_unavailable' });
  await expect(store.clips.find('x')).rejects.toMatchObject({ code: 'store_unavailable' });
  await store.close();
});

test('many who ask at once before it answers share what they wait for', async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const store = openRedisStore({ url: 'redis://127.0.0.1:1,127.0.0.1:2' });
  const asked = await Promise.allSettled(Array.from({ length: 50 }, () => store.ping()));
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set(['rejected']));
  await store.close();
  process.off('warning', warned);
  expect(warned).not.toHaveBeenCalled();
});

/** Pings the store in a process of its own: the authorities are read when one starts. */
const pinging = `
  import { openRedisStore } from ${JSON.stringify(new URL('../../src/adapters/redis/store.ts', import.meta.url).href)};
  const store = openRedisStore({ url: process.env.URL_TO_PING });
  await store.ping().then(() => console.log('PONG'), (error) => console.log(error.code, error.cause?.code));
  await store.close();`;

test('rediss:// trusts the authority of NODE_EXTRA_CA_CERTS and no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pgclip-tls-'));
  const at = (name: string) => join(folder, name);
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' ');
  await run('openssl', [...made, '-subj', '/CN=authority', '-keyout', at('ca.key'), '-out', at('ca.pem')]);
  await run('openssl', [
    ...[...made, '-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-keyout', at('redis.key'), '-out', at('redis.pem')],
  ]);
  const server = await startRedis({ tls: { certFile: at('redis.pem'), keyFile: at('redis.key') } });
  const ping = async (env: Record<string, string>) => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', pinging], {
      env: { ...process.env, URL_TO_PING: server.url, ...env },
    });
    return stdout.trim();
  };
  expect(await ping({ NODE_EXTRA_CA_CERTS: at('ca.pem') })).toBe('PONG');
  expect(await ping({})).toBe('store_unavailable UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});
