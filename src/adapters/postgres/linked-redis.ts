/**
 * Which Redis are linked into a database. Asked with the begin of a run, where it costs no round trip; a database that
 * has none is believed for a while, since most never have one.
 */
import type { SealedLink } from '../../domain/redis-remote.ts';
import { parseMarker } from './links/marker.ts';

/** One linked Redis. What it says of itself is true only if its seal is. */
export interface LinkedRedis extends SealedLink {
  /** Also the schema's name. */
  readonly link: string;
  readonly server: string;
  readonly seal: string;
  /** Whether the database can read it by itself. */
  readonly gateway: boolean;
}

/** One value: the foreign servers with their comments and options, as JSON, or NULL. */
const linkedRedisQuery = `SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
  s.srvname, pg_catalog.obj_description(s.oid, 'pg_foreign_server'), s.srvoptions)) FROM pg_catalog.pg_foreign_server s`;

/** The linked Redis among the servers. */
function toLinkedRedis(json: string | null, database: string): readonly LinkedRedis[] {
  if (json === null) return [];
  const servers = JSON.parse(json) as [string, string | null, readonly string[] | null][];
  return servers.flatMap(([server, comment, options]) => {
    const marker = parseMarker(comment);
    if (!marker?.redis) return [];
    const gateway = options?.some((option) => option.startsWith('host=')) ?? false;
    const { link, remote, redis } = marker;
    return { database, link, server, remote, ...redis, gateway };
  });
}

/** How long a database is believed to have no linked Redis: a new one is read as queries are written for so long. */
const believedMs = 3000;

/** Until when databases, by name, are believed to have none. Plain data, so that Workers can share it. */
export type WithoutRedis = Map<string, number>;

/** What one database is known to have. */
export class LinkedRedisLook {
  readonly #name: string;
  readonly #without: WithoutRedis;

  constructor(name: string, without: WithoutRedis) {
    this.#name = name;
    this.#without = without;
  }

  /** A value to be selected now. */
  get query(): string {
    return (this.#without.get(this.#name) ?? 0) > Date.now() ? 'NULL' : linkedRedisQuery;
  }

  /** Takes what the query gave. */
  take(json: string | null): readonly LinkedRedis[] {
    const links = toLinkedRedis(json, this.#name);
    const until = this.#without.get(this.#name) ?? 0;
    if (links.length === 0 && until <= Date.now()) this.#without.set(this.#name, Date.now() + believedMs);
    return links;
  }
}
