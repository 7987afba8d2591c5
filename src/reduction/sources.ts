/**
 * The FROM of a query for values: the tables that are needed, no others, joined as they were. What a query, a CTE or a
 * view has behind a name is followed as far as it is certain to give the same rows when it is asked twice.
 */
import { type Compiled, columnsOf, type WriteColumn } from './compiled.ts';
import { compile, compileTableFunction } from './expressions.ts';
import { relationLabel } from './facts.ts';
import { isSimple } from './query-columns.ts';
import {
  type Column,
  type Entry,
  entriesOf,
  findCte,
  type Item,
  indexOfInner,
  isEntry,
  isNullable,
  type Join,
  type Level,
  type Query,
} from './scope.ts';
import { requireSteady } from './steady.ts';
import { attempt, Unsure } from './unsure.ts';
import type { QueryValues, ValuesContext } from './values-context.ts';
import { quoteName, quoteQualified } from './writing.ts';

export interface FromParts {
  readonly needed: ReadonlySet<Entry>;
  readonly aliases: ReadonlyMap<Entry, string>;
  readonly write: WriteColumn;
  readonly expressions: readonly Compiled[];
  readonly filters: readonly Compiled[];
  readonly level: Level;
  readonly context: ValuesContext;
  /** Given, since it uses this file. */
  readonly queryValues: QueryValues;
}

/** What stands behind FROM; a join is in brackets. Throws `Unsure`. */
export function fromClause(parts: FromParts): string {
  const quals = new Map<Join, Compiled[]>();
  const items = parts.level.items.filter((item) => entriesOf(item).some((entry) => parts.needed.has(entry)));
  for (const item of items) collectQuals(item, parts, quals);
  requireConnected(items, parts);
  const used = [...parts.expressions, ...parts.filters, ...[...quals.values()].flat()];
  return items.map((item) => itemText(item, parts, quals, used)).join(', ');
}

const has = (item: Item, needed: ReadonlySet<Entry>) => entriesOf(item).some((entry) => needed.has(entry));

/** The conditions of the joins that stay: those with a needed table on both sides. */
function collectQuals(item: Item, parts: FromParts, quals: Map<Join, Compiled[]>): void {
  if (isEntry(item)) return;
  const { needed, level, context } = parts;
  if (has(item.left, needed) && has(item.right, needed)) {
    if (item.merges) throw new Unsure('it depends on tables that are joined with USING');
    const harmless = item.quals.flatMap((node) => {
      const found = attempt(() => compile(node, { facts: context.facts, level, place: item }));
      if ('reason' in found) return [];
      return found.value.columns.every(({ entry }) => needed.has(entry)) ? [found.value] : [];
    });
    const exact = isEntry(item.left) && isEntry(item.right) && harmless.length === item.quals.length;
    if (item.kind === 'inner' ? harmless.length === 0 : !exact) {
      throw new Unsure('it depends on several tables, and how they are joined is not certain to be harmless');
    }
    quals.set(item, harmless);
  } else if (item.kind !== 'inner' && needed.size > 1) {
    // The row that the join fills with NULLs would be missed beside the other tables.
    const nullable =
      item.kind === 'left' ? [item.right] : item.kind === 'right' ? [item.left] : [item.left, item.right];
    if (
      nullable.some((side) => has(side, needed)) &&
      [...needed].some((entry) => !entriesOf(item).includes(entry))
    ) {
      throw new Unsure('it depends on several tables, one of them of an outer join');
    }
  }
  collectQuals(item.left, parts, quals);
  collectQuals(item.right, parts, quals);
}

/** Tables with nothing but a comma between them need a condition, or all pairs would be made. */
function requireConnected(items: readonly Item[], { needed, filters }: FromParts): void {
  if (items.length < 2) return;
  const itemOf = (entry: Entry) => items.findIndex((item) => entriesOf(item).includes(entry));
  const links = filters.filter(({ columns }) => new Set(columns.map(({ entry }) => itemOf(entry))).size > 1);
  if (links.length < items.length - 1 || [...needed].some(isNullable)) {
    throw new Unsure('it depends on several tables that no harmless condition joins');
  }
}

const joinWords = { inner: 'JOIN', left: 'LEFT JOIN', right: 'RIGHT JOIN', full: 'FULL JOIN' } as const;

