/**
 * Makes the link of a Redis what it should be, or removes it, in the connection's transaction. Views that are right stay
 * as they are, and so do others' views over them.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { LinkChange } from '../../../../domain/data-link.ts';
import { AppError } from '../../../../domain/errors.ts';
import { isRedisRemote, type LinkRemote, type LinkWork } from '../../../../domain/link-host.ts';
import type { RedisRemote } from '../../../../domain/redis-remote.ts';
import { dropViews, locksDeadlineMs } from '../apply.ts';
import { checkWanted } from '../connection.ts';
import { checkMovable, type Dependents, findDependents, type Seed } from '../dependents.ts';
import { alterServerSql, createServerSql, putMapping, quietSettings } from '../foreign-server.ts';
import { encodeMarker, rawSchemaOf, serverNameOf } from '../marker.ts';
import type { LinkRecord } from '../records.ts';
import { checkOwnership, prepareRights, readOwner } from '../rights.ts';
import { type LockTarget, lockTables } from '../table-locks.ts';
import { findRedisDifference, lacksTrigger, type RedisDifference, type RedisTarget } from './difference.ts';
import { getGateway, type ServerDifference } from './gateway-server.ts';
import { probeRedis } from './probe.ts';
import { findRedisRightsGap } from './rights.ts';
import {
  checkRawSchemaFree,
  type RedisState,
  rawSchemaComment,
  readState,
  type TableState,
} from './state.ts';
import {
  foreignTableSql,
  isWritableTable,
  rawName,
  redisTables,
  triggerFunctionName,
  triggerSql,
  viewName,
  viewSql,
} from './tables-sql.ts';

/** The remote as a Redis. Throws `remote_refused` when its config var holds a Postgres by now. */
export function getRedisRemote(remote: LinkRemote): RedisRemote {
  if (isRedisRemote(remote)) return remote;
  throw new AppError(
    'remote_refused',
    `The link shows a Redis, and ${remote.name} holds a Postgres now. Give it back its Redis, or remove the link.`,
  );
}

/** What a refresh would do; when that is nothing, whether clips can read it is tried. Throws as `applyRedis`. */
export async function compareRedis(
  client: pg.ClientBase,
  target: RedisTarget,
): Promise<readonly LinkChange[]> {
  const { changes } = await findRedisDifference(client, target);
  if (changes.length === 0) await probe(client, target);
  return changes;
}

/**
 * Makes or mends the link; the caller commits. Throws `owner_lacks_rights`, `link_name_taken`, `link_busy`,
 * `link_in_use`, `remote_refused`, `remote_unavailable`, and what pg throws.
 */
export async function applyRedis(
  client: pg.ClientBase,
  target: RedisTarget,
  work: LinkWork,
): Promise<readonly LinkChange[]> {
  const { name, remote, access, record } = target;
  getGateway(remote);
  work.onProgress?.({ step: 'reading the remote', done: 0, total: redisTables.length });
  await remote.check(access);
  checkWanted(work.signal);
  await checkRawSchemaFree(client, name);
  await prepareRights(client, { schema: !record?.schema, server: !record?.server });
  await checkOwnership(client, { schema: record?.schema?.oid ?? null, server: record?.server?.oid ?? null });
  const difference = await findRedisDifference(client, target);
  await lockStale(client, name, difference.state, work.signal);
  const place = escapeIdentifier(rawSchemaOf(name));
  if (!record?.schema) await client.query(`CREATE SCHEMA ${escapeIdentifier(name)}`);
  if (!difference.state.hasRawSchema) {
    await client.query(`CREATE SCHEMA ${place}`);
    await client.query(`COMMENT ON SCHEMA ${place} IS ${escapeLiteral(rawSchemaComment(name))}`);
  }
  await putServer(client, target, difference.server);
  await makeTables(client, target, difference, work);
  const gap = await findRedisRightsGap(client, name, target.reader);
  for (const statement of gap.statements) await client.query(statement);
  await putMarkers(client, target);
  checkWanted(work.signal);
  await probe(client, target);
  return difference.changes;
}

async function probe(client: pg.ClientBase, { name, remote, reader }: RedisTarget): Promise<void> {
  const { host, port } = getGateway(remote);
  const { superuser } = await readOwner(client);
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  await probeRedis(client, { link: name, remote: remote.name, place, reader: superuser ? reader : null });
}

/** Views that are replaced are locked before anything is changed, so that no clip is the victim of a deadlock. */
async function lockStale(
  client: pg.ClientBase,
  link: string,
  { tables }: RedisState,
  signal: AbortSignal | undefined,
): Promise<void> {
  const oids = tables
    .filter(({ view, raw }) => view !== 'missing' && (view !== 'right' || raw !== 'right'))
    .flatMap(({ viewOid }) => (viewOid === null ? [] : [viewOid]));
  await lock(client, link, oids, signal);
}

