/**
 * The shape of a query as names are looked up in it: levels (one per SELECT), their entries (what stands in FROM) and
 * joins, and the queries behind derived tables, CTEs and views. Made by `analysis.ts`.
 * Source: PostgreSQL manual, "Table Expressions"; parse_relation.c.
 */
import type { ColumnRef, CommonTableExpr, Node, RangeVar, SelectStmt } from 'libpg-query';
import { spend } from './bounds.ts';
import type { RelationFacts } from './facts.ts';
import { textsOf } from './tree.ts';
import { Unsure } from './unsure.ts';

/** Where in a level a condition or a query stands: behind the joins, in the ON of one, or in FROM itself. */
export type Place = 'after' | Join | { item: Entry | null };

export interface Column {
  readonly name: string;
  /** Its name in the relation, the CTE or the query behind. */
  readonly inner: string;
  /** Of a relation's column: `ColumnFacts.type`. */
  readonly type: string | null;
  /** Of a query's column: the expressions that it comes from, one per arm of a UNION. */
  readonly from: readonly { readonly node: Node; readonly level: Level }[];
}

export type Source =
  | {
      readonly kind: 'relation';
      readonly relation: RelationFacts;
      readonly range: RangeVar;
      readonly view: Query | null;
    }
  | { readonly kind: 'query'; readonly query: Query; readonly lateral: boolean }
  | { readonly kind: 'cte'; readonly cte: Cte }
  | { readonly kind: 'function'; readonly call: Node }
  | { readonly kind: 'opaque'; readonly what: string };

/** What stands in FROM under one name. */
export interface Entry {
  readonly kind: 'entry';
  /** Null when it has none that can be used or, where the columns aren't known either, when it isn't known. */
  alias: string | null;
  readonly level: Level;
  /** Null when they aren't known. */
  columns: readonly Column[] | null;
  readonly source: Source;
  up: Join | null;
}

export interface Join {
  readonly kind: 'inner' | 'left' | 'right' | 'full';
  readonly left: Item;
  readonly right: Item;
  readonly quals: readonly Node[];
  /** USING or NATURAL. */
  readonly merges: boolean;
  up: Join | null;
}

export type Item = Entry | Join;

/** One SELECT without set operations. */
export interface Level {
  readonly select: SelectStmt;
  /** Whose names are seen from here beside its own. */
  readonly parent: Level | null;
  /** The level that it is written in, and where. Null for the outermost, CTEs and views. */
  readonly enclosing: Level | null;
  readonly place: Place;
  /** Postgres makes it a join of the level that it is written in, and doesn't run it once per row. */
  readonly joins: boolean;
  readonly ctes: CteScope | null;
  readonly items: Item[];
  readonly entries: Entry[];
  /** The conditions of WHERE. */
  readonly where: readonly Node[];
  /** Its text is the user's, not that of a view. */
  readonly written: boolean;
}

export interface Query {
  readonly select: SelectStmt;
  readonly shape:
    | { readonly kind: 'level' | 'values'; readonly level: Level }
    | { readonly kind: 'union'; readonly left: Query; readonly right: Query };
  /** Null when they aren't known. */
  readonly columns: readonly Column[] | null;
}

export interface Cte {
  readonly name: string;
  readonly node: CommonTableExpr;
  /** What its body sees. */
  readonly scope: CteScope | null;
  readonly written: boolean;
  /** How often the text names it. */
  uses: number;
  /** Its body names itself. */
  recursive: boolean;
  /** Undefined until it has been looked at, null when it isn't understood. */
  query: Query | null | undefined;
}

export interface CteScope {
  readonly outer: CteScope | null;
  readonly ctes: Map<string, Cte>;
}

/** The CTE that a name means there, or null. */
export function findCte(scope: CteScope | null, name: string): Cte | null {
  for (let at = scope; at; at = at.outer) {
    const cte = at.ctes.get(name);
    if (cte) return cte;
  }
  return null;
}

export function isEntry(item: Item): item is Entry {
  return item.kind === 'entry';
}

