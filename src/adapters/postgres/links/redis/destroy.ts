/**
 * The end of a linked Redis, or of what is behind its views, in the connection's transaction: everything that pgclip made
 * goes, with the views that read it. What others put beside it is not pgclip's to drop.
 */
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { dropViews, locksDeadlineMs } from '../apply.ts';
import { checkMovable, type Dependents, findDependents, type Seed } from '../dependents.ts';
import { hasNoServer, rawSchemaOf } from '../marker.ts';
import type { LinkRecord, MarkedServer } from '../records.ts';
import { checkOwnership, readOwner } from '../rights.ts';
import { type LockTarget, lockTables } from '../table-locks.ts';
import { checkRawSchemaFree, type RedisState, readState } from './state.ts';
import { dropRefusalSql, isWritableTable, rawName, triggerFunctionName, viewName } from './tables-sql.ts';

/**
 * Locks views and foreign tables of the link, and these views of others, against readers. Throws `link_busy`,
 * `run_cancelled`.
 */
export async function lockRelations(
  client: pg.ClientBase,
  oids: readonly (number | null)[],
  signal?: AbortSignal,
  more: readonly LockTarget[] = [],
): Promise<void> {
  const { rows } = await client.query<LockTarget>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY($1) AND c.relkind IN ('v', 'f') ORDER BY 1, 2`,
    [oids.filter((oid) => oid !== null)],
  );
  await lockTables(client, [...more, ...rows], locksDeadlineMs, signal);
}

/** What of others depends on the link's views, or on what is behind them. */
export async function findRedisDependents(client: pg.ClientBase, link: string): Promise<Dependents> {
  const state = await readState(client, link);
  const own = new Set(
    state.tables.flatMap(({ viewOid, rawOid }) => [viewOid, rawOid]).filter((oid) => oid !== null),
  );
  const { rows } = await client.query<{ oid: number }>(
    `SELECT unnest(ARRAY[t.oid, t.typarray]) AS oid FROM pg_class c JOIN pg_type t ON t.oid = c.reltype WHERE c.oid = ANY($1)`,
    [[...own]],
  );
  const seeds: Seed[] = [
    ...[...own].map((oid) => ({ catalog: 'pg_class' as const, oid, column: 0 })),
    ...rows.map(({ oid }) => ({ catalog: 'pg_type' as const, oid, column: 0 })),
  ];
  const { views, others } = await findDependents(client, link, seeds);
  return { views: views.filter(({ oid }) => !own.has(oid)), others };
}

/**
 * Drops the link, or what is left of it, with the views over it; the caller commits. What pgclip did not make stands in
 * the way. Throws `link_in_use`, `link_busy`, `owner_lacks_rights`, and what pg throws.
 */
export async function destroyRedis(client: pg.ClientBase, record: LinkRecord): Promise<void> {
  const { name, schema, server, marker } = record;
  const { login } = await readOwner(client);
  if (!hasNoServer(marker)) await checkRawSchemaFree(client, name);
  await checkOwnership(client, { schema: schema?.oid ?? null, server: server?.oid ?? null });
  const state = await readState(client, name);
  const { views, others } = await findRedisDependents(client, name);
  checkMovable(views, others, login);
  const oids = state.tables.flatMap(({ viewOid, rawOid }) => [viewOid, rawOid]);
  await lockRelations(client, oids, undefined, views);
  await dropViews(client, views);
  for (const { table, view } of state.tables)
    if (view === 'fits' || view === 'wrong') await client.query(`DROP VIEW ${viewName(name, table)}`);
  if (schema) {
    await client.query(dropRefusalSql(name));
    // What others put into it keeps it.
    await client.query(`DROP SCHEMA ${escapeIdentifier(schema.name)}`);
  }
  await dropBehind(client, name, state, server);
}

/** Drops what is behind the views of a link with a gateway, which no view reads any more: foreign tables, login, server. */
export async function dropBehind(
  client: pg.ClientBase,
  link: string,
  { hasRawSchema, tables }: RedisState,
  server: MarkedServer | null,
): Promise<void> {
  if (hasRawSchema) {
    for (const { table, raw } of tables) {
      if (isWritableTable(table))
        await client.query(`DROP FUNCTION IF EXISTS ${triggerFunctionName(link, table)}()`);
      if (raw === 'right' || raw === 'wrong')
        await client.query(`DROP FOREIGN TABLE ${rawName(link, table)}`);
    }
    await client.query(`DROP SCHEMA ${escapeIdentifier(rawSchemaOf(link))}`);
  }
  if (!server) return;
  const [role, place] = [escapeIdentifier(server.owner), escapeIdentifier(server.name)];
  await client.query(`DROP USER MAPPING IF EXISTS FOR ${role} SERVER ${place}; DROP SERVER ${place}`);
}