async function lock(
  client: pg.ClientBase,
  link: string,
  oids: readonly number[],
  signal?: AbortSignal,
  more: readonly LockTarget[] = [],
): Promise<void> {
  const { rows } = await client.query<LockTarget>(
    `SELECT $1::text AS schema, relname::text AS name, pg_get_userbyid(relowner)::text AS owner
     FROM pg_class WHERE oid = ANY($2) AND relkind = 'v' ORDER BY 2`,
    [link, [...oids]],
  );
  await lockTables(client, [...more, ...rows], locksDeadlineMs, signal);
}

async function putServer(
  client: pg.ClientBase,
  { name, record }: RedisTarget,
  { wanted, server: changes, mapping, mapped }: ServerDifference,
): Promise<void> {
  const server = serverNameOf(name);
  if ((await readOwner(client)).superuser) await client.query(quietSettings);
  if (!record?.server) await client.query(createServerSql(server, wanted));
  else if (changes.length > 0) await client.query(alterServerSql(server, changes));
  if (mapping.length === 0) return;
  const role = record?.server ? escapeIdentifier(record.server.owner) : 'CURRENT_USER';
  await putMapping(client, { schema: rawSchemaOf(name), server, exists: mapped, role }, mapping);
}

async function makeTables(
  client: pg.ClientBase,
  { name, access }: RedisTarget,
  { state }: RedisDifference,
  work: LinkWork,
): Promise<void> {
  const total = state.tables.length;
  for (const [done, table] of state.tables.entries()) {
    work.onProgress?.({ step: 'making tables', done, total });
    await makeTable(client, name, table);
    if (
      lacksTrigger(
        table.view === 'missing' || table.view === 'wrong' ? { ...table, hasTrigger: false } : table,
        access,
      )
    )
      for (const statement of triggerSql(name, table.table)) await client.query(statement);
  }
  work.onProgress?.({ step: 'making tables', done: total, total });
}

async function makeTable(client: pg.ClientBase, link: string, state: TableState): Promise<void> {
  const { table, raw, view } = state;
  const aside = `${table}_${randomBytes(4).toString('hex')}`;
  if (raw === 'wrong')
    await client.query(`ALTER TABLE ${rawName(link, table)} RENAME TO ${escapeIdentifier(aside)}`);
  if (raw !== 'right') await client.query(foreignTableSql(link, table));
  // What depends on it keeps it: then Postgres refuses, and says what.
  if (view === 'wrong') await client.query(`DROP VIEW ${viewName(link, table)}`);
  if (view !== 'right' || raw !== 'right') await client.query(viewSql(link, table));
  if (raw === 'wrong') await client.query(`DROP FOREIGN TABLE ${rawName(link, aside)}`);
}

async function putMarkers(
  client: pg.ClientBase,
  { database, name, remote, access: { prefix, writable }, record }: RedisTarget,
): Promise<void> {
  const now = new Date().toISOString();
  const seal = remote.seal({ database, link: name, remote: remote.name, prefix, writable });
  const comment = encodeMarker({
    ...{ link: name, remote: remote.name, schema: 'public', redis: { prefix, writable, seal } },
    ...{ createdAt: record?.marker.createdAt ?? now, refreshedAt: now },
  });
  await client.query(
    `COMMENT ON SCHEMA ${escapeIdentifier(name)} IS ${escapeLiteral(comment)};
     COMMENT ON SERVER ${escapeIdentifier(serverNameOf(name))} IS ${escapeLiteral(comment)}`,
  );
}

const oidsOf = ({ tables }: RedisState) =>
  tables.flatMap(({ viewOid, rawOid }) => [viewOid, rawOid]).filter((oid) => oid !== null);

/** What of others depends on the link's views, or on what is behind them. */
export async function findRedisDependents(client: pg.ClientBase, link: string): Promise<Dependents> {
  const state = await readState(client, link);
  const own = new Set(oidsOf(state));
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
  const { name, schema, server } = record;
  const { login } = await readOwner(client);
  await checkRawSchemaFree(client, name);
  await checkOwnership(client, { schema: schema?.oid ?? null, server: server?.oid ?? null });
  const state = await readState(client, name);
  const { views, others } = await findRedisDependents(client, name);
  checkMovable(views, others, login);
  await lock(client, name, oidsOf(state), undefined, views);
  await dropViews(client, views);
  for (const { table, view, raw } of state.tables) {
    if (view === 'right' || view === 'stale') await client.query(`DROP VIEW ${viewName(name, table)}`);
    if (isWritableTable(table) && state.hasRawSchema)
      await client.query(`DROP FUNCTION IF EXISTS ${triggerFunctionName(name, table)}()`);
    if (raw === 'right') await client.query(`DROP FOREIGN TABLE ${rawName(name, table)}`);
  }
  if (schema) await client.query(`DROP SCHEMA ${escapeIdentifier(schema.name)}`);
  if (state.hasRawSchema) await client.query(`DROP SCHEMA ${escapeIdentifier(rawSchemaOf(name))}`);
  if (!server) return;
  const [role, place] = [escapeIdentifier(server.owner), escapeIdentifier(server.name)];
  await client.query(`DROP USER MAPPING IF EXISTS FOR ${role} SERVER ${place}; DROP SERVER ${place}`);
}
