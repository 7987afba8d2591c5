/** Several real redis-servers that make one store: a Redis Cluster of three, and a primary and replica with a Sentinel. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis.ts';

export interface RedisGroup {
  /** As REDIS_URL. */
  readonly url: string;
  /** The servers that hold data. */
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Slots of three primaries, from and to. */
const slotRanges = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const;

async function untilTrue(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await delay(20);
}

/** Starts a cluster of three primaries; to be stopped. */
export async function startRedisCluster(): Promise<RedisGroup> {
  const servers = await Promise.all(slotRanges.map(() => startRedis({ cluster: 'node' })));
  const clients = servers.map((server) => new Redis(server.url));
  const [first] = servers;
  await Promise.all(
    clients.map(async (client, at) => {
      const [from, to] = slotRanges[at] as readonly [number, number];
      await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    }),
  );
  for (const client of clients.slice(1))
    await client.call('CLUSTER', 'MEET', '127.0.0.1', String(first?.port), String(first?.clusterPort));
  await untilTrue(async () => {
    const states = await Promise.all(clients.map((client) => client.cluster('INFO')));
    return states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:3/.test(state));
  });
  for (const client of clients) client.disconnect();
  return {
    url: `redis://${servers.map((server) => `127.0.0.1:${server.port}`).join(',')}`,
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

export interface SentinelGroup extends RedisGroup {
  /** Makes the replica the primary, and resolves when it is. */
  failOver(): Promise<void>;
}

/** Starts a primary, a replica of it and a Sentinel that watches both as `clips`; to be stopped. */
export async function startRedisSentinel(): Promise<SentinelGroup> {
  const primary = await startRedis();
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  // A Sentinel learns of replicas when it begins, and then only every ten seconds.
  const linked = new Redis(replica.url);
  await untilTrue(async () => (await linked.info('replication')).includes('master_link_status:up'));
  linked.disconnect();
  const folder = await mkdtemp(join(tmpdir(), 'pgclip-sentinel-'));
  const config = join(folder, 'sentinel.conf');
  await writeFile(config, `sentinel monitor clips 127.0.0.1 ${primary.port} 1\n`);
  const sentinel = await startRedis({ sentinelConfig: config });
  const client = new Redis({ port: sentinel.port, host: '127.0.0.1' });
  await untilTrue(async () =>
    String(await client.call('SENTINEL', 'REPLICAS', 'clips')).includes(String(replica.port)),
  );
  return {
    url: `redis+sentinel://127.0.0.1:${sentinel.port}/clips`,
    servers: [primary, replica],
    async failOver() {
      await untilTrue(() => client.call('SENTINEL', 'FAILOVER', 'clips').then(Boolean, () => false));
      await untilTrue(async () => {
        const address = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'clips');
        return Array.isArray(address) && Number(address[1]) === replica.port;
      });
    },
    async stop() {
      client.disconnect();
      await Promise.all([sentinel, primary, replica].map((server) => server.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
