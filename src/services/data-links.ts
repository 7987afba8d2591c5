/**
 * Data links: making, seeing, refreshing and removing them. What a link is lives in its local database; this asks the
 * host of that database, and puts beside it what the config and the clips know.
 */
import { type DataLink, findLinkNameProblem, type LinkReport, type LinkStatus } from '../domain/data-link.ts';
import { AppError } from '../domain/errors.ts';
import {
  isRedisRemote,
  type LinkHost,
  type LinkRemote,
  type LinkWork,
  type RemoteAddress,
} from '../domain/link-host.ts';
import type { ClipStore, Log } from '../domain/ports.ts';
import type { RedisAccess, RedisRemote } from '../domain/redis-remote.ts';
import type { Databases } from './databases.ts';
import { LinkChecks, within } from './link-checks.ts';
import { findClipsUsing, type LinkUse } from './link-uses.ts';
import { nameOfRedis, parseAccess } from './new-redis-link.ts';
import { type ChangedLink, findOutdated, toOutdated } from './outdated-links.ts';

export interface DataLinksOptions {
  /** The local side of each database. */
  readonly hosts: readonly LinkHost[];
  readonly databases: Databases;
  readonly clips: ClipStore;
  /** All Postgres that are configured. */
  readonly remotes: readonly RemoteAddress[];
  /** All Redis that can be linked. */
  readonly redisRemotes: readonly RedisRemote[];
  /** Told when links have been changed, or should have been, and none is being changed any more. */
  readonly onSettled?: () => void;
  readonly log: Log;
  /** The longest that a list waits for a remote. Default: 8 seconds. */
  readonly deadlineMs?: number;
}

/** A link to be made, as it was asked for. */
export interface LinkRequest {
  /** Config var of the remote. */
  readonly remote: string;
  /** Name of the link. Default: that of the remote's database, `-` as `_`. */
  readonly as?: string | undefined;
  /** Schema of the remote. Default: `public`. */
  readonly schema?: string | undefined;
  /** Of a Redis: only keys that begin with it. Default: every key. */
  readonly prefix?: string | undefined;
  /** Of a Redis: whether SQL may change it, though never a clip's. Default: no. */
  readonly writable?: boolean | undefined;
}

/** How long a failed run waits to learn whether a remote has changed. */
const explainDeadlineMs = 5000;
/** How long others believe it: when a remote is away or has changed, many runs fail. */
const believedMs = 5000;

export class DataLinks {
  readonly #options: DataLinksOptions;
  readonly #checks: LinkChecks;
  /** How many links are being changed. */
  #changing = 0;
  /** What failed runs have learnt, by database. */
  readonly #learnt = new Map<string, { untilMs: number; changed: Promise<readonly ChangedLink[]> }>();

  constructor(options: DataLinksOptions) {
    this.#options = options;
    this.#checks = new LinkChecks(options);
  }

  /** Whether the owner's login of the database is configured: without it links can be seen, not changed. */
  isWritable(database: string): boolean {
    return this.#findHost(database)?.writable ?? false;
  }

  /** What could be linked into this database, itself left out: each Postgres, then each Redis. */
  remotesFor(database: string): readonly string[] {
    const { remotes, redisRemotes } = this.#options;
    return [...remotes, ...redisRemotes].map(({ name }) => name).filter((name) => name !== database);
  }

  /** Config vars of the Redis that can be linked. */
  get redisRemotes(): readonly string[] {
    return this.#options.redisRemotes.map(({ name }) => name);
  }

  /**
   * The links of a database beside their remotes, by name. A remote that can't be asked is no error: its link says so.
   * `compare: false` asks none. Throws `database_not_found`, `database_unavailable`.
   */
  async list(database: string, { compare = true } = {}): Promise<readonly LinkStatus[]> {
    const host = this.#findHost(database);
    const links = (await host?.list()) ?? [];
    return host && compare
      ? this.#checks.check(host, links)
      : links.map((link) => ({ ...link, changes: null }));
  }

