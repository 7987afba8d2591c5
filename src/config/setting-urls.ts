/**
 * The config vars that are known by their ending: `*_URL` with a Postgres or Redis URL, `*_OWNER_URL`. Their values
 * hold passwords: no message here repeats one.
 * Source: PostgreSQL manual, "Connection URIs"; the provisional `redis` and `rediss` URI schemes.
 */

import { parseRedisAddress, type RedisHost } from '../domain/redis-address.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A URL with its credentials. Secret. */
export interface NamedUrl {
  /** The config var, e.g. `WAREHOUSE_URL`. */
  readonly name: string;
  readonly url: string;
}

export interface DatabaseUrls {
  /** The databases that clips can run against, by name. */
  readonly databases: readonly NamedUrl[];
  /** The privileged URL of each database that has one, by the database's name (`DATABASE_URL`). Secret. */
  readonly ownerUrls: Readonly<Record<string, string>>;
  /** The Redis that can be linked, by name. */
  readonly remotes: readonly NamedUrl[];
}

const schemes = { postgres: /^postgres(ql)?:/i, redis: /^rediss?:/i };

/** Sorts the environment's URLs by what they are. Adds a line to `problems` for each that can't be read. */
export function parseDatabaseUrls(env: Environment, problems: string[]): DatabaseUrls {
  const databases: NamedUrl[] = [];
  const remotes: NamedUrl[] = [];
  const owners: NamedUrl[] = [];
  for (const [name, url] of Object.entries(env).sort()) {
    if (!url || !name.endsWith('_URL') || name === 'REDIS_URL') continue;
    if (schemes.postgres.test(url)) {
      if (!isPostgresUrl(url))
        problems.push(
          `${name} is not a URL that can be read; expected postgres://user:password@host:5432/database (special characters in the password percent-encoded).`,
        );
      else (name.endsWith('_OWNER_URL') ? owners : databases).push({ name, url });
    } else if (schemes.redis.test(url)) {
      if (parseRedisAddress(url)?.kind === 'single') remotes.push({ name, url });
      else
        problems.push(`${name} is not a URL that can be read; expected redis://user:password@host:6379/0.`);
    } else if (name === 'DATABASE_URL' || name.endsWith('_OWNER_URL')) {
      problems.push(`${name} is not a Postgres URL; expected postgres://user:password@host:5432/database.`);
    }
  }
  const ownerUrls: Record<string, string> = {};
  for (const owner of owners) {
    const name = owner.name.replace(/_OWNER_URL$/, '_URL');
    if (databases.some((each) => each.name === name)) ownerUrls[name] = owner.url;
    else if (!env[name]) problems.push(`${owner.name} is set, but ${name}, whose owner it is, is missing.`);
  }
  return { databases, ownerUrls, remotes };
}

/** What is wrong with a remote beside the store, or null. A store that is linked would show every slug to SQL. */
export function findRemoteProblem(remote: NamedUrl, storeUrl: string): string | null {
  const places = findPlaces(storeUrl);
  if (!findPlaces(remote.url).some((place) => places.includes(place))) return null;
  return `${remote.name} is the store itself (the Redis of REDIS_URL), which can't be linked; expected another Redis or another database number.`;
}

/** The servers and database that a URL names. Sentinels name none: which server is the primary changes. */
function findPlaces(url: string): readonly string[] {
  const address = parseRedisAddress(url);
  if (address?.kind === 'single') return [placeOf(address, address.database)];
  return address?.kind === 'cluster' ? address.nodes.map((node) => placeOf(node, 0)) : [];
}

function placeOf({ host, port }: RedisHost, database: number): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  // The names of this machine; a name that DNS gives the store besides can't be seen from here.
  const local = /^(localhost|\[?::1\]?|127\..*)$/.test(name);
  return JSON.stringify([local ? 'localhost' : name, port, database]);
}

function isPostgresUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return canDecode(url) && (url.hostname !== '' || url.searchParams.has('host'));
}

/** A lone `%` in a password is what goes wrong most. */
function canDecode(url: URL): boolean {
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
