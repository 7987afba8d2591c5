/**
 * The connection to Redis: one client for the life of a server, or one per request where sockets can't cross
 * requests (Cloudflare Workers). Connects at the first command and, on a server, again for ever.
 */
import { AppError } from '../../domain/errors.ts';
import { parseRedisAddress, type RedisAddress } from '../../domain/redis-address.ts';
import { type AnyClient, makeClient, type RedisClient, untilReady } from './client.ts';
import { toStoreError } from './errors.ts';
import { storeFull } from './memory.ts';

export type { RedisClient } from './client.ts';

/** What the parts of the store work with. */
export interface RedisConnection {
  readonly redis: RedisClient;
  /** The same client, for what differs between one server and a cluster. */
  readonly client: AnyClient;
  /** Serves one request, and is not worth remembering anything for. */
  readonly perRequest: boolean;
  /** Runs work on the client; what it throws becomes an AppError. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the sockets. */
  close(): Promise<void>;
}

export interface RedisConnectionOptions {
  /** Any of the shapes of domain/redis-address.ts. Secret. */
  readonly url: string;
  /** The client serves one request and is closed with it: no reconnecting, no timers after close. */
  readonly perRequest?: boolean;
}

function newClient(address: RedisAddress | null, perRequest: boolean): AnyClient {
  try {
    if (address) return makeClient(address, perRequest);
  } catch {
    // The cause would hold the URL, and the URL the password.
  }
  throw new AppError('store_unavailable', 'REDIS_URL cannot be read: it must be like redis://host:6379/0.');
}

/** Makes a client; nothing connects before the first command. Throws `store_unavailable` for a URL that is none. */
export function openRedisConnection({ url, perRequest = false }: RedisConnectionOptions): RedisConnection {
  const client = newClient(parseRedisAddress(url), perRequest);
  let lastFailure: Error | undefined;
  const failed = (error: Error & { readonly lastNodeError?: Error }) => {
    // What a cluster's client says of all nodes tells less than what one of them said.
    lastFailure = error.lastNodeError ?? error;
  };
  client.on('error', failed);
  client.on('ready', () => {
    lastFailure = undefined;
  });

  return {
    redis: client as unknown as RedisClient,
    client,
    perRequest,
    async attempt(work) {
      try {
        await untilReady(client);
        return await work();
      } catch (thrown) {
        const error = toStoreError(thrown, lastFailure);
        throw error.code === 'store_full' ? await storeFull(client, error) : error;
      }
    },
    async close() {
      if (client.status === 'ready') await client.quit().catch(() => undefined);
      if (client.status !== 'end') client.disconnect();
    },
  };
}