function itemText(
  item: Item,
  parts: FromParts,
  quals: ReadonlyMap<Join, readonly Compiled[]>,
  used: readonly Compiled[],
): string {
  if (isEntry(item)) {
    const alias = parts.aliases.get(item) ?? '';
    return entryText(item, alias, columnsOf(item, used), item.up !== null && quals.has(item.up), parts);
  }
  const conditions = quals.get(item);
  const side = (each: Item) => itemText(each, parts, quals, used);
  if (!conditions) return side(has(item.left, parts.needed) ? item.left : item.right);
  const on = conditions.map((each) => each.write(parts.write)).join(' AND ');
  return `(${side(item.left)} ${joinWords[item.kind]} ${side(item.right)} ON ${on})`;
}

function entryText(
  entry: Entry,
  alias: string,
  columns: readonly Column[],
  joined: boolean,
  { level, context, queryValues }: FromParts,
): string {
  const { source } = entry;
  const { facts } = context;
  // More rows than there are could take the place of a row of NULLs.
  const outer = joined && entry.up !== null && entry.up.kind !== 'inner';
  if (outer && source.kind !== 'relation') throw new Unsure('it depends on a query of an outer join');
  const names = columns.map((column) => column.inner);
  if (source.kind === 'relation') {
    const { relation, range, view } = source;
    const label = relationLabel(relation);
    if (relation.redisKey !== null) throw new Unsure(`${label} is in Redis too, where keys change meanwhile`);
    if (relation.unsteady !== null) throw new Unsure(`${label} ${relation.unsteady}`);
    if (relation.definition !== null) {
      const found = attempt(() => requireSteady(view, facts, names));
      if ('reason' in found) throw new Unsure(`the view ${label}: ${found.reason}`);
    }
    return `${range.inh ? '' : 'ONLY '}${quoteQualified(relation)} AS ${alias}`;
  }
  if (source.kind === 'function') {
    const call = compileTableFunction(source.call, { facts, level, place: 'after' });
    return `${call.write(() => '')} AS ${alias}(${names.map(quoteName).join(', ') || quoteName('c')})`;
  }
  if (source.kind === 'cte') return cteText(entry, source.cte, names, alias, { context, queryValues });
  if (source.kind === 'query') return `(${queryValues(source.query, names, context)}) AS ${alias}`;
  throw new Unsure(`it depends on ${source.what}`);
}

/** A CTE that is named twice is run once, so that it is the same rows; else its query takes its place. */
function cteText(
  entry: Entry,
  cte: Extract<Entry['source'], { kind: 'cte' }>['cte'],
  names: readonly string[],
  alias: string,
  { context, queryValues }: Pick<FromParts, 'context' | 'queryValues'>,
): string {
  const never = cte.node.ctematerialized === 'CTEMaterializeNever';
  const named = context.inside !== null && !never && findCte(context.inside.ctes, cte.name) === cte;
  const byName = `${quoteName(cte.name)} AS ${alias}`;
  const once = cte.uses > 1 || cte.node.ctematerialized === 'CTEMaterializeAlways';
  // What isn't simple (LIMIT, DISTINCT, …) is run as a whole in any case, and may be far fewer rows.
  const whole = cte.query && !isSimple(cte.query.select) && !readsRedis(cte.query);
  if (named && (once || whole)) return byName;
  const own = cte.query?.columns;
  if (!cte.query || !own || !entry.columns) throw new Unsure(`the CTE ${cte.name} isn't looked into`);
  const query = cte.query;
  const behind = names.map((name) => own[indexOfInner(entry.columns, name)]?.inner ?? '');
  const found = attempt(() => queryValues(query, behind, context, names));
  if ('value' in found) return `(${found.value}) AS ${alias}`;
  // Naming it makes Postgres run it as it stands, which must not become a look at the whole of Redis.
  if (named && !readsRedis(query)) return byName;
  throw new Unsure(`the CTE ${cte.name}: ${found.reason}`);
}

function readsRedis(query: Query, seen = new Set<Query>()): boolean {
  // A recursive one reads itself.
  if (seen.has(query)) return false;
  seen.add(query);
  const { shape } = query;
  if (shape.kind === 'union') return readsRedis(shape.left, seen) || readsRedis(shape.right, seen);
  return shape.level.entries.some(({ source }) => {
    if (source.kind === 'relation')
      return source.relation.redisKey !== null || source.relation.definition !== null;
    if (source.kind === 'query') return readsRedis(source.query, seen);
    return source.kind === 'cte' && (!source.cte.query || readsRedis(source.cte.query, seen));
  });
}
