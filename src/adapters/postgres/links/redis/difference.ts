/**
 * What there is of a linked Redis beside what there should be. Making, refreshing and comparing one all begin here;
 * reads only.
 */
import type pg from 'pg';
import type { LinkChange } from '../../../../domain/data-link.ts';
import type { GatewayAddress, RedisAccess, RedisRemote } from '../../../../domain/redis-remote.ts';
import { hasNoServer, rawSchemaOf, serverNameOf } from '../marker.ts';
import type { RightsGap } from '../reader-rights.ts';
import type { LinkRecord } from '../records.ts';
import { findServerDifference, type ServerDifference } from './gateway-server.ts';
import { findRedisRightsGap } from './rights.ts';
import { isRight, type RedisState, readState, type TableState } from './state.ts';
import { isWritableTable, type RowSource, refusalName } from './tables-sql.ts';

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
  /** Null: pgclip is to read the Redis itself, and there is to be no foreign server. */
  readonly gateway: GatewayAddress | null;
  readonly server: ServerDifference | null;
  readonly state: RedisState;
  readonly gap: RightsGap;
  /** All of it, as people are told. */
  readonly changes: readonly LinkChange[];
}

/** Where the rows of a link come from. */
export function sourceOf(gateway: GatewayAddress | null): RowSource {
  return gateway === null ? 'pgclip' : 'gateway';
}

/** Compares. `gateway`: the one that the link should go through. */
export async function findRedisDifference(
  client: pg.ClientBase,
  target: RedisTarget,
  gateway: GatewayAddress | null,
): Promise<RedisDifference> {
  const { name, remote, access, reader, record } = target;
  const server = gateway && (await findServerDifference(client, gateway, remote, access, record));
  const source = sourceOf(gateway);
  const state = await readState(client, name);
  const gap = await findRedisRightsGap(client, name, reader, source);
  const rights = gap.details.map(
    (detail): LinkChange => ({ change: 'changed', kind: 'rights', name: reader, table: null, detail }),
  );
  const changes = [
    ...describeSchemas(name, record, state, source),
    ...(server ? describeServer(name, record, server) : describeOwnReading(target)),
    ...(server ? describeLogin(server) : []),
    ...state.tables.flatMap((table) => describeTable(table, target, source)),
    ...rights,
  ];
  return { gateway, server, state, gap, changes };
}

/** Whether the view lacks the trigger that it should have. */
export function lacksTrigger({ table, hasTrigger }: TableState, { writable }: RedisAccess): boolean {
  return writable && isWritableTable(table) && !hasTrigger;
}

function describeSchemas(
  name: string,
  record: LinkRecord | null,
  { hasRawSchema, refusal }: RedisState,
  source: RowSource,
): LinkChange[] {
  const change = (
    change: LinkChange['change'],
    schema: string,
    detail: string | null = null,
  ): LinkChange => ({
    ...{ change, kind: 'schema', name: schema, table: null, detail },
  });
  const gateway = source === 'gateway';
  const isStale = !gateway && refusal !== 'right' && isOf(record, source);
  return [
    ...(record?.schema ? [] : [change('added', name)]),
    ...(gateway && !hasRawSchema ? [change('added', rawSchemaOf(name))] : []),
    ...(!gateway && hasRawSchema ? [change('removed', rawSchemaOf(name))] : []),
    ...(isStale ? [change('changed', name, `its function ${refusalName}`)] : []),
  ];
}

/** Whether the link was made for this source. */
function isOf(record: LinkRecord | null, source: RowSource): boolean {
  return record !== null && hasNoServer(record.marker) === (source === 'pgclip');
}

function describeServer(
  link: string,
  record: LinkRecord | null,
  { server: options }: ServerDifference,
): LinkChange[] {
  const base = { kind: 'server', name: serverNameOf(link), table: null } as const;
  const gained = isOf(record, 'pgclip') ? 'a gateway is configured now' : null;
  if (!record?.server) return [{ change: 'added', ...base, detail: gained }];
  const details = options.map(({ name, was, value }) => `${name} ${was ?? '(none)'} → ${value ?? '(none)'}`);
  return details.length === 0 ? [] : [{ change: 'changed', ...base, detail: details.join(', ') }];
}

/** What pgclip reads itself needs no server, and the right seal. */
function describeOwnReading({ database, name, remote, access, record }: RedisTarget): LinkChange[] {
  const change = (change: LinkChange['change'], kind: 'server' | 'login', detail: string): LinkChange => ({
    ...{ change, kind, name: kind === 'server' ? serverNameOf(name) : remote.name, table: null, detail },
  });
  const changes: LinkChange[] = [];
  if (record?.server) changes.push(change('removed', 'server', 'no gateway is configured now'));
  const before = isOf(record, 'pgclip') ? record?.marker.redis : undefined;
  if (!before) return changes;
  if (before.readByPgclip !== remote.database)
    changes.push({
      ...change('changed', 'server', `database ${before.readByPgclip} → ${remote.database}`),
      name: remote.name,
    });
  if (before.seal !== remote.seal({ database, link: name, remote: remote.name, ...access }))
    changes.push(change('changed', 'login', 'API_TOKEN'));
  return changes;
}

/** A user name is long and says nothing to people. */
function describeLogin({ mapping, mapped }: ServerDifference): LinkChange[] {
  const base = { kind: 'login', name: 'gateway', table: null } as const;
  if (!mapped) return [{ change: 'added', ...base, detail: null }];
  if (mapping.length === 0) return [];
  return [{ change: 'changed', ...base, detail: mapping.map(({ name }) => name).join(', ') }];
}

function describeTable(state: TableState, { access, record }: RedisTarget, source: RowSource): LinkChange[] {
  const { table, view } = state;
  const base = { kind: 'table', name: table, table: null } as const;
  if (view === 'missing') return [{ change: 'added', ...base, detail: null }];
  // That all of them get another source is told of the server.
  const other = source === 'gateway' ? 'pgclip' : 'gateway';
  const moves = isOf(record, other) && isRight(state, other);
  if (!isRight(state, source) && !moves) return [{ change: 'changed', ...base, detail: 'made again' }];
  return lacksTrigger(state, access) ? [{ change: 'changed', ...base, detail: 'takes changes' }] : [];
}
