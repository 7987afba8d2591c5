/**
 * Makes the link of a Redis what it should be, in the connection's transaction. Views that are right stay as they are,
 * and so do others' views over them, and what others may do with them.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { LinkChange } from '../../../../domain/data-link.ts';
import { AppError } from '../../../../domain/errors.ts';
import { isRedisRemote, type LinkRemote, type LinkWork } from '../../../../domain/link-host.ts';
import { type GatewayAddress, placeOf, type RedisRemote } from '../../../../domain/redis-remote.ts';
import { checkWanted } from '../connection.ts';
import { checkServerNameFree } from '../find-link.ts';
import { alterServerSql, createServerSql, putMapping, quietSettings } from '../foreign-server.ts';
import { encodeMarker, rawSchemaOf, serverNameOf } from '../marker.ts';
import { checkOwnership, prepareRights, readOwner } from '../rights.ts';
import { dropBehind, lockRelations } from './destroy.ts';
import {
  findRedisDifference,
  lacksTrigger,
  type RedisDifference,
  type RedisTarget,
  sourceOf,
} from './difference.ts';
import type { ServerDifference } from './gateway-server.ts';
import { probeRedis } from './probe.ts';
import { findRedisRightsGap } from './rights.ts';
import { checkRawSchemaFree, checkTablesFree, isRight, rawSchemaComment, type TableState } from './state.ts';
import {
  dropRefusalSql,
  foreignTableSql,
  type RowSource,
  rawName,
  redisTables,
  refusalSql,
  triggerSql,
  viewName,
  viewSql,
} from './tables-sql.ts';
import { expectGateway, findWay, type Way } from './way.ts';

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
  const gateway = await expectGateway(target);
  const { changes } = await findRedisDifference(client, target, gateway);
  if (changes.length > 0) return changes;
  if (gateway) await probe(client, target, gateway);
  else await target.remote.check(target.access);
  return changes;
}

/** What was done, and what the owner should know of it. */
export interface AppliedRedis {
  readonly changes: readonly LinkChange[];
  readonly warnings: readonly string[];
}

/**
 * Makes or mends the link, which may get a gateway or lose it; the caller commits. Throws `owner_lacks_rights`,
 * `link_name_taken`, `link_busy`, `link_in_use`, `remote_refused`, `remote_unavailable`, and what pg throws.
 */
export async function applyRedis(
  client: pg.ClientBase,
  target: RedisTarget,
  work: LinkWork,
): Promise<AppliedRedis> {
  const { name, remote, access, reader, record } = target;
  work.onProgress?.({ step: 'reading the remote', done: 0, total: redisTables.length });
  await remote.check(access);
  checkWanted(work.signal);
  const way = await findWay(client, target);
  const { gateway } = way;
  checkWanted(work.signal);
  await prepareRights(client, { schema: !record?.schema, server: gateway !== null && !record?.server });
  if (gateway) {
    await checkServerNameFree(client, name, record);
    await checkRawSchemaFree(client, name);
  }
  await checkOwnership(client, { schema: record?.schema?.oid ?? null, server: record?.server?.oid ?? null });
  const difference = await findRedisDifference(client, target, gateway);
  checkTablesFree(name, difference.state);
  await lockStale(client, difference, work.signal);
  if (!record?.schema) await client.query(`CREATE SCHEMA ${escapeIdentifier(name)}`);
  await makeBehind(client, target, difference);
  await makeTables(client, target, difference, work);
  if (gateway) await client.query(dropRefusalSql(name));
  else await dropBehind(client, name, difference.state, record?.server ?? null);
  const gap = await findRedisRightsGap(client, name, reader, sourceOf(gateway));
  for (const statement of gap.statements) await client.query(statement);
  await putMarkers(client, target, way);
  checkWanted(work.signal);
  if (gateway) await probe(client, target, gateway);
  return { changes: difference.changes, warnings: way.missed ? [way.missed.warning] : [] };
}

