/**
 * The two logins of a database that hosts links, and the transactions that they work in: the one that clips run with
 * looks, the owner's changes.
 */
import type pg from 'pg';
import { AppError } from '../../../domain/errors.ts';
import type { RemoteAddress } from '../../../domain/link-host.ts';
import { type SocketMaker, withLocal } from './connection.ts';
import { isSameDatabase } from './probe.ts';

export interface HostLoginsOptions {
  /** The config var's name, e.g. `DATABASE_URL`. */
  readonly name: string;
  /** The login that owns links; null when none is configured. Secret. */
  readonly ownerUrl: string | null;
  /** The login that clips run with. Secret. */
  readonly clipUrl: string;
  /** Makes the socket of a connection. Default: one of node:net. */
  readonly socket?: SocketMaker;
}

/** Both logins; each call has a connection of its own. */
export class HostLogins {
  readonly #options: HostLoginsOptions;

  constructor(options: HostLoginsOptions) {
    this.#options = options;
  }

  /** The login that clips run with. */
  get reader(): RemoteAddress {
    return { name: this.#options.name, url: this.#options.clipUrl };
  }

  /** The owner's login, or null. */
  get owner(): RemoteAddress | null {
    const { ownerUrl } = this.#options;
    return ownerUrl === null
      ? null
      : { name: this.#options.name.replace(/_URL$/, '_OWNER_URL'), url: ownerUrl };
  }

  /** Reads in a transaction that sees one state of the catalogue. */
  async look<T>(login: RemoteAddress, work: (client: pg.Client) => Promise<T>): Promise<T> {
    return withLocal(login, this.#options.socket, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await client.query(sessionSettings);
      return work(client);
    });
  }

  /** Changes a link, apart from all others who would change the same one. The work commits; else all is undone. */
  async change<T>(name: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const { socket } = this.#options;
    const owner = this.owner;
    if (owner === null)
      throw new AppError(
        'links_read_only',
        `The links of ${this.#options.name} can only be seen: set ${this.#options.name.replace(/_URL$/, '_OWNER_URL')} to the login that owns the database, and start pgclip again.`,
      );
    return withLocal(owner, socket, async (client) => {
      await client.query('BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE');
      try {
        await client.query(sessionSettings);
        await client.query("SELECT pg_advisory_xact_lock(hashtextextended('pgclip link ' || $1, 0))", [name]);
        await this.#checkOwnerLeadsHere(client, owner);
        return await work(client);
      } catch (error) {
        // So that all is as it was when the answer comes. A connection that is gone has undone it by itself.
        await client.query('ROLLBACK').catch(() => {});
        throw error;
      }
    });
  }

  /** Throws `links_read_only` when the owner's login is one of another database than the one that clips read. */
  async #checkOwnerLeadsHere(client: pg.ClientBase, owner: RemoteAddress): Promise<void> {
    const same = await isSameDatabase(client, (question) =>
      withLocal(this.reader, this.#options.socket, question),
    );
    if (!same)
      throw new AppError(
        'links_read_only',
        `${owner.name} leads to another database than ${this.#options.name}. Correct it and start pgclip again.`,
      );
  }
}

/** Whatever the login's own settings are. */
const sessionSettings = `SET LOCAL search_path = ''; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';
  SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL client_min_messages = error;
  SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'`;
