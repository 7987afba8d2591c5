/**
 * A database of the demo: made and filled once, in one transaction, by an owner who is no superuser; read with a login
 * that can do nothing else. Both logins get new passwords at each start, which nothing keeps.
 */
import pg, { escapeIdentifier, escapeLiteral } from 'pg';
import { hardenDatabase } from '../adapters/postgres/harden.ts';
import { makePassword, makeScramVerifier } from '../adapters/postgres/scram.ts';
import type { DemoTable } from './sources.ts';

/** What a database is made of. */
export interface DemoDatabase {
  readonly name: string;
  /** Makes its tables, empty, and what is over them. */
  readonly schemaSql: string;
  /** Reads the rows of all of its tables, in an order that foreign keys allow. */
  readonly readTables: () => Promise<DemoTable[]>;
}

/** How a database is reached. Secret. */
export interface DemoUrls {
  /** As its reading login. */
  readonly url: string;
  /** As its owner, who may make data links in it. */
  readonly ownerUrl: string;
}

const rowsPerInsert = 20_000;

/** Makes sure that a database is there and whole. `onLoading` is called when it has to be filled. */
export async function getDemoDatabase(
  superuserUrl: (database: string) => string,
  { name, schemaSql, readTables }: DemoDatabase,
  onLoading: () => void,
): Promise<DemoUrls> {
  const owner = { name: `${name}_owner`, password: makePassword() };
  await withClient(superuserUrl('postgres'), (client) => makeDatabase(client, name, owner));
  await withClient(superuserUrl(name), async (client) => {
    await allowLinks(client, owner.name);
    if (await isFilled(client, owner.name)) return;
    onLoading();
    await fill(client, owner.name, schemaSql, await readTables());
  });
  const ownerUrl = new URL(superuserUrl(name));
  ownerUrl.username = owner.name;
  ownerUrl.password = owner.password;
  return { url: (await hardenDatabase(superuserUrl(name))).url, ownerUrl: ownerUrl.href };
}

interface Owner {
  readonly name: string;
  readonly password: string;
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

async function makeDatabase(client: pg.Client, database: string, owner: Owner): Promise<void> {
  const exists = async (sql: string, name: string) => (await client.query(sql, [name])).rows.length > 0;
  const [role, name] = [escapeIdentifier(owner.name), escapeIdentifier(database)];
  if (!(await exists('SELECT FROM pg_roles WHERE rolname = $1', owner.name)))
    await client.query(`CREATE ROLE ${role} LOGIN`);
  await client.query(`ALTER ROLE ${role} PASSWORD ${escapeLiteral(makeScramVerifier(owner.password))}`);
  if (!(await exists('SELECT FROM pg_database WHERE datname = $1', database)))
    await client.query(`CREATE DATABASE ${name} OWNER ${role}`);
}

/** What only a superuser can do, so that the owner need not be one. */
async function allowLinks(client: pg.Client, owner: string): Promise<void> {
  await client.query('CREATE EXTENSION IF NOT EXISTS postgres_fdw');
  await client.query(`GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${escapeIdentifier(owner)}`);
}

/** The tables and their rows came in one transaction: one table tells of all. */
async function isFilled(client: pg.Client, owner: string): Promise<boolean> {
  const { rows } = await client.query<{ filled: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tableowner = $1) AS filled`,
    [owner],
  );
  return rows[0]?.filled === true;
}

async function fill(
  client: pg.Client,
  owner: string,
  schemaSql: string,
  tables: readonly DemoTable[],
): Promise<void> {
  await client.query('BEGIN');
  await client.query(`SET LOCAL ROLE ${escapeIdentifier(owner)}`);
  await client.query(schemaSql);
  for (const { name, rows } of tables) {
    const table = escapeIdentifier(name);
    const columns = Object.keys(rows[0] ?? {})
      .map(escapeIdentifier)
      .join(', ');
    for (let from = 0; from < rows.length; from += rowsPerInsert)
      await client.query(
        `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, $1)`,
        [JSON.stringify(rows.slice(from, from + rowsPerInsert))],
      );
  }
  await client.query('COMMIT');
  await client.query('ANALYZE');
}
