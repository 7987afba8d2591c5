/**
 * The demo's database: made and filled once, in one transaction, by an owner who is no superuser; read with a login
 * that can do nothing else.
 */
import { randomBytes } from 'node:crypto';
import pg, { escapeIdentifier } from 'pg';
import { hardenDatabase } from '../adapters/postgres/harden.ts';
import { type DemoTable, readDemoTables } from './data.ts';
import { schemaSql } from './schema.ts';

const databaseName = 'demo';
const ownerName = 'demo_owner';
const rowsPerInsert = 20_000;

/**
 * Makes sure that the demo's database is there and whole.
 * Returns the URL of its reader; each call gives that login a new password.
 */
export async function getDemoDatabase(
  superuserUrl: (database: string) => string,
  onLoading: () => void,
): Promise<string> {
  await withClient(superuserUrl('postgres'), makeDatabase);
  await withClient(superuserUrl(databaseName), async (client) => {
    const { rows } = await client.query<{ filled: boolean }>(
      `SELECT to_regclass('public.countries') IS NOT NULL AS filled`,
    );
    if (rows[0]?.filled) return;
    onLoading();
    await fill(client, await readDemoTables());
  });
  return (await hardenDatabase(superuserUrl(databaseName))).url;
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

async function makeDatabase(client: pg.Client): Promise<void> {
  const exists = async (sql: string, name: string) => (await client.query(sql, [name])).rows.length > 0;
  if (!(await exists('SELECT FROM pg_roles WHERE rolname = $1', ownerName))) {
    const password = randomBytes(24).toString('base64url');
    await client.query(`CREATE ROLE ${ownerName} LOGIN PASSWORD '${password}'`);
  }
  if (!(await exists('SELECT FROM pg_database WHERE datname = $1', databaseName)))
    await client.query(`CREATE DATABASE ${databaseName} OWNER ${ownerName}`);
}

async function fill(client: pg.Client, tables: readonly DemoTable[]): Promise<void> {
  await client.query('BEGIN');
  await client.query(`SET LOCAL ROLE ${ownerName}`);
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
