/**
 * What the bench of Redis links runs on: a Redis full of counters and an idle one, a PostgreSQL 18 and Debian's with
 * widgets, a gateway in a process of its own, and a pgclip that has linked the Redis into both databases.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type Postgres, startPostgres } from '../src/demo/postgres.ts';
import { findDebianPostgres } from '../test/support/postgres.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { execute, makeClustersDir, makeLocal } from './database.ts';
import { callApi, token } from './pgclip.ts';
import { readCommand, type Server, startServer } from './processes.ts';

/** Keys of the Redis, and rows of its largest join. */
export const keyCount = Number(process.env.BENCH_REDIS_KEYS ?? 1_000_000);
export const widgetCounts = [1_000, Math.min(100_000, keyCount)] as const;

/** A database that the Redis is linked into as `hredis`, with a table `widgets_N` for each count. */
export interface Shop {
  /** Such as `PG 18`. */
  readonly label: string;
  /** Its config var. */
  readonly database: string;
  /** The login of clips. */
  readonly url: string;
}

export interface Stage {
  readonly dir: string;
  readonly redis: RedisServer;
  /** Of the bench itself, to the full Redis. */
  readonly client: Redis;
  /** The one that nobody uses. */
  readonly idleRedis: RedisServer;
  readonly shops: readonly Shop[];
  readonly gateway: Server;
  readonly server: Server;
}

/** Commands that take longer than a millisecond are noted. */
const redisArgs = ['--slowlog-log-slower-than', '1000', '--slowlog-max-len', '100000'];
const pgclip = join(import.meta.dirname, '../bin/pgclip.js');

/** The key of a widget. */
export const keyOf = (id: number) => `widget:${id}`;

/** Sets everything up for the work and ends it all afterwards. Needs a built pgclip. */
export async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const dir = await makeClustersDir('pgclip-bench-redis-');
  const stops: (() => Promise<void>)[] = [() => rm(dir, { recursive: true, force: true })];
  const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const running = await starting;
    stops.push(() => running.stop());
    return running;
  };
  try {
    const [redis, idleRedis] = [await start(startRedis({ args: redisArgs })), await start(startRedis())];
    const client = new Redis(redis.url);
    stops.push(async () => client.disconnect());
    await fill(client);
    const options = { fsync: 'off', shared_buffers: '256MB' };
    const shops: Shop[] = [];
    let vars: Record<string, string> = {
      ...{ CACHE_URL: redis.url, API_TOKEN: token, PGCLIP_DIR: join(dir, 'store') },
    };
    for (const [name, program] of [
      ['SHOP', {}],
      ['OLDER_SHOP', await findDebianPostgres()],
    ] as const) {
      const cluster = await start(startPostgres({ dir: join(dir, name), options, ...program }));
      const made = await makeShop(cluster, name);
      shops.push(made.shop);
      vars = { ...vars, ...made.vars };
    }
    const gateway = await start(startServer(pgclip, ['gateway'], { ...vars, GATEWAY_PORT: '0' }));
    const server = await start(
      startServer(pgclip, ['serve'], { ...vars, GATEWAY_ADDRESS: gateway.url, PORT: '0' }),
    );
    for (const { database } of shops)
      await callApi(server, `/databases/${database}/links`, {
        method: 'POST',
        body: { remote: 'CACHE_URL', as: 'hredis' },
      });
    await work({ dir, redis, client, idleRedis, shops, gateway, server });
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** As many counters as there are to be, with values of one to five digits. */
async function fill(client: Redis): Promise<void> {
  const perCommand = 1_000;
  for (let first = 1; first <= keyCount; first += perCommand) {
    const pairs: string[] = [];
    for (let id = first; id < first + perCommand && id <= keyCount; id++)
      pairs.push(keyOf(id), String((id * 7_919) % 100_003));
    await client.mset(...pairs);
  }
}

async function makeShop(
  cluster: Postgres,
  name: string,
): Promise<{ shop: Shop; vars: Readonly<Record<string, string>> }> {
  const vars = await makeLocal(cluster, name);
  await execute(
    cluster.superuserUrl('shop'),
    ...widgetCounts.flatMap((count) => [
      `CREATE TABLE widgets_${count} AS
        SELECT g AS id, 'Widget ' || g AS name, g % 100 AS stock FROM generate_series(1, ${count}) AS g`,
      `GRANT SELECT ON widgets_${count} TO reader`,
      `VACUUM ANALYZE widgets_${count}`,
    ]),
  );
  const database = `${name}_URL`;
  const url = vars[database] ?? '';
  const version = await readCommand('psql', ['--no-psqlrc', '-Atc', 'SHOW server_version', url]);
  return { shop: { label: `PG ${Number.parseInt(version, 10)}`, database, url }, vars };
}
