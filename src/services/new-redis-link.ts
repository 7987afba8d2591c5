/** What a link of a Redis is made by, from what was asked for: options that only one kind of remote has are refused. */
import { AppError } from '../domain/errors.ts';
import { isRedisRemote, type LinkRemote } from '../domain/link-host.ts';
import { findPrefixProblem, type RedisAccess } from '../domain/redis-remote.ts';

/** The part of a request that depends on the kind of its remote. */
export interface KindOptions {
  readonly schema?: string | undefined;
  readonly prefix?: string | undefined;
  readonly writable?: boolean | undefined;
}

/** What the link shows; undefined for a Postgres. Throws `invalid_request`. */
export function parseAccess(remote: LinkRemote, request: KindOptions): RedisAccess | undefined {
  const { schema, prefix, writable } = request;
  if (!isRedisRemote(remote)) {
    if (prefix) throw refused('prefix', `is for a Redis, and ${remote.name} is a Postgres`);
    if (writable) throw refused('writable', `is for a Redis, and ${remote.name} is a Postgres`);
    return undefined;
  }
  if (schema !== undefined && schema !== 'public')
    throw refused('schema', `is for a Postgres, and ${remote.name} is a Redis`);
  const problem = findPrefixProblem(prefix ?? '');
  if (problem !== null) throw refused('prefix', problem);
  if (writable && remote.gateway === null)
    throw refused(
      'writable',
      "needs pgclip's gateway, and none is configured: set GATEWAY_PORT to the port that it may listen on and start pgclip again, or leave the option out",
    );
  return { prefix: prefix ?? '', writable: writable ?? false };
}

function refused(path: 'schema' | 'prefix' | 'writable', problem: string): AppError {
  const message = `The ${path === 'writable' ? 'option' : path} ${path === 'writable' ? 'writable ' : ''}${problem}.`;
  return new AppError('invalid_request', message, { paths: [{ path, message }] });
}

/** The name of a link that was given none: of the config var CACHE_URL it is `cache`. */
export function nameOfRedis(remote: string): string {
  return remote.replace(/_URL$/, '').toLowerCase();
}
