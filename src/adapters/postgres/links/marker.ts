/**
 * What tells a link's schema and foreign server from those of others: a comment on each, which pg_dump keeps. It holds
 * what the catalogue can't say; whatever the catalogue says is not repeated.
 */
import { findPrefixProblem, type RedisAccess } from '../../../domain/redis-remote.ts';

/** What a link shows of a Redis. */
export interface RedisMarker extends RedisAccess {
  /** Proof that pgclip made it. */
  readonly seal: string;
  /** Number of the Redis database that pgclip reads itself; null: there is a foreign server, which leads to the gateway. */
  readonly readByPgclip: number | null;
  /** Where a gateway was that is configured and that the database could not use, as `RemoteGateway.place`; else null. */
  readonly missedGateway: string | null;
}

/** The same on the schema and on the server, so that either can be made anew from the other. */
export interface LinkMarker {
  /** Name of the link, and so of its schema. */
  readonly link: string;
  /** Config var of the remote. */
  readonly remote: string;
  /** Schema of the remote. */
  readonly schema: string;
  /** Absent: the remote is a Postgres. */
  readonly redis?: RedisMarker;
  /** ISO 8601 UTC. */
  readonly createdAt: string;
  readonly refreshedAt: string;
}

const head = 'pgclip data link ';

/** A LIKE pattern of the comments that may be markers. */
export const markerPattern = `${head}{%`;
/** Of those among them that may be a Redis's. */
export const redisMarkerPattern = `${markerPattern}"redis":{%`;

/** The comment. */
export function encodeMarker({ link, remote, schema, redis, createdAt, refreshedAt }: LinkMarker): string {
  return `${head}${JSON.stringify({ link, remote, schema, redis, createdAt, refreshedAt })}`;
}

/** The marker in a comment, or null when it is none: the object is someone else's. */
export function parseMarker(comment: string | null): LinkMarker | null {
  if (!comment?.startsWith(head)) return null;
  try {
    const value = JSON.parse(comment.slice(head.length)) as Record<string, unknown> | null;
    const { link, remote, schema, createdAt, refreshedAt } = value ?? {};
    const fields = { link, remote, schema, createdAt, refreshedAt };
    const whole = Object.values(fields).every((each) => typeof each === 'string');
    if (!whole || ![createdAt, refreshedAt].every(isTime)) return null;
    if (value?.redis === undefined) return fields as LinkMarker;
    const redis = parseAccess(value.redis);
    return redis ? { ...(fields as LinkMarker), redis } : null;
  } catch {
    return null;
  }
}

/** Anyone who owns a schema can write a comment of this form. */
function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/** `host:port`; what is shown of a comment is not to be anything. */
const place = /^[\x21-\x7e]{1,300}$/;

function parseAccess(value: unknown): RedisMarker | null {
  const access = (value ?? {}) as Record<string, unknown>;
  const { prefix, writable, seal, readByPgclip = null, missedGateway = null } = access;
  const valid = typeof prefix === 'string' && findPrefixProblem(prefix) === null;
  if (!valid || typeof writable !== 'boolean' || typeof seal !== 'string') return null;
  if (readByPgclip !== null && typeof readByPgclip !== 'number') return null;
  const missed = typeof missedGateway === 'string' && place.test(missedGateway) ? missedGateway : null;
  return { prefix, writable, seal, readByPgclip, missedGateway: missed };
}

/** Whether it is a Redis that pgclip reads itself: such a link has no foreign server. */
export function hasNoServer({ redis }: LinkMarker): boolean {
  return redis !== undefined && redis.readByPgclip !== null;
}

/** Name of a link's foreign server. At most 63 characters; a long name gives way to a hash of it. */
export function serverNameOf(link: string): string {
  return nameOf(link, 'server');
}

/** Name of the schema that has the foreign tables of a linked Redis, behind its views. */
export function rawSchemaOf(link: string): string {
  return nameOf(link, 'raw');
}

function nameOf(link: string, suffix: string): string {
  const name = `${link}_${suffix}`;
  return name.length <= 63 ? name : `${link.slice(0, 53 - suffix.length)}_${hash(link)}_${suffix}`;
}

/** FNV-1a, 8 hexadecimal digits. Source: draft-eastlake-fnv. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value.toString(16).padStart(8, '0');
}
