/** A database that can link a Redis, and the Redis with a gateway before it: for tests of such links. */
import { Redis } from 'ioredis';
import type { GatewaySettings } from '../../src/config/gateway-settings.ts';
import type { LinkHost } from '../../src/domain/link-host.ts';
import type { RedisRemote } from '../../src/domain/redis-remote.ts';
import { LinkCredentials } from '../../src/linking/credentials.ts';
import { type GatewayServer, startGateway } from '../../src/linking/gateway-server.ts';
import { openRedisRemotes } from '../../src/linking/redis-remotes.ts';
import { allowLinks, hostOf } from './links.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts';
import { testToken } from './server.ts';

export interface RedisSite {
  readonly database: TestDatabase;
  /** DATABASE_URL, with its owner's login, which is no superuser. */
  readonly host: LinkHost;
  readonly reader: string;
  readonly server: RedisServer;
  /** Looks at the same Redis directly. */
  readonly redis: Redis;
  /** CACHE_URL, with the gateway that listens now. */
  readonly remote: RedisRemote;
  gateway: GatewayServer;
  /** The same Redis to a pgclip with another token. */
  remoteWith(token: string): RedisRemote;
  /** Ends the gateway and starts one with this token on the same port. */
  restartGateway(token?: string, more?: Partial<GatewaySettings>): Promise<void>;
  close(): Promise<void>;
}

const settings = { host: '127.0.0.1', port: 0, address: null, certFile: null, keyFile: null };

/** Starts all of it. `postgresUrl` is of the server's superuser. */
export async function openRedisSite(
  postgresUrl: string,
  options: RedisServerOptions & {
    readonly url?: (server: RedisServer) => string;
    /** False: the database's owner may not use postgres_fdw, which nobody has installed. */
    readonly wrapper?: boolean;
  } = {},
): Promise<RedisSite> {
  const server = await startRedis(options);
  const remotes = [{ name: 'CACHE_URL', url: options.url?.(server) ?? server.url }];
  const database = await createTestDatabase(postgresUrl);
  if (options.wrapper !== false) await allowLinks(database);
  const redis = new Redis(server.url);
  // Tests take it away, and see that in what they ask.
  redis.on('error', () => {});
  const open = (token: string, gateway: Partial<GatewaySettings> = {}) =>
    startGateway({
      gateway: { ...settings, ...gateway },
      remotes,
      credentials: new LinkCredentials(token),
      log: () => {},
    });
  const remoteWith = (token: string) =>
    openRedisRemotes({
      remotes,
      credentials: new LinkCredentials(token),
      gateway: { place: 'gateway.test:5432', open: async () => site.gateway.address },
    })[0] as RedisRemote;
  const site: RedisSite = {
    ...{ database, server, redis, remoteWith },
    host: hostOf(database),
    reader: `${database.name}_reader`,
    gateway: await open(testToken),
    remote: remoteWith(testToken),
    async restartGateway(token = testToken, more = {}) {
      const { port } = site.gateway;
      await site.gateway.close();
      site.gateway = await open(token, { port, ...more });
    },
    async close() {
      await database.drop();
      await site.gateway.close();
      redis.disconnect();
      await server.stop();
    },
  };
  return site;
}
