/**
 * A real PostgreSQL for tests. One cluster serves a whole test run (global-setup.ts); each test file makes its own
 * database in it, with the two logins that pgclip knows: an owner and a reader.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { customAlphabet } from 'nanoid';
import pg from 'pg';
import { type PostgresOptions, startPostgres } from '../../src/demo/postgres.ts';

export interface TestDatabase {
  readonly name: string;
  /** Owns the database; not a superuser. */
  readonly ownerUrl: string;
  /** May CONNECT, and SELECT what the owner or the superuser make. */
  readonly readerUrl: string;
  /** The superuser, in this database. */
  readonly superuserUrl: string;
  /** Removes the database and both logins, whoever is connected. */
  drop(): Promise<void>;
}

export interface TestPostgres {
  superuserUrl(database: string): string;
  createDatabase(): Promise<TestDatabase>;
  stop(): Promise<void>;
}

/** Starts a cluster of its own in a temporary directory; `stop()` removes it. */
export async function startTestPostgres(
  program: Pick<PostgresOptions, 'bin' | 'locale'> = {},
): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-test-postgres-'));
  const postgres = await startPostgres({
    dir,
    ...program,
    options: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  return {
    superuserUrl: postgres.superuserUrl,
    createDatabase: () => createTestDatabase(postgres.superuserUrl('postgres')),
    async stop() {
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The PostgreSQL that Debian installs, which is another version than the embedded one. Throws when there is none. */
export async function findDebianPostgres(): Promise<Pick<PostgresOptions, 'bin' | 'locale'>> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  const [version] = versions.sort((a, b) => Number(b) - Number(a));
  if (version === undefined)
    throw new Error(`There is no PostgreSQL in ${root}; apt-get install postgresql.`);
  return { bin: join(root, version, 'bin'), locale: ['--locale=C.UTF-8'] };
}

const newSuffix = customAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', 10);

/** Makes a database with its logins in the cluster whose superuser has this URL (`inject('postgresUrl')`). */
export async function createTestDatabase(postgresUrl: string): Promise<TestDatabase> {
  const name = `test_${newSuffix()}`;
  const urlOf = (login: string) => {
    const url = new URL(postgresUrl);
    if (login !== '') [url.username, url.password] = [login, login];
    url.pathname = `/${name}`;
    return url.href;
  };
  const owner = `${name}_owner`;
  const reader = `${name}_reader`;
  await executeSql(
    postgresUrl,
    `CREATE ROLE ${owner} LOGIN PASSWORD '${owner}'`,
    `CREATE ROLE ${reader} LOGIN PASSWORD '${reader}'`,
    `CREATE DATABASE ${name} OWNER ${owner} TEMPLATE template0`,
  );
  await executeSql(
    urlOf(''),
    `GRANT CONNECT ON DATABASE ${name} TO ${reader}`,
    `GRANT USAGE ON SCHEMA public TO ${reader}`,
    ...['postgres', owner].flatMap((role) => [
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} GRANT USAGE ON SCHEMAS TO ${reader}`,
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} GRANT SELECT ON TABLES TO ${reader}`,
    ]),
  );
  return {
    name,
    ownerUrl: urlOf(owner),
    readerUrl: urlOf(reader),
    superuserUrl: urlOf(''),
    drop: () =>
      executeSql(
        postgresUrl,
        `DROP DATABASE ${name} WITH (FORCE)`,
        `DROP ROLE ${reader}`,
        `DROP ROLE ${owner}`,
      ),
  };
}

/** Runs statements one after the other on a connection of their own. */
export async function executeSql(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