export function entriesOf(item: Item): Entry[] {
  const found: Entry[] = [];
  const collect = (each: Item): void => {
    spend(1);
    if (isEntry(each)) found.push(each);
    else for (const side of [each.left, each.right]) collect(side);
  };
  collect(item);
  return found;
}

/** The index of the column that has this name inside; -1 for none. Throws `Unsure` when there are several. */
export function indexOfInner(columns: readonly Column[] | null, inner: string): number {
  const index = columns?.findIndex((column) => column.inner === inner) ?? -1;
  if (columns?.some((column, n) => n > index && column.inner === inner))
    throw new Unsure(`two columns of a query are called ${inner}`);
  return index;
}

/** True when a join above fills it with NULLs for rows of the other side. */
export function isNullable(item: Item): boolean {
  for (let below = item, join = item.up; join; below = join, join = join.up) {
    if (join.kind === 'full') return true;
    if (join.kind === 'left' && join.right === below) return true;
    if (join.kind === 'right' && join.left === below) return true;
  }
  return false;
}

export interface Resolved {
  readonly entry: Entry;
  readonly column: Column;
}

const systemColumns = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid', 'oid']);

/** What a reference means where it stands. Throws `Unsure` when that isn't certain. */
export function resolve(ref: ColumnRef, level: Level, place: Place): Resolved {
  const names = textsOf(ref.fields);
  if (names?.length === 1) return resolveColumn(names[0] as string, level, place);
  if (names?.length === 2) return resolveQualified(names[0] as string, names[1] as string, level, place);
  throw new Unsure('it refers to a whole row or by a name of three parts');
}

/** The entries that can be named there. */
function visibleEntries(level: Level, place: Place): readonly Entry[] {
  if (place === 'after') return level.entries;
  if (!('item' in place)) return entriesOf(place);
  // Only what stands to the left of a lateral query.
  const until = place.item ? level.entries.indexOf(place.item) : -1;
  return until < 0 ? level.entries : level.entries.slice(0, until);
}

/** Where in an outer level the inner one stands; null when it isn't inside of it. */
export function placeWithin(inner: Level, outer: Level): Place | null {
  for (let at: Level | null = inner; at; at = at.enclosing) if (at.enclosing === outer) return at.place;
  return null;
}

/** The levels whose names are seen, from the inside out, with the entries of each. */
function* lookups(level: Level, place: Place): Generator<readonly Entry[]> {
  yield visibleEntries(level, place);
  for (let at = level.parent; at; at = at.parent) yield visibleEntries(at, placeWithin(level, at) ?? 'after');
}

function resolveColumn(name: string, level: Level, place: Place): Resolved {
  if (systemColumns.has(name)) throw new Unsure(`${name} may be a system column`);
  for (const entries of lookups(level, place)) {
    if (entries.some((entry) => entry.columns === null)) {
      throw new Unsure(`it isn't certain which table the column ${name} belongs to`);
    }
    const found = entries.flatMap((entry) =>
      (entry.columns ?? []).filter((column) => column.name === name).map((column) => ({ entry, column })),
    );
    if (found.length > 1) throw new Unsure(`the column ${name} belongs to more than one table`);
    if (found[0]) return found[0];
  }
  throw new Unsure(`there is no column ${name}`);
}

function resolveQualified(alias: string, name: string, level: Level, place: Place): Resolved {
  for (const entries of lookups(level, place)) {
    if (entries.some((each) => each.alias === null && each.columns === null)) {
      throw new Unsure(`it isn't certain which table ${alias} is`);
    }
    const [entry, ...more] = entries.filter((each) => each.alias === alias);
    if (!entry) continue;
    const [column, ...others] = (entry.columns ?? []).filter((each) => each.name === name);
    if (more.length > 0 || others.length > 0 || !column) throw new Unsure(`${alias}.${name} isn't known`);
    return { entry, column };
  }
  throw new Unsure(`${alias}.${name} isn't known`);
}
