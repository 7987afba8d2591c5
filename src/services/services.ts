/** The use cases, put together over a store and databases. */
import type { Database, Log, Store } from '../domain/ports.ts';
import { Clips } from './clips.ts';
import { Databases, type SeenLogins } from './databases.ts';
import { FrozenBodies } from './frozen-bodies.ts';
import { Results } from './results.ts';
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
  readonly log: Log;
  /** Default: nothing seen yet. */
  readonly seenLogins?: SeenLogins;
}

export interface Services {
  readonly clips: Clips;
  readonly snapshots: Snapshots;
  readonly results: Results;
  readonly databases: Databases;
  /** The store, to ask whether it answers. */
  readonly store: Pick<Store, 'ping'>;
}

export function createServices(options: ServicesOptions): Services {
  const { store } = options;
  const databases = new Databases({
    databases: options.databases,
    allowUnsafeLogin: options.allowUnsafeLogin,
    seen: options.seenLogins ?? new Map(),
  });
  const snapshots = new Snapshots({ store, databases, maxBytes: options.snapshotMaxBytes });
  const clips = new Clips({ store, databases, snapshots });
  const results = new Results({
    store,
    frozenBodies: new FrozenBodies(store.snapshots, options.log),
    databases,
    ...(options.shareRuns ? { sharedRuns: new SharedRuns() } : {}),
  });
  return { clips, snapshots, results, databases, store };
}
