/**
 * Which way a linked Redis is read: by the database, through the gateway, or by pgclip itself, where there is no gateway
 * or the database can't use it. A link that goes through the gateway stays with it: one that is away for a while takes
 * nothing from those who read the tables.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { AppError } from '../../../../domain/errors.ts';
import { type GatewayAddress, placeOf } from '../../../../domain/redis-remote.ts';
import { createServerSql, putMapping, quietSettings } from '../foreign-server.ts';
import { hasNoServer, rawSchemaOf, serverNameOf } from '../marker.ts';
import { prepareRights, readOwner } from '../rights.ts';
import type { RedisTarget } from './difference.ts';
import { findServerDifference } from './gateway-server.ts';
import { askGateway, findNoEntry, toProbeError } from './probe.ts';
import { foreignTableSql, rawName } from './tables-sql.ts';

/** For a link that has no foreign server yet: that it gets one is all that a comparison tells, so no port is opened for it. */
const unopened: GatewayAddress = { host: '', port: 0, tls: 'none' };

/** The longest that the gateway may take to answer when it is tried. */
const trialDeadlineMs = 5000;

/** The way of a link, and why it is not the other one. */
export interface Way {
  /** Null: pgclip reads the Redis itself. */
  readonly gateway: GatewayAddress | null;
  /** The gateway that is configured and that the database can't use; else null. */
  readonly missed: MissedGateway | null;
}

/** A gateway that a database can't use. */
export interface MissedGateway {
  /** As `RemoteGateway.place`. */
  readonly place: string;
  /** Sentences for the link's owner. */
  readonly warning: string;
}

/**
 * The gateway that the link should go through as far as is known without trying: not the one that its last refresh has
 * missed. Throws `remote_refused` where one is needed and there is none.
 */
export async function expectGateway(target: RedisTarget): Promise<GatewayAddress | null> {
  const { remote, record } = target;
  checkWritable(target);
  if (remote.gateway === null) return null;
  if (record === null || !hasNoServer(record.marker)) return remote.gateway.open();
  return record.marker.redis?.missedGateway === remote.gateway.place ? null : unopened;
}

/** The way that the link is to take, found by trying. Throws as `expectGateway`, and `remote_unavailable`. */
export async function findWay(client: pg.ClientBase, target: RedisTarget): Promise<Way> {
  const { remote, access, record } = target;
  checkWritable(target);
  if (remote.gateway === null) return { gateway: null, missed: null };
  const gateway = await remote.gateway.open();
  const { place } = remote.gateway;
  const isThrough = record !== null && !hasNoServer(record.marker);
  if (isThrough || access.writable) return { gateway, missed: null };
  await client.query('SAVEPOINT way');
  const reason = await findObstacle(client, target, gateway);
  await client.query('ROLLBACK TO SAVEPOINT way');
  if (reason === null) return { gateway, missed: null };
  const space = reason.includes('\n') ? '\n' : ' ';
  const warning = `The database's server can't use pgclip's gateway at ${placeOf(gateway)}, so pgclip reads ${remote.name} itself, for clips alone. ${reason}${space}Then refresh the link.`;
  return { gateway: null, missed: { place, warning } };
}

function checkWritable({ name, remote, access }: RedisTarget): void {
  if (remote.gateway !== null || !access.writable) return;
  throw new AppError(
    'remote_refused',
    `The link ${name} takes changes, which go through pgclip's gateway, and none is configured. Set GATEWAY_PORT to the port that it may listen on and start pgclip again; or make the link anew without writing.`,
  );
}

/**
 * Why the database can't use the gateway, or null: tried with a server and a table of their own, which the caller undoes,
 * so that nobody waits for the link meanwhile. Throws `remote_refused`, `remote_unavailable`, when what is wrong is not the
 * way there.
 */
async function findObstacle(
  client: pg.ClientBase,
  { remote, access }: RedisTarget,
  gateway: GatewayAddress,
): Promise<string | null> {
  try {
    await prepareRights(client, { schema: true, server: true });
  } catch (error) {
    if (error instanceof AppError && error.code === 'owner_lacks_rights') return error.message;
    throw error;
  }
  const trial = `pgclip_trial_${randomBytes(8).toString('hex')}`;
  const [schema, server] = [rawSchemaOf(trial), serverNameOf(trial)];
  const { wanted, mapping } = await findServerDifference(client, gateway, remote, access, null);
  if ((await readOwner(client)).superuser) await client.query(quietSettings);
  await client.query(`CREATE SCHEMA ${escapeIdentifier(schema)}`);
  // Up to 15 connecting can't be cancelled, and from 16 on it heeds no time of its own.
  const options = { ...wanted, connect_timeout: String(trialDeadlineMs / 1000) };
  await client.query(createServerSql(server, options));
  await putMapping(client, { schema, server, exists: false, role: 'CURRENT_USER' }, mapping);
  await client.query(foreignTableSql(trial, 'redis'));
  const failure = await askGateway(client, rawName(trial, 'redis'), { waitMs: trialDeadlineMs });
  if (!failure) return null;
  const obstacle = findNoEntry(failure);
  // Told now, while nobody waits for the link.
  if (obstacle === null) throw toProbeError(failure, { place: placeOf(gateway), remote: remote.name });
  return obstacle;
}
