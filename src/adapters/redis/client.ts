/**
 * ioredis clients for each shape of address: one server, a Redis Cluster, Sentinels. All of them behave the same: they
 * connect at the first command, no command waits longer than its deadline, and none is ever sent twice.
 */
import { Cluster, type ClusterOptions, Redis, type RedisCommander, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../../domain/redis-address.ts';
import { type Scripts, scripts } from './scripts.ts';

const connectTimeoutMs = 5_000;
/** The longest that a command waits for its answer. */
const commandTimeoutMs = 10_000;
const maxReconnectDelayMs = 1_000;

/** What the store asks of Redis: its commands, with the store's scripts among them. */
export type RedisClient = Pick<Redis, keyof RedisCommander | 'multi' | 'pipeline'> & Scripts;

export type AnyClient = Redis | Cluster;

const reconnectDelay = (times: number) => Math.min(times * 100, maxReconnectDelayMs);

function serverOptions(perRequest: boolean) {
  return {
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // A peer that vanished without a word is noticed by its silence, and then connected to anew.
    socketTimeout: commandTimeoutMs,
    disconnectTimeout: 500,
    // 0: what was under way when the connection broke fails at once. Sent again, an append would be there twice.
    maxRetriesPerRequest: 0,
    retryStrategy: perRequest ? null : reconnectDelay,
    // LOADING is answered to the first command just as well, without an INFO at each connect.
    enableReadyCheck: false,
    enableAutoPipelining: !perRequest,
    disableClientInfo: true,
    protocol: 2,
  } satisfies RedisOptions;
}

function clusterOptions(address: RedisAddress & { kind: 'cluster' }, perRequest: boolean) {
  const { enableAutoPipelining, retryStrategy, ...node } = serverOptions(perRequest);
  const { username, password, tls } = address;
  return {
    lazyConnect: true,
    clusterRetryStrategy: retryStrategy ?? (() => null),
    enableReadyCheck: false,
    enableAutoPipelining,
    slotsRefreshTimeout: connectTimeoutMs,
    // Other than ioredis's own values, 0 sends nothing again that a node may have done already.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // Names as the nodes tell them: certificates are made out to names.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: {
      ...node,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(tls && { tls: {} }),
    },
    scripts,
  } satisfies ClusterOptions;
}

function sentinelOptions(address: RedisAddress & { kind: 'sentinel' }) {
  const { sentinels, master, database, username, password, sentinelUsername, sentinelPassword } = address;
  return {
    sentinels: [...sentinels],
    name: master,
    role: 'master' as const,
    db: database,
    sentinelCommandTimeout: connectTimeoutMs,
    // When none of them answers, the attempt to connect has failed like any other.
    sentinelRetryStrategy: () => null,
    // After a failover the old primary may still be there, as a replica: the Sentinels are asked anew.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(address.tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
  } satisfies RedisOptions;
}

/** When SELECT is refused, ioredis would go on in database 0: that of someone else. Nothing is asked there. */
function stayInDatabase(client: Redis): Redis {
  let refused: Error | null = null;
  client.on('error', (error: Error & { readonly command?: { readonly name?: string } }) => {
    if (error === refused || error.command?.name !== 'select') return;
    refused = error;
    // What is written to the connection from now on is not sent any more.
    client.disconnect(true);
  });
  client.on('close', () => {
    // It has said meanwhile that it is ready, which would be believed.
    if (refused) client.emit('error', refused);
    refused = null;
  });
  return client;
}

/** A client that has not connected yet. `perRequest`: no reconnecting, no timers after close. */
export function makeClient(address: RedisAddress, perRequest: boolean): AnyClient {
  switch (address.kind) {
    case 'single':
      return stayInDatabase(new Redis(address.url, { ...serverOptions(perRequest), scripts }));
    case 'cluster':
      return new Cluster([...address.nodes], clusterOptions(address, perRequest));
    case 'sentinel':
      return stayInDatabase(
        new Redis({ ...serverOptions(perRequest), ...sentinelOptions(address), scripts }),
      );
  }
}

/** The servers that take writes: one, or each primary of a cluster that is connected. */
export function primariesOf(client: AnyClient): readonly Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client];
}

/** Those who wait for a client share its listeners. */
const waits = new WeakMap<AnyClient, Promise<void>>();

/**
 * Resolves when commands reach the cluster. Its client would keep those that come before in a queue without a deadline;
 * a single server's client fails them when it can't connect. Rejects when the attempt to connect that is under way, or
 * the next one, fails.
 */
export function untilReady(client: AnyClient): Promise<void> {
  if (!(client instanceof Cluster) || client.status === 'ready') return Promise.resolve();
  const wait = waits.get(client) ?? waitUntilReady(client).finally(() => waits.delete(client));
  waits.set(client, wait);
  return wait;
}

function waitUntilReady(client: Cluster): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => settle(() => reject(new Error('Connection is closed.')));
    const ready = () => settle(resolve);
    const deadline = setTimeout(closed, commandTimeoutMs);
    function settle(done: () => void): void {
      clearTimeout(deadline);
      client.off('ready', ready).off('close', closed).off('end', closed);
      done();
    }
    client.on('ready', ready).on('close', closed).on('end', closed);
    if (client.status === 'wait') client.connect().catch(() => undefined);
    else if (client.status === 'end' || client.status === 'disconnecting') closed();
  });
}
