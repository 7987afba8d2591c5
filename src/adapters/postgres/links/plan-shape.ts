/**
 * The shape that a link should have: every readable table of the remote, its types in the words of the local server, and
 * the types that must be made for that.
 */
import type { LocalTypes } from './local-catalog.ts';
import type { RemoteCatalog, RemoteColumn } from './remote-catalog.ts';
import type { LinkShape, ShapeColumn } from './shape.ts';
import { TypeMapper } from './type-mapping.ts';
import { allotNames, type NameRequest } from './type-names.ts';
import { isRepresentable } from './type-texts.ts';

export interface ShapePlan {
  readonly shape: LinkShape;
  /** Sentences for the link's owner: what is not as on the remote. */
  readonly warnings: readonly string[];
  /** True when text sorts otherwise on the remote, so that it is compared here. */
  readonly textIsLocal: boolean;
}

/** Plans it. `linkName` is the name of the link's schema. */
export function planShape(remote: RemoteCatalog, local: LocalTypes, linkName: string): ShapePlan {
  const requests = new Map<string, NameRequest>();
  // Which types are made is known when all columns are mapped, and only then who gets which name.
  plan(remote, local, linkName, (request) => {
    requests.set(request.key, request);
    return request.key;
  });
  const taken = [...remote.tables.map(({ name }) => name), ...remote.unreadable];
  const names = allotNames(requests.values(), taken);
  return plan(remote, local, linkName, ({ key }) => names.get(key) ?? key);
}

function plan(
  remote: RemoteCatalog,
  local: LocalTypes,
  link: string,
  nameOf: (request: NameRequest) => string,
): ShapePlan {
  const mapper = new TypeMapper(remote, local, { link, schema: remote.schema, nameOf });
  const comment = (text: string | null) => (text !== null && isRepresentable(text, local) ? text : null);
  const toColumn = (column: RemoteColumn): ShapeColumn => ({
    name: column.name,
    ...mapper.column(column),
    notNull: column.notNull,
    comment: comment(column.comment),
  });
  const tables = remote.tables
    .filter((table) => isRepresentable(table.name, local))
    .map((table) => ({
      name: table.name,
      comment: comment(table.comment),
      columns: table.columns.filter((column) => canBeColumn(column, local)).map(toColumn),
    }));
  return {
    shape: { types: mapper.types, tables },
    warnings: [...mapper.collations.warnings(), ...leftOut(remote, local), ...shownAsText(mapper)],
    textIsLocal: !mapper.collations.defaultsAlike,
  };
}

function shownAsText({ shownAsText: types }: TypeMapper): string[] {
  if (types.size === 0) return [];
  return [
    `Values of these types of the remote are shown and compared as text, since this database can't have the types: ${[...types].sort().join(', ')}.`,
  ];
}

/** Columns that every table has by itself; a view may have others of these names. */
const systemColumns: ReadonlySet<string> = new Set(['cmax', 'cmin', 'ctid', 'tableoid', 'xmax', 'xmin']);

function canBeColumn({ name }: RemoteColumn, local: LocalTypes): boolean {
  return isRepresentable(name, local) && !systemColumns.has(name);
}

function leftOut(remote: RemoteCatalog, local: LocalTypes): string[] {
  const names = remote.tables.flatMap(({ name, columns }) => {
    if (!isRepresentable(name, local)) return [name];
    return columns.filter((column) => !canBeColumn(column, local)).map((column) => `${name}.${column.name}`);
  });
  if (names.length === 0) return [];
  return [
    `These are left out, since a foreign table in this database can't have their names: ${names.join(', ')}.`,
  ];
}
