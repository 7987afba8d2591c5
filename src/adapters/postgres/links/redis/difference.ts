/**
 * What there is of a linked Redis beside what there should be. Making, refreshing and comparing one all begin here;
 * reads only.
 */
import type pg from 'pg';
import type { LinkChange } from '../../../../domain/data-link.ts';
import type { RedisAccess, RedisRemote } from '../../../../domain/redis-remote.ts';
import { rawSchemaOf, serverNameOf } from '../marker.ts';
import type { RightsGap } from '../reader-rights.ts';
import type { LinkRecord } from '../records.ts';
import { findServerDifference, type ServerDifference } from './gateway-server.ts';
import { findRedisRightsGap } from './rights.ts';
import { type RedisState, readState, type TableState } from './state.ts';
import { isWritableTable } from './tables-sql.ts';

/** A link of a Redis as it should be. */
export interface RedisTarget {
  /** Config var of the database. */
  readonly database: string;
  readonly name: string;
  readonly remote: RedisRemote;
  readonly access: RedisAccess;
  /** The login that clips run with. */
  readonly reader: string;
  /** What the catalogue has of it, under the link's names; null when there is none. */
  readonly record: LinkRecord | null;
}

export interface RedisDifference {
  readonly server: ServerDifference;
  readonly state: RedisState;
  readonly gap: RightsGap;
  /** All of it, as people are told. */
  readonly changes: readonly LinkChange[];
}

/** Compares. Throws `remote_refused` without a gateway. */
export async function findRedisDifference(
  client: pg.ClientBase,
  { name, remote, access, reader, record }: RedisTarget,
): Promise<RedisDifference> {
  const server = await findServerDifference(client, remote, access, record);
  const state = await readState(client, name);
  const gap = await findRedisRightsGap(client, name, reader);
  const rights = gap.details.map(
    (detail): LinkChange => ({ change: 'changed', kind: 'rights', name: reader, table: null, detail }),
  );
  const changes = [
    ...describeSchemas(name, record, state),
    ...describeServer(name, record, server),
    ...describeLogin(server),
    ...state.tables.flatMap((table) => describeTable(table, access)),
    ...rights,
  ];
  return { server, state, gap, changes };
}

/** Whether the view lacks the trigger that it should have. */
export function lacksTrigger({ table, hasTrigger }: TableState, { writable }: RedisAccess): boolean {
  return writable && isWritableTable(table) && !hasTrigger;
}

function describeSchemas(name: string, record: LinkRecord | null, state: RedisState): LinkChange[] {
  const added = (schema: string): LinkChange => ({
    ...{ change: 'added', kind: 'schema', name: schema, table: null, detail: null },
  });
  return [
    ...(record?.schema ? [] : [added(name)]),
    ...(state.hasRawSchema ? [] : [added(rawSchemaOf(name))]),
  ];
}

function describeServer(
  link: string,
  record: LinkRecord | null,
  { server: options }: ServerDifference,
): LinkChange[] {
  const base = { kind: 'server', name: serverNameOf(link), table: null } as const;
  if (!record?.server) return [{ change: 'added', ...base, detail: null }];
  const details = options.map(({ name, was, value }) => `${name} ${was ?? '(none)'} → ${value ?? '(none)'}`);
  return details.length === 0 ? [] : [{ change: 'changed', ...base, detail: details.join(', ') }];
}

/** A user name is long and says nothing to people. */
function describeLogin({ mapping, mapped }: ServerDifference): LinkChange[] {
  const base = { kind: 'login', name: 'gateway', table: null } as const;
  if (!mapped) return [{ change: 'added', ...base, detail: null }];
  if (mapping.length === 0) return [];
  return [{ change: 'changed', ...base, detail: mapping.map(({ name }) => name).join(', ') }];
}

function describeTable(state: TableState, access: RedisAccess): LinkChange[] {
  const { table, raw, view } = state;
  const base = { kind: 'table', name: table, table: null } as const;
  if (view === 'missing') return [{ change: 'added', ...base, detail: null }];
  if (view !== 'right' || raw !== 'right') return [{ change: 'changed', ...base, detail: 'made again' }];
  return lacksTrigger(state, access) ? [{ change: 'changed', ...base, detail: 'takes changes' }] : [];
}
