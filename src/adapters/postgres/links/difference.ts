/**
 * What there is of a link beside what there should be. Making, refreshing and comparing a link all begin here; reads
 * only.
 */
import type pg from 'pg';
import type { LinkChange } from '../../../domain/data-link.ts';
import { managedMappingOptions, managedServerOptions, type RemoteOptions } from './address.ts';
import { compareShapes, type ShapeComparison } from './compare-shapes.ts';
import { type Affected, findAffected } from './dependents.ts';
import { compareOptions, type OptionChange, readMapping } from './foreign-server.ts';
import { readActualShape } from './local-catalog.ts';
import { serverNameOf } from './marker.ts';
import { findRightsGap } from './reader-rights.ts';
import type { LinkRecord } from './records.ts';
import { describeView, qualifiedName, type SavedView } from './saved-views.ts';
import type { LinkShape } from './shape.ts';

/** What a link should be. */
export interface WantedLink {
  readonly name: string;
  /** Config var of the remote, and its schema. */
  readonly remote: string;
  readonly remoteSchema: string;
  readonly reader: string;
  readonly options: RemoteOptions;
  readonly shape: LinkShape;
}

export interface Difference {
  readonly server: readonly OptionChange[];
  /** Empty too when the connection's login may not see them. */
  readonly mapping: readonly OptionChange[];
  readonly shape: ShapeComparison;
  readonly affected: Affected;
  /** All of it, as people are told. */
  readonly changes: readonly LinkChange[];
}

/** Compares. `record` is what the catalogue has of it, under the link's names; null when there is none. */
export async function findDifference(
  client: pg.ClientBase,
  wanted: WantedLink,
  record: LinkRecord | null,
): Promise<Difference> {
  const { name, options } = wanted;
  const server = compareOptions(record?.server?.options ?? {}, options.server, managedServerOptions);
  const seen = record?.server?.mapped ? await readMapping(client, record.server.oid) : {};
  const mapping = seen === null ? [] : compareOptions(seen, options.mapping, managedMappingOptions);
  const shape = compareShapes(await readActualShape(client, name), wanted.shape);
  const affected = await findAffected(client, name, shape.steps);
  const gap = await findRightsGap(client, {
    schema: name,
    server: serverNameOf(name),
    reader: wanted.reader,
  });
  const rights = gap.details.map(
    (detail): LinkChange => ({ change: 'changed', kind: 'rights', name: wanted.reader, table: null, detail }),
  );
  return {
    server,
    mapping,
    shape,
    affected,
    changes: [
      ...describeSchema(name, record),
      ...describeServer(wanted, record, server),
      ...describeLogin(wanted, record, mapping),
      ...shape.changes,
      ...affected.removed.map(describeRemoved),
      ...affected.remade.map((view) => describeRemade(view, null)),
      ...rights,
    ],
  };
}

/** What giving schema and server of a link their names back comes to. Empty when they have them. */
export function describeNames(record: LinkRecord): readonly LinkChange[] {
  const { name, schema, server } = record;
  const renamed = (kind: 'schema' | 'server', from: string | undefined, to: string): LinkChange[] =>
    from === undefined || from === to
      ? []
      : [{ change: 'changed', kind, name: to, table: null, detail: `named ${from}` }];
  return [...renamed('schema', schema?.name, name), ...renamed('server', server?.name, serverNameOf(name))];
}

function describeSchema(name: string, record: LinkRecord | null): LinkChange[] {
  return record?.schema ? [] : [{ change: 'added', kind: 'schema', name, table: null, detail: null }];
}

function describeServer(
  { name: link }: WantedLink,
  record: LinkRecord | null,
  options: readonly OptionChange[],
): LinkChange[] {
  const name = serverNameOf(link);
  const server = record?.server ?? null;
  if (server === null) return [{ change: 'added', kind: 'server', name, table: null, detail: null }];
  const details = options.map(
    ({ name: option, was, value }) => `${option} ${was ?? '(none)'} → ${value ?? '(none)'}`,
  );
  if (details.length === 0) return [];
  return [{ change: 'changed', kind: 'server', name, table: null, detail: details.join(', ') }];
}

/** Names of the options that differ, never their values but for the user. */
function describeLogin(
  { name, options }: WantedLink,
  record: LinkRecord | null,
  changes: readonly OptionChange[],
): LinkChange[] {
  const base = { kind: 'login', name: options.mapping.user ?? serverNameOf(name), table: null } as const;
  if (!record?.server?.mapped) return [{ change: 'added', ...base, detail: null }];
  if (changes.length === 0) return [];
  const details = changes.map(({ name: option, was, value }) =>
    option === 'user' ? `user ${was ?? '(none)'} → ${value ?? '(none)'}` : option,
  );
  return [{ change: 'changed', ...base, detail: details.join(', ') }];
}

/** The change of a view that went with what it read; its detail makes it again. */
export function describeRemoved(view: SavedView): LinkChange {
  return dependent('removed', view, describeView(view));
}

/** The change of a view that was made again. `detail`: what has become of it, or null. */
export function describeRemade(view: SavedView, detail: string | null): LinkChange {
  return dependent('changed', view, detail);
}

function dependent(change: LinkChange['change'], view: SavedView, detail: string | null): LinkChange {
  return { change, kind: 'dependent', name: `${view.kind} ${qualifiedName(view)}`, table: null, detail };
}
