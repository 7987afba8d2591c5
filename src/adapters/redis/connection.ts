/**
 * The connection to Redis: one client for the life of a server, or one per request where sockets can't cross
 * requests (Cloudflare Workers). Connects at the first command and, on a server, again for ever; a command never
 * waits longer than its deadline and is never sent twice.
 */
import { Redis } from 'ioredis';
import { AppError } from '../../domain/errors.ts';
import { toStoreError } from './errors.ts';
import { type Scripts, scripts } from './scripts.ts';

const connectTimeoutMs = 5_000;
const commandTimeoutMs = 10_000;
const maxReconnectDelayMs = 1_000;

/** An ioredis client that has the store's scripts as methods. */
export type RedisClient = Redis & Scripts;

/** What the parts of the store work with. */
export interface RedisConnection {
  readonly redis: RedisClient;
  /** Serves one request, and is not worth remembering anything for. */
  readonly perRequest: boolean;
  /** Runs work on the client; what it throws becomes an AppError. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the socket. */
  close(): Promise<void>;
}

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, with login, password and database number if there are any. */
  readonly url: string;
  /** The client serves one request and is closed with it: no reconnecting, no timers after close. */
  readonly perRequest?: boolean;
}

function newClient({ url, perRequest = false }: RedisConnectionOptions): RedisClient {
  try {
    return new Redis(url, {
      lazyConnect: true,
      connectTimeout: connectTimeoutMs,
      commandTimeout: commandTimeoutMs,
      // A peer that vanished without a word is noticed by its silence, and then connected to anew.
      socketTimeout: commandTimeoutMs,
      disconnectTimeout: 500,
      // 0: what was under way when the connection broke fails at once. Sent again, an append would be there twice.
      maxRetriesPerRequest: 0,
      retryStrategy: perRequest ? null : (times: number) => Math.min(times * 100, maxReconnectDelayMs),
      // LOADING is answered to the first command just as well, without an INFO at each connect.
      enableReadyCheck: false,
      enableAutoPipelining: !perRequest,
      disableClientInfo: true,
      protocol: 2,
      scripts,
    }) as RedisClient;
  } catch {
    // The cause would hold the URL, and the URL the password.
    throw new AppError('store_unavailable', 'REDIS_URL cannot be read: it must be like redis://host:6379/0.');
  }
}

/** Makes a client; nothing connects before the first command. Throws `store_unavailable` for a URL that is none. */
export function openRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const redis = newClient(options);
  let lastFailure: Error | undefined;
  redis.on('error', (error: Error) => {
    lastFailure = error;
  });
  redis.on('ready', () => {
    lastFailure = undefined;
  });
  return {
    redis,
    perRequest: options.perRequest ?? false,
    async attempt(work) {
      try {
        return await work();
      } catch (error) {
        throw toStoreError(error, lastFailure);
      }
    },
    async close() {
      if (redis.status === 'ready') await redis.quit().catch(() => undefined);
      if (redis.status !== 'end') redis.disconnect();
    },
  };
}
