/**
 * A schema that is linked by the shape's parts alone, without the host that makes links for people: a remote and a local
 * database, each on a server of the test's choice, and a refresh in one transaction. It makes no assertion itself.
 */
import pg from 'pg';
import { compareShapes, type ShapeComparison } from '../../src/adapters/postgres/links/compare-shapes.ts';
import { readActualShape, readLocalTypes } from '../../src/adapters/postgres/links/local-catalog.ts';
import { serverNameOf } from '../../src/adapters/postgres/links/marker.ts';
import { planShape, type ShapePlan } from '../../src/adapters/postgres/links/plan-shape.ts';
import { readRemoteCatalog } from '../../src/adapters/postgres/links/remote-catalog.ts';
import type { LinkShape } from '../../src/adapters/postgres/links/shape.ts';
import { stepSql } from '../../src/adapters/postgres/links/shape-sql.ts';
import type { LinkChange } from '../../src/domain/data-link.ts';
import { createTestDatabase, executeSql, type TestDatabase } from './postgres.ts';

export interface LinkedSchema {
  /** The remote's owner. Its reader, which the link uses, reads what the owner makes. */
  readonly remote: pg.Client;
  readonly reader: string;
  /** The superuser of the local database. */
  readonly local: pg.Client;
  /** Name of the local schema. */
  readonly link: string;
  plan(): Promise<ShapePlan>;
  actual(): Promise<LinkShape>;
  /** With the remote as it is, or with a plan of before. */
  compare(plan?: ShapePlan): Promise<ShapeComparison>;
  /** Does the steps in one transaction. */
  refresh(plan?: ShapePlan): Promise<readonly LinkChange[]>;
  /** The lines of EXPLAIN (VERBOSE, COSTS OFF). */
  explain(sql: string): Promise<string>;
  close(): Promise<void>;
}

export interface LinkedSchemaOptions {
  /** The superusers' URLs of the two servers. */
  readonly localServer: string;
  readonly remoteServer: string;
  readonly link?: string;
  /** Schema of the remote; `public` by default. */
  readonly remoteSchema?: string;
  /** What follows CREATE DATABASE for the remote, such as a locale. */
  readonly remoteLocale?: string;
}

export async function openLinkedSchema(options: LinkedSchemaOptions): Promise<LinkedSchema> {
  const { link = 'warehouse', remoteSchema = 'public' } = options;
  const [there, here] = [await createRemote(options), await createTestDatabase(options.localServer)];
  const [remote, reading, local] = await Promise.all([
    connect(there.ownerUrl),
    connect(there.readerUrl),
    connect(here.superuserUrl),
  ]);
  const server = serverNameOf(link);
  await local.query(linkSql(server, link, new URL(there.readerUrl)));
  const place = { schema: link, server, remoteSchema };
  const actual = () => readActualShape(local, link);
  const plan = async () =>
    planShape(await readRemoteCatalog(reading, remoteSchema), await readLocalTypes(local), link);
  const compare = async (planned?: ShapePlan) =>
    compareShapes(await actual(), (planned ?? (await plan())).shape);
  return {
    remote,
    local,
    link,
    reader: new URL(there.readerUrl).username,
    plan,
    actual,
    compare,
    async refresh(planned) {
      const { steps, changes } = await compare(planned);
      await local.query(['BEGIN', ...steps.flatMap((step) => stepSql(step, place)), 'COMMIT'].join(';\n'));
      return changes;
    },
    async explain(sql) {
      const { rows } = await local.query({ text: `EXPLAIN (VERBOSE, COSTS OFF) ${sql}`, rowMode: 'array' });
      return rows.join('\n');
    },
    async close() {
      await Promise.all([remote.end(), reading.end(), local.end()]);
      await Promise.all([there.drop(), here.drop()]);
    },
  };
}

async function createRemote({ remoteServer, remoteLocale }: LinkedSchemaOptions): Promise<TestDatabase> {
  const database = await createTestDatabase(remoteServer);
  if (remoteLocale === undefined) return database;
  const { name } = database;
  await executeSql(
    remoteServer,
    `DROP DATABASE ${name}`,
    `CREATE DATABASE ${name} OWNER ${name}_owner TEMPLATE template0 ${remoteLocale}`,
  );
  await executeSql(database.ownerUrl, `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${name}_reader`);
  return database;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

function linkSql(server: string, link: string, remote: URL): string {
  const options = (values: Record<string, string>) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${pg.escapeLiteral(value)}`)
      .join(', ');
  const where = { host: remote.hostname, port: remote.port, dbname: remote.pathname.slice(1) };
  return `CREATE EXTENSION postgres_fdw;
    CREATE SERVER ${server} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${options({ ...where, use_remote_estimate: 'true' })});
    CREATE USER MAPPING FOR PUBLIC SERVER ${server}
      OPTIONS (${options({ user: remote.username, password: remote.password })});
    CREATE SCHEMA ${pg.escapeIdentifier(link)}`;
}
