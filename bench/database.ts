/** The data that is measured: ten columns of mixed types, as many rows as asked for, in a PostgreSQL of its own. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Postgres, startPostgres } from '../src/demo/postgres.ts';

export const rowCounts = [1_000, 100_000, 1_000_000] as const;

export interface BenchDatabase {
  /** A login that can only read. */
  readonly url: string;
  stop(): Promise<void>;
}

/** The query over the table with so many rows. */
export function queryOf(rows: number): string {
  return `SELECT * FROM bench_${rows}`;
}

/** Makes and fills such a table. */
export function createTableSql(name: string, rows: number): string {
  return `CREATE TABLE ${name} AS
    SELECT g AS id, md5(g::text) AS hash, (g * 1.37)::numeric(12, 2) AS price,
      timestamptz '2026-01-01 00:00:00+00' + g * interval '1.5 seconds' AS at, g % 2 = 0 AS ok,
      'customer ' || g % 5000 AS customer, sqrt(g) AS ratio, g::bigint * 1000003 AS big,
      date '2020-01-01' + g % 2000 AS day,
      CASE WHEN g % 7 > 0 THEN 'note, with "quotes" ' || g END AS note
    FROM generate_series(1, ${rows}) AS g`;
}

/** A new directory for several clusters. PostgreSQL's account gets through it, or they would be made elsewhere and stay. */
export async function makeClustersDir(prefix: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), prefix));
  await chmod(dir, 0o711);
  return dir;
}

/** Starts PostgreSQL with a table for each row count. */
export async function startBenchDatabase(): Promise<BenchDatabase> {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-bench-'));
  const postgres = await startPostgres({ dir, options: { fsync: 'off', shared_buffers: '512MB' } });
  const client = new pg.Client({ connectionString: postgres.superuserUrl('postgres') });
  await client.connect();
  await client.query(`CREATE ROLE reader LOGIN PASSWORD 'reader'`);
  for (const rows of rowCounts) {
    await client.query(createTableSql(`bench_${rows}`, rows));
    await client.query(`GRANT SELECT ON bench_${rows} TO reader`);
    await client.query(`VACUUM ANALYZE bench_${rows}`);
  }
  await client.end();
  const url = new URL(postgres.superuserUrl('postgres'));
  url.username = 'reader';
  url.password = 'reader';
  return {
    url: url.href,
    async stop() {
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs statements, each in a transaction of its own. */
export async function execute(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** The URL of a login whose password is its name. */
export function loginUrl(cluster: Postgres, database: string, login: string): string {
  const url = new URL(cluster.superuserUrl(database));
  [url.username, url.password] = [login, login];
  return url.href;
}

/** Makes a database `shop` that links can be made in, and gives its config vars. Its owner is no superuser. */
export async function makeLocal(cluster: Postgres, name: string): Promise<Record<string, string>> {
  await execute(
    cluster.superuserUrl('postgres'),
    `CREATE ROLE reader LOGIN PASSWORD 'reader'`,
    `CREATE ROLE owner LOGIN PASSWORD 'owner'`,
    'CREATE DATABASE shop OWNER owner',
  );
  await execute(
    cluster.superuserUrl('shop'),
    'CREATE EXTENSION postgres_fdw',
    'GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO owner',
  );
  return {
    [`${name}_URL`]: loginUrl(cluster, 'shop', 'reader'),
    [`${name}_OWNER_URL`]: loginUrl(cluster, 'shop', 'owner'),
  };
}
