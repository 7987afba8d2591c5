/**
 * The remotes of links as databases read them past their own servers: only where a foreign server, and the login that
 * it uses, are just what the remote's config var says. A marker alone proves nothing: who may make a foreign server
 * may write one, and would read with pgclip's login what the own one may not.
 */
import type { RemoteAddress } from '../../../domain/link-host.ts';
import type { Log } from '../../../domain/ports.ts';
import { type Connector, openConnector } from '../connect.ts';
import type { DirectWay } from '../direct-read.ts';
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
  return {
    async findRemote({ database, oid, remote: name }) {
      const remote = databases.find((each) => each.name === name);
      const ownerUrl = ownerUrls[database];
      if (!remote || ownerUrl === undefined) return null;
      const owner = connectTo({ name: database.replace(/_URL$/, '_OWNER_URL'), url: ownerUrl });
      return (await leadsTo(owner, oid, remote, log)) ? connectTo(remote) : null;
    },
    get leased() {
      return [...open.values()].reduce((sum, connector) => sum + connector.leased, 0);
    },
    close: async () => {
      await Promise.all([...open.values()].map((connector) => connector.close()));
    },
  };
}

/** The longest that the look at a server may take. */
const lookDeadlineMs = 10_000;

interface ServerRow {
  readonly options: FdwOptions | null;
  readonly mappings: number;
}

const serverQuery = `SELECT (SELECT json_object_agg(option_name, option_value) FROM pg_options_to_table(s.srvoptions)) AS options,
    (SELECT count(*)::int FROM pg_user_mappings m WHERE m.srvid = s.oid) AS mappings
  FROM pg_foreign_server s WHERE s.oid = $1`;

/** Whether everyone who reads through the server reads this remote with the login of its URL, as the owner sees it. */
async function leadsTo(owner: Connector, server: number, remote: RemoteAddress, log: Log): Promise<boolean> {
  const session = await openSession(owner, { deadlineMs: lookDeadlineMs, log });
  try {
    await session.client.query("SET LOCAL search_path = ''");
    const { rows } = await session.client.query<ServerRow>(serverQuery, [server]);
    const [{ options, mappings } = { options: null, mappings: 0 }] = rows;
    // One of a role alone would go before the one for everyone.
    const mapping = mappings === 1 ? await readMapping(session.client, server) : null;
    return mapping !== null && isOf(remote, options ?? {}, mapping);
  } finally {
    session.end();
  }
}

function isOf(remote: RemoteAddress, options: FdwOptions, mapping: FdwOptions): boolean {
  // Whether the remote can notice a cut connection changes no row.
  return [true, false].some((noticesCut) => {
    const wanted = readRemoteUrl(remote.url, { noticesCut });
    return (
      compareOptions(options, wanted.server, managedServerOptions).length === 0 &&
      compareOptions(mapping, wanted.mapping, managedMappingOptions).length === 0
    );
  });
}
