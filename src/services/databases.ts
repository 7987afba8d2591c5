/**
 * The databases that clips run against: found by name, and behind the check of their login. A login that may do more
 * than read runs nothing unless the operator allowed it.
 */
import { AppError } from '../domain/errors.ts';
import type { Database, DatabaseStatus } from '../domain/ports.ts';
import { type ExplainFailure, withExplainedFailures } from './outdated-links.ts';

/** How long a look at a login is believed. */
const believedMs = 60_000;

/** What was last seen of each login. Plain data, so that Workers can share it between requests. */
export type SeenLogins = Map<string, { readonly status: DatabaseStatus; readonly untilMs: number }>;

export interface DatabasesOptions {
  readonly databases: readonly Database[];
  readonly allowUnsafeLogin: boolean;
  readonly seen: SeenLogins;
  /** Asked when a run fails in a way that a changed remote may cause. Default: nobody. */
  readonly explainFailure?: ExplainFailure;
}

export class Databases {
  readonly #options: DatabasesOptions;
  /** Looks under way, by name: whoever asks meanwhile shares them. */
  readonly #looking = new Map<string, Promise<DatabaseStatus>>();
  /** What runs are given, by name. */
  readonly #explained: ReadonlyMap<string, Database>;

  constructor(options: DatabasesOptions) {
    this.#options = options;
    const { databases, explainFailure } = options;
    this.#explained = new Map(
      databases.map((each) => [
        each.name,
        explainFailure ? withExplainedFailures(each, explainFailure) : each,
      ]),
    );
  }

  get names(): readonly string[] {
    return this.#options.databases.map((database) => database.name);
  }

  /** The database with this name. Throws `database_not_found`. */
  get(name: string): Database {
    const database = this.#options.databases.find((each) => each.name === name);
    if (database) return database;
    const known = this.names.length ? `There are ${this.names.join(', ')}.` : 'None is configured.';
    throw new AppError('database_not_found', `No database has this name. ${known}`);
  }

  /**
   * The name to use when none is given: the only database, or DATABASE_URL among several.
   * Throws `invalid_request` when that does not tell.
   */
  getDefaultName(): string {
    const names = this.names;
    const name = names.length === 1 ? names[0] : names.find((each) => each === 'DATABASE_URL');
    if (name) return name;
    const what = names.length
      ? `Name one of ${names.join(', ')}.`
      : 'Set DATABASE_URL and start pgclip again.';
    throw new AppError('invalid_request', `There is no database to use by default. ${what}`);
  }

  /**
   * The database, if its login may run clips. Throws `database_not_found`, `database_unavailable`, `unsafe_login`.
   */
  async getSafe(name: string): Promise<Database> {
    const database = this.#explained.get(name) ?? this.get(name);
    if (this.#options.allowUnsafeLogin) return database;
    const status = await this.#look(database);
    if (!status.reachable) {
      throw new AppError('database_unavailable', 'The database does not answer now. Try again in a moment.', {
        cause: status.error,
        retryAfterSeconds: 5,
      });
    }
    if (status.safe) return database;
    throw new AppError('unsafe_login', unsafeMessage(status));
  }

  /** What the database and its login are, as of a minute ago at most. Throws `database_not_found`, nothing else. */
  async look(name: string): Promise<DatabaseStatus> {
    return this.#look(this.get(name));
  }

  /** What each database and login is, looked at now, in the order of the config. Never throws. */
  async inspectAll(): Promise<readonly DatabaseStatus[]> {
    return Promise.all(this.#options.databases.map((database) => this.#inspect(database)));
  }

  /** The sentence that every page shows when clips run with an unsafe login, or null. */
  async findWarning(): Promise<string | null> {
    if (!this.#options.allowUnsafeLogin) return null;
    const statuses = await Promise.all(this.#options.databases.map((database) => this.#look(database)));
    const names = statuses.filter((status) => status.safe === false).map((status) => status.name);
    if (names.length === 0) return null;
    return `Clips run with a login that may do more than read (${names.join(', ')}), because PGCLIP_ALLOW_UNSAFE_LOGIN is set.`;
  }

  async #look(database: Database): Promise<DatabaseStatus> {
    const seen = this.#options.seen.get(database.name);
    if (seen && seen.untilMs > Date.now()) return seen.status;
    // Each with a look of its own, a burst of runs would queue for the few connections that are kept for looking, and
    // those who wait too long take a busy database for one that is away.
    const underWay = this.#looking.get(database.name);
    if (underWay) return underWay;
    const look = this.#inspect(database).finally(() => this.#looking.delete(database.name));
    this.#looking.set(database.name, look);
    return look;
  }

  async #inspect(database: Database): Promise<DatabaseStatus> {
    const status = await database.inspect();
    // One that did not answer is asked again at once, so that it is back as soon as it is.
    if (status.reachable) this.#options.seen.set(database.name, { status, untilMs: Date.now() + believedMs });
    return status;
  }
}

function unsafeMessage(status: DatabaseStatus): string {
  const reasons = status.problems
    .filter((problem) => problem.level === 'refuse')
    .map((problem) => problem.message);
  return (
    `The login of ${status.name} may do more than read, so no clip runs with it. ${reasons.join(' ')} ` +
    `Make a reading login with "pgclip databases harden ${status.name}", or set PGCLIP_ALLOW_UNSAFE_LOGIN=1.`
  );
}
