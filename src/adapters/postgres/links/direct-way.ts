/**
 * The remotes of links as databases read them past their own servers: only where a foreign server, and the login that
 * it uses, are just what the remote's config var says. A marker alone proves nothing: who may make a foreign server
 * may write one, and would read with pgclip's login what the own one may not.
 */
import { AppError } from '../../../domain/errors.ts';
import type { RemoteAddress } from '../../../domain/link-host.ts';
import type { Log } from '../../../domain/ports.ts';
import { type Connector, openConnector } from '../connect.ts';
import { abortWith, type DirectWay, type LinkServer, readTables } from '../direct-read.ts';
import { openSession } from '../session.ts';
import { type FdwOptions, managedMappingOptions, managedServerOptions, readRemoteUrl } from './address.ts';
import { compareOptions, readMapping } from './foreign-server.ts';

export interface DirectWayOptions {
  /** What may be a remote: all databases. The URLs are secret. */
  readonly databases: readonly RemoteAddress[];
  /** By config var of the database; without it nobody can see which login a link uses. Secret. */
  readonly ownerUrls: Readonly<Record<string, string>>;
  /** Reads at once of each remote; one more goes the other way. */
  readonly readsAtOnce: number;
  readonly log: Log;
}

export interface OpenDirectWay extends DirectWay {
  /** Connections in use. */
  readonly leased: number;
  close(): Promise<void>;
}

/** The way to these remotes; a connection is made when it is needed. Node only: its connections are kept. */
export function openDirectWay({ databases, ownerUrls, readsAtOnce, log }: DirectWayOptions): OpenDirectWay {
  const open = new Map<string, Connector>();
  const connectTo = ({ name, url }: RemoteAddress): Connector => {
    const known = open.get(name);
    if (known) return known;
    // Who waited for a remote while he holds a database's connection could wait for one who does the reverse.
    const queue = { size: readsAtOnce, deadlineMs: 0 };
    const connector = openConnector({ name, url, queue, perRequest: false, log });
    open.set(name, connector);
    return connector;
  };
  /** By name: until when nobody tries. */
  const resting = new Map<string, number>();
  const connectToRemote = (remote: RemoteAddress): Connector => {
    const connector = connectTo(remote);
    return {
      ...connector,
      get leased() {
        return connector.leased;
      },
      acquire: (signal) =>
        connector.acquire(signal).catch((error: unknown) => {
          if (error instanceof AppError && error.code === 'database_unavailable')
            resting.set(remote.name, performance.now() + restMs);
          throw error;
        }),
    };
  };
  return {
    async findRemote(server, signal) {
      const { database } = server;
      const remote = databases.find(({ name }) => name === server.remote);
      const ownerUrl = ownerUrls[database];
      if (!remote || ownerUrl === undefined || performance.now() < (resting.get(remote.name) ?? 0))
        return null;
      const owner = connectTo({ name: database.replace(/_URL$/, '_OWNER_URL'), url: ownerUrl });
      return (await leadsTo(remote, server, { owner, signal, log })) ? connectToRemote(remote) : null;
    },
    get leased() {
      return [...open.values()].reduce((sum, connector) => sum + connector.leased, 0);
    },
    close: async () => {
      await Promise.all([...open.values()].map((connector) => connector.close()));
    },
  };
}

/**
 * How long a remote is left alone that pgclip could not reach, while the database may: each run would wait for the
 * connection first.
 */
const restMs = 60_000;

/** Server options that change how rows are fetched and how often, not which. */
const tuning: readonly string[] = [
  ...['connect_timeout', 'tcp_user_timeout', 'keepalives', 'keepalives_idle'],
  ...['keepalives_interval', 'keepalives_count', 'application_name', 'keep_connections'],
  ...['use_remote_estimate', 'fdw_startup_cost', 'fdw_tuple_cost', 'analyze_sampling', 'extensions'],
  ...['fetch_size', 'batch_size', 'async_capable', 'parallel_commit', 'parallel_abort'],
];

/** The longest that the look at a server may take. */
const lookDeadlineMs = 10_000;

interface ServerRow {
  readonly options: FdwOptions | null;
  readonly mappings: number;
}

const serverQuery = `SELECT (SELECT json_object_agg(option_name, option_value) FROM pg_options_to_table(s.srvoptions)) AS options,
    (SELECT count(*)::int FROM pg_user_mappings m WHERE m.srvid = s.oid) AS mappings
  FROM pg_foreign_server s WHERE s.oid = $1`;

/**
 * Whether everyone who reads through the server reads this remote with the login of its URL, and the tables are what
 * they were, as the owner sees it now: a transaction that began before it had the tables locked may not see what has
 * changed meanwhile, and the plan has been made of that.
 */
async function leadsTo(
  remote: RemoteAddress,
  { oid, tables }: LinkServer,
  { owner, signal, log }: { readonly owner: Connector; readonly signal: AbortSignal; readonly log: Log },
): Promise<boolean> {
  const session = await openSession(owner, { deadlineMs: lookDeadlineMs, signal, log });
  abortWith(signal, session);
  const { client } = session;
  try {
    await client.query("SET LOCAL search_path = ''");
    const { rows } = await client.query<ServerRow>(serverQuery, [oid]);
    const [{ options, mappings } = { options: null, mappings: 0 }] = rows;
    // One of a role alone would go before the one for everyone.
    const mapping = mappings === 1 ? await readMapping(client, oid) : null;
    if (mapping === null || !isOf(remote, options ?? {}, mapping)) return false;
    const now = await readTables(
      client,
      tables.map((table) => table.oid),
    );
    return tables.every(({ description }) => now.some((table) => table.description === description));
  } finally {
    session.end();
  }
}

function isOf(remote: RemoteAddress, options: FdwOptions, mapping: FdwOptions): boolean {
  // What is neither compared nor known to change no row may lead elsewhere, as `service` does.
  const known = [...managedServerOptions, ...tuning];
  if (Object.keys(options).some((name) => !known.includes(name))) return false;
  // Whether the remote can notice a cut connection changes no row.
  return [true, false].some((noticesCut) => {
    const wanted = readRemoteUrl(remote.url, { noticesCut });
    return (
      compareOptions(options, wanted.server, managedServerOptions).length === 0 &&
      compareOptions(mapping, wanted.mapping, managedMappingOptions).length === 0
    );
  });
}
