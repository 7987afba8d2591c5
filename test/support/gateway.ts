/**
 * A real Redis, seen through a real gateway and a real postgres_fdw: hidden foreign tables of text columns, views over
 * them for a reader, and triggers that write. `PGCLIP_TEST_POSTGRES_URL` (a superuser's) runs the same tests against
 * another PostgreSQL than the test run's own.
 */
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import { linkTables } from '../../src/domain/redis-link.ts';
import {
  type Gateway,
  type GatewayLogin,
  type GatewayOptions,
  openGateway,
} from '../../src/gateway/gateway.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { type RedisServer, startRedis } from './redis.ts';

export const superuserUrl = () => process.env.PGCLIP_TEST_POSTGRES_URL ?? inject('postgresUrl');

const writable = ['redis', 'hashes', 'sets', 'zsets'] as const;

/** The statements of a link: run by one who may make servers, in the database that is to see the Redis. */
export function linkStatements(schema: string, port: number, user: string, password: string): string[] {
  const raw = `${schema}_raw`;
  const statements = [
    'CREATE EXTENSION IF NOT EXISTS postgres_fdw',
    `CREATE SERVER ${schema} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${port}',
       dbname 'redis', fetch_size '10000', batch_size '1000', use_remote_estimate 'true', fdw_startup_cost '1', fdw_tuple_cost '0.01')`,
    `CREATE USER MAPPING FOR CURRENT_USER SERVER ${schema} OPTIONS (user '${user}', password '${password}')`,
    `CREATE SCHEMA ${raw}`,
    `CREATE SCHEMA ${schema}`,
  ];
  for (const [table, columns] of Object.entries(linkTables)) {
    const foreign = columns.map(({ name }) => `"${name}" text COLLATE "C"`);
    // A cast from text is done here and not sent: nothing is left to the gateway but texts.
    const shown = columns.map(({ name, type }) =>
      type === 'text' ? `"${name}"` : `"${name}"::${type} AS "${name}"`,
    );
    statements.push(
      `CREATE FOREIGN TABLE ${raw}.${table} (${foreign}) SERVER ${schema} OPTIONS (schema_name 'public', table_name '${table}')`,
      `CREATE VIEW ${schema}.${table} WITH (security_barrier) AS SELECT ${shown} FROM ${raw}.${table}`,
    );
  }
  for (const table of writable) statements.push(...writeStatements(schema, table));
  return statements;
}

/** A trigger that writes row by row. Its variables have no collation of their own, or conditions on them would not be sent. */
function writeStatements(schema: string, table: (typeof writable)[number]): string[] {
  const raw = `${schema}_raw.${table}`;
  const name = `${schema}_raw.write_${table}`;
  const columns = linkTables[table].map((column) => column.name);
  // The texts as they were read: a row that has changed since is not found, and nobody's change is lost.
  const known = linkTables[table].filter(({ type }) => type === 'text').map((column) => column.name);
  const where = known.map((column) => `"${column}" = o_${column}`).join(' AND ');
  const conflict = `IF NOT FOUND THEN
         RAISE EXCEPTION 'a row of ${table} has been changed by someone else meanwhile' USING ERRCODE = '40001';
       END IF;`;
  const sets = columns.map((column) => `"${column}" = n_${column}`);
  const update = (some: readonly string[]) => `UPDATE ${raw} SET ${some} WHERE ${where};`;
  const updates = columns.includes('ttl')
    ? `IF new.ttl IS NOT DISTINCT FROM old.ttl THEN ${update(sets.slice(0, -1))} ELSE ${update(sets)} END IF;`
    : update(sets);
  return [
    `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
       SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres AS $$
     DECLARE ${columns.map((column) => `n_${column} text; o_${column} text;`).join(' ')}
     BEGIN
       IF tg_op <> 'INSERT' THEN ${known.map((column) => `o_${column} := old."${column}";`).join(' ')} END IF;
       IF tg_op = 'DELETE' THEN
         DELETE FROM ${raw} WHERE ${where};
         ${conflict}
         RETURN old;
       END IF;
       ${columns.map((column) => `n_${column} := new."${column}"::text;`).join(' ')}
       IF tg_op = 'INSERT' THEN
         INSERT INTO ${raw} (${columns.map((column) => `"${column}"`)}) VALUES (${columns.map((column) => `n_${column}`)});
         RETURN new;
       END IF;
       ${updates}
       ${conflict}
       RETURN new;
     END $$`,
    `CREATE TRIGGER write INSTEAD OF INSERT OR UPDATE OR DELETE ON ${schema}.${table}
       FOR EACH ROW EXECUTE FUNCTION ${name}()`,
  ];
}

export interface TestGateway {
  readonly gateway: Gateway;
  readonly server: RedisServer;
  /** Looks at the same Redis directly. */
  readonly redis: Redis;
  readonly database: TestDatabase;
  /** The superuser, who owns the link `hredis`. */
  readonly sql: pg.Client;
  readonly logins: Map<string, GatewayLogin>;
  readonly log: string[];
  close(): Promise<void>;
}

/** What the login `link` signs in with. */
export const linkPassword = 'correct horse battery staple';

export async function openTestGateway(options: Partial<GatewayOptions> = {}): Promise<TestGateway> {
  const server = await startRedis();
  const link = openRedisLink({ url: server.url });
  const logins = new Map([['link', { password: linkPassword, redis: link, writable: true }]]);
  const log: string[] = [];
  const gateway = await openGateway({
    host: '127.0.0.1',
    port: 0,
    findLogin: (user) => logins.get(user) ?? null,
    log: (level, message, fields) => log.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
    ...options,
  });
  const database = await createTestDatabase(superuserUrl());
  const sql = new pg.Client({ connectionString: database.superuserUrl });
  await sql.connect();
  for (const statement of linkStatements('hredis', gateway.port, 'link', linkPassword))
    await sql.query(statement);
  const redis = new Redis(server.url);
  // Tests take it away, and see that in what they ask.
  redis.on('error', () => {});
  return {
    ...{ gateway, server, redis, database, sql, logins, log },
    async close() {
      await sql.end();
      await database.drop();
      await gateway.close();
      await Promise.all([...logins.values()].map((login) => login.redis.close()));
      redis.disconnect();
      await server.stop();
    },
  };
}