async function probe(
  client: pg.ClientBase,
  { name, remote, reader }: RedisTarget,
  gateway: GatewayAddress,
): Promise<void> {
  const { superuser } = await readOwner(client);
  await probeRedis(client, {
    ...{ link: name, remote: remote.name, place: placeOf(gateway) },
    reader: superuser ? reader : null,
  });
}

/** What is replaced or dropped is locked before anything is changed, so that no clip is the victim of a deadlock. */
async function lockStale(
  client: pg.ClientBase,
  { state, gateway }: RedisDifference,
  signal: AbortSignal | undefined,
): Promise<void> {
  const stale = state.tables.filter((table) => !isRight(table, sourceOf(gateway)));
  const views = stale.map(({ viewOid }) => viewOid);
  const behind = gateway ? [] : state.tables.map(({ rawOid }) => rawOid);
  await lockRelations(client, [...views, ...behind], signal);
}

/** What the views are to read: the schema with the foreign tables and the server, or the function that refuses. */
async function makeBehind(
  client: pg.ClientBase,
  target: RedisTarget,
  { server, state }: RedisDifference,
): Promise<void> {
  const { name } = target;
  if (!server) {
    if (state.refusal === 'right') return;
    for (const statement of refusalSql(name)) await client.query(statement);
    return;
  }
  const place = escapeIdentifier(rawSchemaOf(name));
  if (!state.hasRawSchema) {
    await client.query(`CREATE SCHEMA ${place}`);
    await client.query(`COMMENT ON SCHEMA ${place} IS ${escapeLiteral(rawSchemaComment(name))}`);
  }
  await putServer(client, target, server);
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
  { state, gateway }: RedisDifference,
  work: LinkWork,
): Promise<void> {
  const source = sourceOf(gateway);
  const total = state.tables.length;
  for (const [done, table] of state.tables.entries()) {
    work.onProgress?.({ step: 'making tables', done, total });
    await makeTable(client, name, table, source);
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

async function makeTable(
  client: pg.ClientBase,
  link: string,
  state: TableState,
  source: RowSource,
): Promise<void> {
  const { table, raw, view } = state;
  const aside = `${table}_${randomBytes(4).toString('hex')}`;
  const replaces = source === 'gateway' && raw === 'wrong';
  if (replaces)
    await client.query(`ALTER TABLE ${rawName(link, table)} RENAME TO ${escapeIdentifier(aside)}`);
  if (source === 'gateway' && raw !== 'right') await client.query(foreignTableSql(link, table));
  // What depends on it keeps it: then Postgres refuses, and says what.
  if (view === 'wrong') await client.query(`DROP VIEW ${viewName(link, table)}`);
  if (!isRight(state, source)) await client.query(viewSql(link, table, source));
  if (replaces) await client.query(`DROP FOREIGN TABLE ${rawName(link, aside)}`);
}

async function putMarkers(
  client: pg.ClientBase,
  { database, name, remote, access: { prefix, writable }, record }: RedisTarget,
  { gateway, missed }: Way,
): Promise<void> {
  const now = new Date().toISOString();
  const seal = remote.seal({ database, link: name, remote: remote.name, prefix, writable });
  const readByPgclip = gateway === null ? remote.database : null;
  const comment = escapeLiteral(
    encodeMarker({
      ...{
        link: name,
        remote: remote.name,
        schema: 'public',
        redis: { prefix, writable, seal, readByPgclip, missedGateway: missed?.place ?? null },
      },
      ...{ createdAt: record?.marker.createdAt ?? now, refreshedAt: now },
    }),
  );
  await client.query(`COMMENT ON SCHEMA ${escapeIdentifier(name)} IS ${comment}`);
  if (gateway) await client.query(`COMMENT ON SERVER ${escapeIdentifier(serverNameOf(name))} IS ${comment}`);
}
