/**
 * What pgclip needs of a database as the local side of data links. The adapter of Postgres implements it; services use
 * nothing else.
 */
import type { DataLink, LinkChange, LinkProgress, LinkReport, LinkUses } from './data-link.ts';
import type { RedisAccess, RedisRemote } from './redis-remote.ts';

/** A remote's config var and its URL. The URL is secret. */
export interface RemoteAddress {
  readonly name: string;
  readonly url: string;
}

/** What a link may lead to. */
export type LinkRemote = RemoteAddress | RedisRemote;

/** Whether the remote is a Redis. */
export function isRedisRemote(remote: LinkRemote): remote is RedisRemote {
  return 'makeLogin' in remote;
}

/** A link to be made. */
export interface NewLink {
  /** A valid name, see `findLinkNameProblem`. */
  readonly name: string;
  /** Schema of the remote. */
  readonly schema: string;
  /** What of a Redis it shows; only for one. Default: all of it, to be read. */
  readonly redis?: RedisAccess | undefined;
  /** The login that clips run with here: it gets to read the link. */
  readonly reader: string;
}

export interface LinkWork {
  /** Aborted: everything is undone. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LinkProgress) => void;
}

/**
 * A database as the local side of data links. What it changes it changes in one transaction, statistics excepted.
 * Every method may throw `database_unavailable`; those that change, `links_read_only` without the owner's login.
 */
export interface LinkHost {
  /** The config var's name, e.g. `DATABASE_URL`. */
  readonly name: string;
  /** Whether the owner's login is configured: without it links can be seen, not changed. */
  readonly writable: boolean;
  /** The links that the database has, by name. Asks no remote. */
  list(): Promise<readonly DataLink[]>;
  /**
   * Links the remote. Throws `link_name_taken`, `owner_lacks_rights`, `remote_refused`, `remote_unavailable`; then
   * nothing has changed.
   */
  create(link: NewLink, remote: LinkRemote, work?: LinkWork): Promise<LinkReport>;
  /**
   * What a refresh would do, changing nothing; empty when the link is as its remote. Without the owner's login a
   * changed password is not seen. Throws `link_not_found`, `link_name_taken` when something else has its name,
   * `remote_refused`, `remote_unavailable`.
   */
  compare(name: string, remote: LinkRemote, reader: string): Promise<readonly LinkChange[]>;
  /**
   * Brings the link to what the remote is now, and repairs it. Throws as `compare`, and `owner_lacks_rights`,
   * `link_busy`, `link_in_use`; then nothing has changed.
   */
  refresh(name: string, remote: LinkRemote, reader: string, work?: LinkWork): Promise<LinkReport>;
  /** What else would go with the link. Throws `link_not_found`. */
  uses(name: string): Promise<LinkUses>;
  /**
   * Removes the link and all that depends on it; in several transactions where the database has no room for so many
   * locks in one. Throws `link_not_found`, `link_name_taken`, `link_busy`, `link_in_use`.
   */
  destroy(name: string): Promise<void>;
}
