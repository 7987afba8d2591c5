/**
 * Links beside their remotes as those are now. No question to a remote takes longer than a deadline, so that a page
 * or a failed run never waits for one that is away.
 */
import type { DataLink, LinkChange, LinkProblem, LinkStatus } from '../domain/data-link.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import type { LinkHost, LinkRemote, RemoteAddress } from '../domain/link-host.ts';
import { describeStrongLogin } from '../domain/link-words.ts';
import type { Log } from '../domain/ports.ts';
import type { RedisRemote } from '../domain/redis-remote.ts';
import type { Databases } from './databases.ts';

/** The longest that a list waits for a remote. */
const listDeadlineMs = 8000;

export interface LinkChecksOptions {
  readonly databases: Databases;
  /** All Postgres that are configured. */
  readonly remotes: readonly RemoteAddress[];
  /** All Redis that can be linked. */
  readonly redisRemotes: readonly RedisRemote[];
  readonly log: Log;
  /** Default: 8 seconds. */
  readonly deadlineMs?: number;
}

export class LinkChecks {
  readonly #options: LinkChecksOptions;

  constructor(options: LinkChecksOptions) {
    this.#options = options;
  }

  /** Each link with what a refresh would do; one whose remote can't be asked says so among its problems. */
  async check(host: LinkHost, links: readonly DataLink[]): Promise<readonly LinkStatus[]> {
    if (links.length === 0) return [];
    const reader = await this.getReader(host.name);
    return Promise.all(links.map((link) => this.#checkOne(host, link, reader)));
  }

  /** As `check` of all links, without a word of those that can't be compared. */
  async compareAll(host: LinkHost): Promise<readonly LinkStatus[]> {
    const links = await host.list();
    if (links.length === 0) return [];
    const reader = await this.getReader(host.name);
    return Promise.all(
      links.map(async (link) => ({
        ...link,
        changes: await this.#compare(host, link, reader).catch(() => null),
      })),
    );
  }

  /** The login that clips run with. Throws `database_unavailable`. */
  async getReader(database: string): Promise<string> {
    const { login, error } = await this.#options.databases.look(database);
    if (login !== null) return login;
    throw new AppError('database_unavailable', 'The database does not answer now. Try again in a moment.', {
      cause: error,
      retryAfterSeconds: 5,
    });
  }

  /** What a config var holds that can be linked, or null. */
  findRemote(name: string): LinkRemote | null {
    const { remotes, redisRemotes } = this.#options;
    return [...remotes, ...redisRemotes].find((each) => each.name === name) ?? null;
  }

  /** The remote's address. Throws `remote_not_found` when its config var is not set any more. */
  getRemote(link: Pick<DataLink, 'name' | 'remote'>): LinkRemote {
    const remote = this.findRemote(link.remote);
    if (remote) return remote;
    throw new AppError(
      'remote_not_found',
      `The remote of ${link.name} is ${link.remote}, and no config var of that name holds the URL of a Postgres or a Redis any more. Set it and start pgclip again, or remove the link.`,
    );
  }

  async #checkOne(host: LinkHost, link: DataLink, reader: string): Promise<LinkStatus> {
    const deadlineMs = this.#options.deadlineMs ?? listDeadlineMs;
    const [changes, warnings] = await Promise.all([
      within(deadlineMs, this.#compare(host, link, reader), () => new Silence()).catch((error: unknown) =>
        this.#toProblem(link, error),
      ),
      within(deadlineMs, this.#inspectRemote(link), () => []),
    ]);
    const failed = 'level' in changes;
    // What keeps a link from being compared may be what its database says of it already.
    const fresh = failed && link.problems.every(({ message }) => message !== changes.message);
    return {
      ...link,
      problems: [...link.problems, ...(fresh ? [changes] : []), ...warnings],
      changes: failed ? null : changes,
    };
  }

  async #compare(host: LinkHost, link: DataLink, reader: string): Promise<readonly LinkChange[]> {
    return host.compare(link.name, this.getRemote(link), reader);
  }

  #toProblem(link: DataLink, thrown: unknown): LinkProblem {
    if (thrown instanceof Silence)
      return {
        level: 'broken',
        message: `${link.remote} did not answer in time, so nobody knows whether the link is as its remote.`,
      };
    const error = toAppError(thrown);
    if (error.code === 'internal')
      this.#options.log('error', 'a data link could not be compared with its remote', {
        link: link.name,
        database: link.database,
        cause: error.cause instanceof Error ? error.cause.name : null,
      });
    return { level: 'broken', message: error.message };
  }

  /** What the remote's login may do beside reading. */
  async #inspectRemote({ remote }: DataLink): Promise<readonly LinkProblem[]> {
    if (!this.#options.remotes.some(({ name }) => name === remote)) return [];
    const { problems } = await this.#options.databases.look(remote);
    const refused = problems.filter(({ level }) => level === 'refuse').map(({ message }) => message);
    if (refused.length === 0) return [];
    return [{ level: 'warn', message: describeStrongLogin(remote, refused) }];
  }
}

/** What a remote gives that says nothing in time. */
class Silence extends Error {}

/** The work's outcome, or what takes its place when it is not there in time: an Error is thrown. */
export async function within<T>(ms: number, work: Promise<T>, otherwise: () => T | Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Who comes too late is heard by nobody.
  work.catch(() => {});
  const late = new Promise<T>((resolve, reject) => {
    timer = setTimeout(() => {
      const instead = otherwise();
      if (instead instanceof Error) reject(instead);
      else resolve(instead);
    }, ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
