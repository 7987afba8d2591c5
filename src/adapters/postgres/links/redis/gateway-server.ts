/**
 * The foreign server of a linked Redis and the mapping of its owner: how they should be, and what is otherwise. The
 * mapping is the owner's alone, since the views are read with its rights.
 */
import type pg from 'pg';
import type {
  GatewayAddress,
  GatewayCredentials,
  RedisAccess,
  RedisRemote,
} from '../../../../domain/redis-remote.ts';
import type { FdwOptions } from '../address.ts';
import { compareOptions, type OptionChange } from '../foreign-server.ts';
import type { LinkRecord } from '../records.ts';

/** The server options that a refresh compares and sets. */
const managedOptions = [
  'host',
  'port',
  'dbname',
  'sslmode',
  'sslcertmode',
  'channel_binding',
  'require_auth',
  'updatable',
  'truncatable',
];

const encryption: Readonly<Record<GatewayAddress['tls'], FdwOptions>> = {
  // The login proves that the certificate is the gateway's own, whoever has signed it.
  bound: { sslmode: 'require', channel_binding: 'require' },
  encrypted: { sslmode: 'require' },
  none: { sslmode: 'disable' },
  unknown: { sslmode: 'prefer' },
};

export interface ServerDifference {
  /** All options of a server that has to be made. */
  readonly wanted: FdwOptions;
  readonly server: readonly OptionChange[];
  /** Empty too when the connection's login may not see the mapping. Secret. */
  readonly mapping: readonly OptionChange[];
  /** Whether there is a mapping to be changed. */
  readonly mapped: boolean;
  /** The user that it should have. */
  readonly user: string;
}

/** Compares. */
export async function findServerDifference(
  client: pg.ClientBase,
  gateway: GatewayAddress,
  remote: RedisRemote,
  access: RedisAccess,
  record: LinkRecord | null,
): Promise<ServerDifference> {
  const { rows } = await client.query<{ isFrom16: boolean }>(
    'SELECT current_setting(\'server_version_num\')::int >= 160000 AS "isFrom16"',
  );
  const wanted = serverOptions(gateway, remote, access, rows[0]?.isFrom16 ?? false);
  const server = compareOptions(record?.server?.options ?? {}, wanted, managedOptions);
  const mapped = record?.server?.mapped ?? false;
  const seen = mapped && record?.server ? await readOwnMapping(client, record.server.oid) : null;
  const login = remote.makeLogin(access, seen?.user);
  const mapping = mapped && seen === null ? [] : compareMapping(seen ?? {}, login);
  return { wanted, server, mapping, mapped, user: login.user };
}

function compareMapping(seen: FdwOptions, { user, password }: GatewayCredentials): readonly OptionChange[] {
  return compareOptions(seen, { user, password }, ['user', 'password']);
}

function serverOptions(
  { host, port, tls }: GatewayAddress,
  remote: RedisRemote,
  { writable }: RedisAccess,
  isFrom16: boolean,
): FdwOptions {
  return {
    connect_timeout: '10',
    ...encryption[tls],
    // Or libpq looks for a client certificate at the server's home, and fails where it may not look.
    ...(isFrom16 && tls !== 'none' ? { sslcertmode: 'disable' } : {}),
    // Nobody who is taken for the gateway is told the password.
    ...(isFrom16 ? { require_auth: 'scram-sha-256' } : {}),
    host,
    port: String(port),
    // The gateway goes by the user alone; this is for people.
    dbname: String(remote.database),
    application_name: 'pgclip',
    updatable: String(writable),
    truncatable: 'false',
    fetch_size: '10000',
    batch_size: '1000',
    use_remote_estimate: 'true',
    // A key is found at once, and a row costs hardly more than a local one.
    fdw_startup_cost: '1',
    fdw_tuple_cost: '0.01',
  };
}

/** The options of the owner's mapping, secret; null when the connection's login may not see them. */
async function readOwnMapping(client: pg.ClientBase, server: number): Promise<FdwOptions | null> {
  const { rows } = await client.query<{ options: FdwOptions }>(
    `SELECT (SELECT json_object_agg(option_name, option_value) FROM pg_options_to_table(m.umoptions)) AS options
     FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid
     WHERE m.srvid = $1 AND m.umuser = s.srvowner AND m.umoptions IS NOT NULL`,
    [server],
  );
  return rows[0]?.options ?? null;
}
