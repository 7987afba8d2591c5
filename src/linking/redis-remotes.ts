/**
 * The Redis of the config as remotes of data links: where databases reach them, with which logins, and whether they can
 * be read at all.
 */
import { randomUUID } from 'node:crypto';
import { listingKey } from '../adapters/redis/keys.ts';
import { openRedisLink } from '../adapters/redis/link.ts';
import type { HostAndPort } from '../config/gateway-settings.ts';
import { AppError } from '../domain/errors.ts';
import { parseRedisAddress } from '../domain/redis-address.ts';
import { type RedisLink, RedisLinkError } from '../domain/redis-link.ts';
import {
  type GatewayAddress,
  type GatewayCredentials,
  placeOf,
  type RedisAccess,
  type RedisRemote,
  type RemoteGateway,
} from '../domain/redis-remote.ts';
import { type LinkCredentials, readUser } from './credentials.ts';

/** The longest that a Redis may take to answer. */
const checkDeadlineMs = 10_000;
/** Enough of them to be of different nodes, were it a cluster. */
const triedKeys = 8;

export interface RedisRemotesOptions {
  /** By config var. The URLs are secret. */
  readonly remotes: readonly { readonly name: string; readonly url: string }[];
  readonly credentials: LinkCredentials;
  /** Null: none is configured. */
  readonly gateway: RemoteGateway | null;
}

/** The remotes, in the order of the config. */
export function openRedisRemotes({
  remotes,
  credentials,
  gateway,
}: RedisRemotesOptions): readonly RedisRemote[] {
  return remotes.map(({ name, url }) => ({
    name,
    database: databaseOf(url),
    gateway,
    makeLogin(access, user): GatewayCredentials {
      const meaning = { ...access, remote: name };
      const same = user !== undefined && isSame(readUser(user), meaning);
      return same ? { user, password: credentials.passwordOf(user) } : credentials.make(meaning);
    },
    seal: (link) => credentials.seal(link),
    check: (access) => checkRedis(name, url, access),
  }));
}

/** What of the settings tells of them. */
export interface RedisRemoteSettings {
  readonly remotes: readonly { readonly name: string; readonly url: string }[];
  readonly gateway: { readonly address: HostAndPort | null };
}

/** The remotes of a pgclip that serves no gateway itself: another one is at GATEWAY_ADDRESS, or there is none. */
export function remotesWithoutGateway(
  { remotes, gateway }: RedisRemoteSettings,
  credentials: LinkCredentials,
): readonly RedisRemote[] {
  const elsewhere = gateway.address && fixedGateway({ ...gateway.address, tls: 'unknown' });
  return openRedisRemotes({ remotes, credentials, gateway: elsewhere });
}

/** A gateway that another process serves. */
export function fixedGateway(address: GatewayAddress): RemoteGateway {
  return { place: placeOf(address), open: async () => address };
}

function databaseOf(url: string): number {
  const address = parseRedisAddress(url);
  return address?.kind === 'single' || address?.kind === 'sentinel' ? address.database : 0;
}

function isSame(
  a: (RedisAccess & { readonly remote: string }) | null,
  b: RedisAccess & { readonly remote: string },
): boolean {
  return a?.remote === b.remote && a.prefix === b.prefix && a.writable === b.writable;
}

/** Reads some keys that there are hardly, with the commands that the gateway reads with. */
async function checkRedis(name: string, url: string, { prefix }: RedisAccess): Promise<void> {
  const signal = AbortSignal.timeout(checkDeadlineMs);
  const keys = Array.from({ length: triedKeys }, () => Buffer.from(randomUUID()));
  let link: RedisLink | undefined;
  const read = async () => {
    link = openRedisLink({ url, prefix });
    await link.countKeys();
    const question = { table: 'redis', keys, prefix: Buffer.alloc(0), parts: null, signal } as const;
    for await (const _ of link.read({ ...question, wanted: [true, true, true] }));
    if (await holdsStore(link, prefix, signal))
      throw new AppError(
        'remote_refused',
        `${name} is the store of a pgclip, by another name perhaps, which is not linked: it would show every slug to SQL. Link another Redis, or another database number of it.`,
      );
  };
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  late.catch(() => {});
  try {
    await Promise.race([read(), late]);
  } catch (error) {
    throw toAppError(error, name);
  } finally {
    await link?.close();
  }
}

/** Whether a store's list of clips is among the keys that the link shows. Its URL may name it otherwise than REDIS_URL. */
async function holdsStore(link: RedisLink, prefix: string, signal: AbortSignal): Promise<boolean> {
  if (!listingKey.startsWith(prefix)) return false;
  const keys = [Buffer.from(listingKey.slice(prefix.length))];
  const question = { table: 'zsets', keys, prefix: Buffer.alloc(0), parts: null, signal } as const;
  for await (const rows of link.read({ ...question, wanted: [true, true, true] }))
    if (rows.length > 0) return true;
  return false;
}

function toAppError(error: unknown, name: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof RedisLinkError) {
    const { failure, message } = error;
    if (failure === 'unreachable')
      return new AppError('remote_unavailable', `${name}: ${message}`, {
        cause: error.cause,
        retryAfterSeconds: 5,
      });
    return new AppError('remote_refused', `${name}: ${message}`, { cause: error.cause });
  }
  if (error instanceof Error && error.name === 'TimeoutError')
    return new AppError('remote_unavailable', `${name} has not answered in time. Try again in a moment.`, {
      retryAfterSeconds: 5,
    });
  throw error;
}
