/**
 * Which Redis are linked into a database. Asked with the begin of a run, where it costs no round trip; a database that
 * has none is believed for a while, since most never have one.
 */
import type { SealedLink } from '../../domain/redis-remote.ts';
import { hasNoServer, parseMarker, serverNameOf } from './links/marker.ts';
import { refusalName } from './links/redis/tables-sql.ts';

/** One linked Redis. What it says of itself is true only if its seal is. */
export interface LinkedRedis extends SealedLink {
  /** Also the schema's name. */
  readonly link: string;
  readonly server: string;
  readonly seal: string;
  /** Whether the database can read it by itself. */
  readonly gateway: boolean;
}

/**
 * One value: as JSON the foreign servers with their comments, and the same of the schemas of links without one, or NULL.
 * Those schemas are found by their function, so that a database of many schemas is not looked through.
 */
const linkedRedisQuery = `SELECT pg_catalog.json_agg(pg_catalog.json_build_array(place, name, comment)) FROM (
  SELECT 'server' AS place, s.srvname AS name, pg_catalog.obj_description(s.oid, 'pg_foreign_server') AS comment
  FROM pg_catalog.pg_foreign_server s
  UNION ALL SELECT 'schema', n.nspname, pg_catalog.obj_description(n.oid, 'pg_namespace')
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE p.proname = '${refusalName}') linked`;

/** The linked Redis among them. */
function toLinkedRedis(json: string | null, database: string): readonly LinkedRedis[] {
  if (json === null) return [];
  const found = JSON.parse(json) as ['server' | 'schema', string, string | null][];
  return found.flatMap(([place, name, comment]) => {
    const marker = parseMarker(comment);
    if (!marker?.redis) return [];
    const gateway = place === 'server';
    const { link, remote, redis } = marker;
    // A comment is easily copied; a schema can't be in two places.
    if (!gateway && (name !== link || !hasNoServer(marker))) return [];
    const { prefix, writable, seal } = redis;
    const server = gateway ? name : serverNameOf(link);
    return [{ database, link, server, remote, prefix, writable, seal, gateway }];
  });
}

/** How long a database is believed to have no linked Redis. */
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

  /** What was believed is wrong: a link has been met. */
  forget(): void {
    this.#without.delete(this.#name);
  }
}
