/** The use cases, put together over a store and databases. */

import type { LinkHost, RemoteAddress } from '../domain/link-host.ts';
import type { Database, Log, Scratch, Store } from '../domain/ports.ts';
import type { RedisRemote } from '../domain/redis-remote.ts';
import { Archives } from './archive/archives.ts';
import { Clips } from './clips.ts';
import { DataLinks } from './data-links.ts';
import { Databases, type SeenLogins } from './databases.ts';
import { Diffs } from './diff/diffs.ts';
import { memoryScratch } from './diff/memory-scratch.ts';
import { FrozenBodies } from './frozen-bodies.ts';
import { Results } from './results.ts';
import { Retentions } from './retention.ts';
import { SharedRuns } from './shared-runs.ts';
import { Snapshots } from './snapshots.ts';

export interface ServicesOptions {
  readonly store: Store;
  readonly databases: readonly Database[];
  readonly allowUnsafeLogin: boolean;
  /** The largest snapshot, as CSV. */
  readonly snapshotMaxBytes: number;
  /** False where requests can't share a connection: Workers. */
  readonly shareRuns: boolean;
  /** Where rows are sorted that are too many for memory. Default: some of it, and then it is refused. */
  readonly scratch?: Scratch;
  readonly log: Log;
  /** Default: nothing seen yet. */
  readonly seenLogins?: SeenLogins;
  /** Absent: no database takes links. */
  readonly links?: {
    /** The local side of each database. */
    readonly hosts: readonly LinkHost[];
    /** All Postgres that are configured. */
    readonly remotes: readonly RemoteAddress[];
    /** All Redis that can be linked. */
    readonly redisRemotes: readonly RedisRemote[];
    /** As `DataLinksOptions.onSettled`. */
    readonly onSettled?: () => void;
  };
}

export interface Services {
  readonly clips: Clips;
  readonly snapshots: Snapshots;
  readonly retentions: Retentions;
  readonly results: Results;
  readonly diffs: Diffs;
  readonly databases: Databases;
  readonly links: DataLinks;
  readonly archives: Archives;
  /** The store, to ask whether and how it does. */
  readonly store: Pick<Store, 'ping' | 'health'>;
}

export function createServices(options: ServicesOptions): Services {
  const { store, log } = options;
  const databases = new Databases({
    databases: options.databases,
    allowUnsafeLogin: options.allowUnsafeLogin,
    seen: options.seenLogins ?? new Map(),
    ...(options.links ? { explainFailure: (...failure) => links.explainFailure(...failure) } : {}),
  });
  const links = new DataLinks({
    ...(options.links ?? { hosts: [], remotes: [], redisRemotes: [] }),
    databases,
    clips: store.clips,
    log,
  });
  const retentions = new Retentions({ store, log: options.log });
  const snapshots = new Snapshots({ store, databases, retentions, maxBytes: options.snapshotMaxBytes });
  const clips = new Clips({ store, databases, snapshots, retentions });
  const results = new Results({
    store,
    frozenBodies: new FrozenBodies(store.snapshots, options.log),
    databases,
    ...(options.shareRuns ? { sharedRuns: new SharedRuns() } : {}),
  });
  const diffs = new Diffs({ snapshots: store.snapshots, scratch: options.scratch ?? memoryScratch() });
  const archives = new Archives({ store, maxBytes: options.snapshotMaxBytes });
  return { clips, snapshots, retentions, results, diffs, databases, links, archives, store };
}
