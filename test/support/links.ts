/** Two databases, of which one can link the other: for tests of data links. */
import pg from 'pg';
import { openLinkHost } from '../../src/adapters/postgres/links/host.ts';
import type { LinkHost, RemoteAddress } from '../../src/domain/link-host.ts';
import { createTestDatabase, executeSql, type TestDatabase } from './postgres.ts';

export interface LinkPair {
  readonly local: TestDatabase;
  readonly remote: TestDatabase;
  readonly host: LinkHost;
  /** WAREHOUSE_URL: the remote with its reading login. */
  readonly address: RemoteAddress;
  /** The local database's login that clips run with. */
  readonly reader: string;
  drop(): Promise<void>;
}

/** Makes both; the local owner may use postgres_fdw. The URLs are of the servers' superusers. */
export async function createLinkPair(localServer: string, remoteServer: string): Promise<LinkPair> {
  const [local, remote] = await Promise.all([
    createTestDatabase(localServer),
    createTestDatabase(remoteServer),
  ]);
  await allowLinks(local);
  return {
    local,
    remote,
    host: hostOf(local),
    address: { name: 'WAREHOUSE_URL', url: remote.readerUrl },
    reader: `${local.name}_reader`,
    async drop() {
      await local.drop();
      await remote.drop();
    },
  };
}

/** Lets the database's owner make foreign servers. */
export async function allowLinks(database: TestDatabase): Promise<void> {
  await executeSql(
    database.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${database.name}_owner`,
  );
}

/** The database as DATABASE_URL, with another owner's login if one is given. */
export function hostOf(database: TestDatabase, ownerUrl: string | null = database.ownerUrl): LinkHost {
  return openLinkHost({ name: 'DATABASE_URL', ownerUrl, clipUrl: database.readerUrl, log: () => {} });
}

/** The rows of a query, as arrays of what pg makes of them. */
export async function queryRows(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** The same URL with another part. */
export function changeUrl(url: string, change: (url: URL) => void): string {
  const changed = new URL(url);
  change(changed);
  return changed.href;
}

/** What a database has of links and their like: the same before and after what is refused. */
export const readLinkState = (database: TestDatabase): Promise<unknown[][]> =>
  queryRows(
    database.superuserUrl,
    `SELECT 'schema', nspname FROM pg_namespace UNION ALL SELECT 'server', srvname FROM pg_foreign_server
     UNION ALL SELECT 'mapping', umid::text FROM pg_user_mappings UNION ALL SELECT 'extension', extname FROM pg_extension
     UNION ALL SELECT 'relation', relname FROM pg_class WHERE oid >= 16384 AND relkind IN ('f', 'v')
     UNION ALL SELECT 'function', proname FROM pg_proc WHERE oid >= 16384 AND pronamespace <> 'pg_catalog'::regnamespace ORDER BY 1, 2`,
  );