  /** One link beside its remote. Throws as `list`, and `link_not_found`. */
  async get(database: string, link: string): Promise<LinkStatus> {
    const found = await this.#getLink(database, link);
    const [status] = await this.#checks.check(this.#getHost(database), [found]);
    return status as LinkStatus;
  }

  /**
   * Links a remote into a database. Throws `invalid_request` for a name that is none, `remote_not_found`,
   * `links_read_only`, and as `LinkHost.create`; then nothing has changed.
   */
  async create(database: string, request: LinkRequest, work?: LinkWork): Promise<LinkReport> {
    const { host, remote, name, redis } = this.check(database, request);
    const reader = await this.#checks.getReader(database);
    const link = { name, schema: request.schema ?? 'public', reader, redis };
    return this.#change(database, () => host.create(link, remote, work));
  }

  /** What a creation goes by, found without asking anyone. Throws what `create` throws before it begins. */
  check(
    database: string,
    request: LinkRequest,
  ): { host: LinkHost; remote: LinkRemote; name: string; redis: RedisAccess | undefined } {
    this.#options.databases.get(database);
    const remote = this.#getNewRemote(database, request.remote);
    const name = parseName(request.as, remote);
    const redis = parseAccess(remote, request);
    return { host: this.#getWritableHost(database), remote, name, redis };
  }

  /**
   * Brings a link to what its remote is now and repairs it; `dryRun` only tells what that would change. Throws
   * `link_not_found`, `remote_not_found`, `links_read_only`, and as `LinkHost.refresh`; then nothing has changed.
   */
  async refresh(
    database: string,
    link: string,
    options: { readonly dryRun?: boolean } = {},
    work?: LinkWork,
  ): Promise<LinkReport> {
    const found = await this.#getLink(database, link);
    const remote = this.#checks.getRemote(found);
    const host = options.dryRun ? this.#getHost(database) : this.#getWritableHost(database);
    const reader = await this.#checks.getReader(database);
    if (!options.dryRun) return this.#change(database, () => host.refresh(link, remote, reader, work));
    return { link: found, changes: await host.compare(link, remote, reader), warnings: [] };
  }

  /** What would be hit if the link went. Throws `link_not_found`. */
  async uses(database: string, link: string): Promise<LinkUse> {
    const { dependents } = await this.#getHost(database).uses(link);
    const clips = await findClipsUsing(this.#options.clips, database, link, dependents);
    return { clips, dependents };
  }

  /**
   * Removes a link and what depends on it in the database. Throws `link_not_confirmed` unless `confirm` is its name,
   * `links_read_only`, and as `LinkHost.destroy`.
   */
  async destroy(database: string, link: string, confirm: string | undefined): Promise<void> {
    const host = this.#getWritableHost(database);
    if (confirm !== link) throw notConfirmed(link, await this.uses(database, link), confirm);
    await this.#change(database, () => host.destroy(link));
  }

  async #change<T>(database: string, work: () => Promise<T>): Promise<T> {
    this.#changing++;
    try {
      return await work();
    } finally {
      this.#learnt.delete(database);
      if (--this.#changing === 0) this.#options.onSettled?.();
    }
  }

  /**
   * The error of a failed run as `link_outdated`, if a remote has changed and that is what it comes from; otherwise
   * itself. Never throws, and takes 5 seconds at most.
   */
  async explainFailure(database: string, error: AppError, sql: string): Promise<AppError> {
    const host = this.#findHost(database);
    if (!host) return error;
    const changed = await within(explainDeadlineMs, this.#learnChanged(host), () => []).catch(() => []);
    const outdated = findOutdated(changed, error, sql);
    return outdated ? toOutdated(error, outdated) : error;
  }

  #learnChanged(host: LinkHost): Promise<readonly ChangedLink[]> {
    const learnt = this.#learnt.get(host.name);
    if (learnt && learnt.untilMs > Date.now()) return learnt.changed;
    const changed = this.#findChanged(host);
    this.#learnt.set(host.name, { untilMs: Date.now() + believedMs, changed });
    return changed;
  }

  async #findChanged(host: LinkHost): Promise<readonly ChangedLink[]> {
    const changed = (await this.#checks.compareAll(host)).filter(({ changes }) => changes?.length);
    return Promise.all(
      changed.map(async (status) => ({ status, dependents: (await host.uses(status.name)).dependents })),
    );
  }

  /** Throws `database_not_found`. Null: the database takes no links at all. */
  #findHost(database: string): LinkHost | null {
    this.#options.databases.get(database);
    return this.#options.hosts.find(({ name }) => name === database) ?? null;
  }

  #getHost(database: string): LinkHost {
    const host = this.#findHost(database);
    if (host) return host;
    throw new AppError('link_not_found', `${database} has no data links.`);
  }

