/**
 * Two databases, one linked into the other by plain SQL, with a relay between them that can be stopped: for tests of
 * runs over a link, whatever makes links.
 */
import { encodeMarker, serverNameOf } from '../../src/adapters/postgres/links/marker.ts';
import { createTestDatabase, executeSql, type TestDatabase } from './postgres.ts';
import { openRelay, type Relay } from './relay.ts';

export interface LinkedDatabases {
  readonly local: TestDatabase;
  readonly remote: TestDatabase;
  /** What the local server goes through to the remote. */
  readonly relay: Relay;
  /** Removes both databases and their logins. */
  drop(): Promise<void>;
}

export interface LinkedOptions {
  /** Superusers' URLs of the clusters that they are made in. */
  readonly localUrl: string;
  readonly remoteUrl: string;
  readonly link: string;
  /** Makes and fills the remote, as its owner. */
  readonly setUp: readonly string[];
  /** Columns of the foreign tables, as SQL, by their name, which is quoted where it needs to be. */
  readonly tables: Readonly<Record<string, string>>;
  /** Options of the foreign server besides those that every link has. */
  readonly serverOptions?: string;
}

/** Makes both databases and links them. */
export async function linkDatabases(options: LinkedOptions): Promise<LinkedDatabases> {
  const { link, tables, serverOptions = `fetch_size '10000'` } = options;
  const local = await createTestDatabase(options.localUrl);
  const remote = await createTestDatabase(options.remoteUrl);
  const relay = await openRelay(Number(new URL(options.remoteUrl).port));
  const reader = new URL(remote.readerUrl).username;
  const server = serverNameOf(link);
  const now = new Date().toISOString();
  const marker = encodeMarker({
    link,
    remote: 'WAREHOUSE_URL',
    schema: 'public',
    createdAt: now,
    refreshedAt: now,
  });
  await executeSql(remote.ownerUrl, ...options.setUp);
  await executeSql(
    local.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${local.name}_owner`,
  );
  await executeSql(
    local.ownerUrl,
    `CREATE SERVER ${server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${relay.port}',
       dbname '${remote.name}', use_remote_estimate 'true', fdw_startup_cost '100', fdw_tuple_cost '0.2',
       updatable 'false', options '-c default_transaction_read_only=on', connect_timeout '10',
       application_name 'linked', ${serverOptions})`,
    `CREATE USER MAPPING FOR PUBLIC SERVER ${server} OPTIONS (user '${reader}', password '${reader}')`,
    `CREATE SCHEMA ${link}`,
    ...Object.entries(tables).map(
      ([name, columns]) =>
        `CREATE FOREIGN TABLE ${link}.${name} (${columns}) SERVER ${server}
           OPTIONS (schema_name 'public', table_name '${name.replace(/^"|"$/g, '').replaceAll('""', '"')}')`,
    ),
    `COMMENT ON SERVER ${server} IS '${marker}'`,
    `COMMENT ON SCHEMA ${link} IS '${marker}'`,
    `GRANT USAGE ON SCHEMA ${link} TO ${local.name}_reader`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ${link} TO ${local.name}_reader`,
  );
  return {
    local,
    remote,
    relay,
    async drop() {
      await relay.close();
      await local.drop();
      await remote.drop();
    },
  };
}
