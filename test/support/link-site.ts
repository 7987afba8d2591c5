/**
 * A site over databases and data links that are ours, for its pages alone: what goes wrong with a link, and when, is for
 * the test to say. It makes no assertion itself.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import type { DataLink, LinkChange, LinkReport } from '../../src/domain/data-link.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { Explanation } from '../../src/domain/explanation.ts';
import type { LinkHost, LinkRemote, LinkWork, NewLink, RemoteAddress } from '../../src/domain/link-host.ts';
import type { Database, DatabaseStatus, Store } from '../../src/domain/ports.ts';
import type { RedisRemote } from '../../src/domain/redis-remote.ts';
import { fixedGateway } from '../../src/linking/redis-remotes.ts';
import { createSite } from '../../src/node.ts';
import { createServices } from '../../src/services/services.ts';
import { sampleLink } from './sample-links.ts';
import { testToken } from './server.ts';

/** Keeps its links in memory. */
export class ScriptedHost implements LinkHost {
  readonly name: string;
  writable = true;
  readonly links = new Map<string, DataLink>();
  /** What each link's remote has that it has not. */
  readonly differs = new Map<string, readonly LinkChange[]>();
  dependents: readonly string[] = [];
  /** What the methods throw, by their names. */
  readonly failures = new Map<string, AppError>();
  /** Whether its remotes say nothing at all. */
  silent = false;
  /** What making and refreshing warn of. */
  warnings: readonly string[] = [];
  /** Awaited while a link is made or refreshed. */
  onWork: (work: LinkWork) => Promise<void> = async () => {};
  readonly asked: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  add(name: string, part: Partial<DataLink> = {}): DataLink {
    const link = sampleLink(this.name, name, part);
    this.links.set(name, link);
    return link;
  }

  async list(): Promise<readonly DataLink[]> {
    this.#fail('list');
    return [...this.links.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(
    { name, schema, redis }: NewLink,
    remote: LinkRemote,
    work: LinkWork = {},
  ): Promise<LinkReport> {
    this.asked.push(`create ${name} of ${remote.name} ${schema}`);
    await this.onWork(work);
    this.#fail('create');
    const shown = redis && {
      redis: { ...redis, gateway: true, missedGateway: null },
      remoteDatabase: '0',
      tables: 7,
    };
    return {
      link: this.add(name, { remote: remote.name, remoteSchema: schema, ...shown }),
      changes: [],
      warnings: this.warnings,
    };
  }

  async compare(name: string): Promise<readonly LinkChange[]> {
    this.#fail('compare');
    if (this.silent) return new Promise(() => {});
    return this.differs.get(name) ?? [];
  }

  async refresh(
    name: string,
    _remote: RemoteAddress,
    _reader: string,
    work: LinkWork = {},
  ): Promise<LinkReport> {
    this.asked.push(`refresh ${name}`);
    await this.onWork(work);
    this.#fail('refresh');
    const changes = this.differs.get(name) ?? [];
    this.differs.delete(name);
    return { link: this.#find(name), changes, warnings: this.warnings };
  }

  async uses(name: string) {
    this.#find(name);
    return { dependents: this.dependents };
  }

  async destroy(name: string): Promise<void> {
    this.asked.push(`destroy ${name}`);
    this.#fail('destroy');
    this.links.delete(name);
  }

  #find(name: string): DataLink {
    const link = this.links.get(name);
    if (!link) throw new AppError('link_not_found', 'There is no such link.');
    return link;
  }

  #fail(method: string): void {
    const failure = this.failures.get(method);
    if (failure) throw failure;
  }
}

/** A database that runs nothing. */
export interface ScriptedDatabase {
  /** Null: it says nothing at all. */
  status: DatabaseStatus | null;
  explain: (sql: string) => Promise<Explanation>;
}

export interface LinkSite {
  readonly url: string;
  readonly store: Store;
  /** The local side of `DATABASE_URL`; `WAREHOUSE_URL` and `ARCHIVE_URL` are databases without an owner's login. */
  readonly host: ScriptedHost;
  readonly databases: Readonly<Record<'DATABASE_URL' | 'WAREHOUSE_URL' | 'ARCHIVE_URL', ScriptedDatabase>>;
  readonly logged: string[];
  fetch(target: string, init?: RequestInit): Promise<Response>;
  /** Saves a clip of `DATABASE_URL` and gives its id. */
  save(clip: { readonly name: string; readonly sql: string }): Promise<string>;
  close(): Promise<void>;
}

const newDatabase = (name: string): ScriptedDatabase => ({
  status: {
    name,
    reachable: true,
    serverVersion: '18.4',
    databaseName: 'demo',
    login: 'demo_reader',
    safe: true,
    problems: [],
    error: null,
  },
  explain: async () => ({ remoteParts: [], rows: 1, durationMs: 1, plan: 'Result' }),
});

function toDatabase(name: string, scripted: ScriptedDatabase): Database {
  return {
    name,
    run: async () => ({
      columns: [],
      ranAt: '2026-11-21T08:15:00.000Z',
      serverVersion: '18.4',
      batches: (async function* () {})(),
      close: async () => {},
    }),
    describe: async () => [],
    explain: (sql) => scripted.explain(sql),
    inspect: async () => scripted.status ?? new Promise(() => {}),
    schema: async () => ({ schemas: [] }),
    close: async () => {},
  };
}

/** A Redis that nobody asks anything. */
const scriptedRedis: RedisRemote = {
  name: 'CACHE_URL',
  database: 0,
  gateway: fixedGateway({ host: '127.0.0.1', port: 1, tls: 'none' }),
  makeLogin: () => ({ user: 'user', password: 'secret' }),
  seal: () => 'seal',
  check: async () => {},
};

/** Starts the site; to be closed. `redis`: `CACHE_URL` is a Redis that can be linked. */
export async function openLinkSite({ redis = false } = {}): Promise<LinkSite> {
  const store = await openEmbeddedStore({ file: ':memory:' });
  const names = ['DATABASE_URL', 'WAREHOUSE_URL', 'ARCHIVE_URL'] as const;
  const databases = Object.fromEntries(
    names.map((name) => [name, newDatabase(name)]),
  ) as LinkSite['databases'];
  const logged: string[] = [];
  const log = (level: string, message: string) => void logged.push(`${level}: ${message}`);
  const host = new ScriptedHost('DATABASE_URL');
  const services = createServices({
    store,
    databases: names.map((name) => toDatabase(name, databases[name])),
    links: {
      hosts: [host],
      remotes: names.map((name) => ({
        name,
        url: `postgres://reader:secret@127.0.0.1:1/of-${name.toLowerCase()}`,
      })),
      redisRemotes: redis ? [scriptedRedis] : [],
    },
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1e6,
    shareRuns: true,
    log,
  });
  const server = createSite({ services, apiToken: testToken, publicUrl: null, log }, store);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    store,
    host,
    databases,
    logged,
    fetch: (target, init = {}) => fetch(new URL(target, url), { redirect: 'manual', ...init }),
    async save(clip) {
      return (await services.clips.create({ ...clip, database: 'DATABASE_URL', mode: 'live' })).id;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await store.close();
    },
  };
}