  #getWritableHost(database: string): LinkHost {
    const host = this.#findHost(database);
    if (host?.writable) return host;
    const ownerVar = database.replace(/_URL$/, '_OWNER_URL');
    throw new AppError(
      'links_read_only',
      `The data links of ${database} can only be seen, since pgclip has no login that may change them. Set ${ownerVar} to the URL of the database's owner and start pgclip again.`,
    );
  }

  async #getLink(database: string, link: string): Promise<DataLink> {
    const links = (await this.#findHost(database)?.list()) ?? [];
    const found = links.find(({ name }) => name === link);
    if (found) return found;
    const names = links.map(({ name }) => name).join(', ');
    const known = names === '' ? 'It has none.' : `It has ${names}.`;
    throw new AppError('link_not_found', `${database} has no data link of this name. ${known}`);
  }

  #getNewRemote(database: string, name: string): LinkRemote {
    if (name === database)
      throw new AppError('remote_refused', `${name} can not be linked to itself. Name another remote.`);
    const remote = this.#checks.findRemote(name);
    if (remote) return remote;
    if (name === 'REDIS_URL')
      throw new AppError(
        'remote_refused',
        'REDIS_URL is the store itself, which is not linked. Set another config var, such as CACHE_URL, to the Redis or to the other database of it that is to be linked, and start pgclip again.',
      );
    const known = this.remotesFor(database).join(', ');
    throw new AppError(
      'remote_not_found',
      `No config var of this name holds the URL of a Postgres or a Redis. ${known === '' ? 'There is no other database yet: set one such as WAREHOUSE_URL and start pgclip again.' : `There is ${known}.`}`,
    );
  }
}

/** The link's name: as it was given, or the remote's. Throws `invalid_request`. */
function parseName(given: string | undefined, remote: LinkRemote): string {
  const name =
    given ??
    (isRedisRemote(remote) ? nameOfRedis(remote.name) : databaseNameOf(remote.url).replaceAll('-', '_'));
  const problem = findLinkNameProblem(name);
  if (problem === null) return name;
  const message =
    given === undefined
      ? `The name of the remote's database, ${JSON.stringify(name)}, ${problem}. Give the link a name with "as" (--as on the command line).`
      : `The name ${problem}.`;
  throw new AppError('invalid_request', message, { paths: [{ path: 'as', message }] });
}

/** The database that a URL names; without one it is the user's. */
function databaseNameOf(text: string): string {
  const url = new URL(text);
  return decodeURIComponent(url.pathname.replace(/^\//, '')) || decodeURIComponent(url.username);
}

function notConfirmed(link: string, { clips, dependents }: LinkUse, given: string | undefined): AppError {
  const count = (items: readonly unknown[], one: string) =>
    `${items.length.toLocaleString('en-US')} ${one}${items.length === 1 ? '' : 's'}`;
  const users = `${count(clips, 'clip')} and ${count(dependents, 'view')}`;
  const uses = clips.length + dependents.length === 1 ? 'uses' : 'use';
  const wrong = given === undefined ? '' : 'The name that was given is another. ';
  return new AppError(
    'link_not_confirmed',
    `${wrong}${users} ${uses} ${link}. To remove it all the same, confirm with its name: ${link}.`,
  );
}
