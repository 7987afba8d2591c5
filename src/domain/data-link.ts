/**
 * A data link: a remote made visible as a schema of a database. What a link is lives in that database itself; these
 * are the words in which it is told.
 */

import type { RedisAccess } from './redis-remote.ts';

/** The longest identifier that Postgres keeps whole, in bytes; names of links are ASCII. */
export const maxLinkNameLength = 63;

/** One thing that a refresh does, would do or has done. */
export interface LinkChange {
  readonly change: 'added' | 'changed' | 'removed';
  /**
   * `server`: where and how the remote is reached. `login`: user or password. `rights`: what the clip login may read.
   * `dependent`: an object of the database itself that needed something which is gone.
   */
  readonly kind: 'table' | 'column' | 'type' | 'server' | 'login' | 'rights' | 'schema' | 'dependent';
  /** As people read it: `users`, `users.plan`, `mood`; of a dependent its kind and full name: `view public.paying`. */
  readonly name: string;
  /** The table of the link that it belongs to, or null. */
  readonly table: string | null;
  /** What of it: `integer → bigint`; of a dependent that was removed, its definition as SQL. Null: nothing to add. */
  readonly detail: string | null;
}

/** One thing about a link that its owner should know. */
export interface LinkProblem {
  /** `broken`: clips over it fail, or the database has not all of it. `warn`: it works, and should be looked at. */
  readonly level: 'broken' | 'warn';
  /** A sentence or two for signed-in users: what it is and what to do. No password. */
  readonly message: string;
}

/** What a link shows of a Redis. */
export interface ShownRedis extends RedisAccess {
  /** Whether the database reads it, through the gateway; else pgclip itself does, for the clips that it runs. */
  readonly gateway: boolean;
  /** `host:port` of a gateway that is configured and that the database could not use when it was last tried; else null. */
  readonly missedGateway: string | null;
}

/** A link, as its database keeps it. */
export interface DataLink {
  /** Of the link and of its schema. */
  readonly name: string;
  /** Config var of the local database, e.g. `DATABASE_URL`. */
  readonly database: string;
  /** Config var of the remote, e.g. `WAREHOUSE_URL`. */
  readonly remote: string;
  /** Null: the remote is a Postgres. */
  readonly redis: ShownRedis | null;
  /** Name of the remote's database, of a Redis its number; null when the foreign server is gone. */
  readonly remoteDatabase: string | null;
  /** Schema of the remote whose tables are linked; of a Redis `public`. */
  readonly remoteSchema: string;
  /** Name of the foreign server, e.g. `warehouse_server`; null: it needs none. */
  readonly server: string | null;
  /** ISO 8601 UTC. */
  readonly createdAt: string;
  readonly refreshedAt: string;
  /** Foreign tables that there are now; of a Redis its views. */
  readonly tables: number;
  /** What is wrong with what the database has of it, seen without asking the remote. */
  readonly problems: readonly LinkProblem[];
}

/** A link beside its remote as that is now. */
export interface LinkStatus extends DataLink {
  /** What a refresh would do; null when the remote could not be asked, which `problems` tells. */
  readonly changes: readonly LinkChange[] | null;
}

/** What making or refreshing a link came to. */
export interface LinkReport {
  readonly link: DataLink;
  /** In the order in which they were made. */
  readonly changes: readonly LinkChange[];
  /** Sentences for whoever asked: what was left out, what should be looked at. */
  readonly warnings: readonly string[];
}

/** How far making or refreshing a link is. */
export interface LinkProgress {
  readonly step: 'reading the remote' | 'making tables' | 'taking statistics';
  /** Tables of the step that are done, of so many. */
  readonly done: number;
  readonly total: number;
}

/** What else would go with a link. */
export interface LinkUses {
  /** Views and the like in the database that read the link's tables, as people read them: `view public.paying`. */
  readonly dependents: readonly string[];
}

/** What is wrong with a name for a link, as the end of a sentence that begins with the name, or null. */
export function findLinkNameProblem(name: string): string | null {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    return 'may have lower-case letters, digits and underscores, and begins with a letter';
  if (name.length > maxLinkNameLength) return `may have ${maxLinkNameLength} characters at most`;
  if (name.startsWith('pg_')) return 'may not begin with pg_, which Postgres keeps for itself';
  return null;
}
