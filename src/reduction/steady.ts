/**
 * Whether a view gives the same rows each time that it is asked within one transaction, and fails for none that it
 * didn't fail for before. A view stays a view, since what is behind it may be closed to the login.
 */
import type { A_Expr, FuncCall, Node } from 'libpg-query';
import { type Compiled, columnsOf, type Standing } from './compiled.ts';
import { compile } from './expressions.ts';
import { type Facts, nameKey, relationLabel } from './facts.ts';
import { isSimple } from './query-columns.ts';
import { type Entry, type Item, isEntry, type Level, type Query } from './scope.ts';
import { qualifiedName, walk } from './tree.ts';
import { Unsure } from './unsure.ts';

/** Throws `Unsure` unless the query is steady, as far as these of its columns need it; `null`: all of them. */
export function requireSteady(query: Query | null, facts: Facts, columns: readonly string[] | null): void {
  if (!query?.columns) throw new Unsure('its definition is not looked into');
  requireNothingVolatile(query.select, facts);
  requireSteadyQuery(query, facts, columns);
}

/** Throws `Unsure` when a volatile function or operator stands anywhere in the tree, or one that isn't known. */
export function requireNothingVolatile(tree: unknown, facts: Facts): void {
  walk(tree, (tag, fields) => {
    const call = tag === 'FuncCall' ? qualifiedName((fields as FuncCall).funcname) : null;
    if (tag === 'FuncCall' && (!call || facts.functions.get(nameKey(call))?.volatile !== false)) {
      throw new Unsure(`a function ${call?.name ?? ''}() in it is volatile or isn't known`);
    }
    const operator = tag === 'A_Expr' ? qualifiedName((fields as A_Expr).name) : null;
    if (tag === 'A_Expr' && (!operator || facts.operators.get(nameKey(operator))?.volatile !== false)) {
      throw new Unsure(`an operator ${operator?.name ?? ''} in it is volatile or isn't known`);
    }
  });
}

function requireSteadyQuery(query: Query, facts: Facts, columns: readonly string[] | null): void {
  const { shape, select } = query;
  if (select.limitCount || select.limitOffset || select.lockingClause || select.windowClause) {
    throw new Unsure('it has LIMIT, OFFSET, FOR UPDATE or WINDOW');
  }
  if (shape.kind === 'union') {
    requireSteadyQuery(shape.left, facts, null);
    requireSteadyQuery(shape.right, facts, null);
    return;
  }
  const standing: Standing = { facts, level: shape.level, place: 'after' };
  if (shape.kind === 'values') {
    for (const row of select.valuesLists ?? []) {
      for (const item of 'List' in row ? (row.List.items ?? []) : []) compile(item, standing);
    }
    return;
  }
  const used = requireSteadyLevel(shape.level, standing);
  // A simple view is dissolved, and of its columns only those are evaluated that are asked for.
  const asked = columns !== null && isSimple(select) ? columns : null;
  for (const { inner, from } of query.columns ?? []) {
    const node = from[0]?.node;
    if (asked?.includes(inner) === false || (node && isHarmlessAggregate(node, standing))) continue;
    used.push(compile(node, standing));
  }
  for (const entry of shape.level.entries) requireSteadyEntry(entry, facts, asked === null ? null : used);
}

/** The conditions of the level. */
function requireSteadyLevel(level: Level, standing: Standing): Compiled[] {
  const { select } = level;
  for (const node of [...(select.sortClause ?? []), ...(select.groupClause ?? [])]) {
    const by = 'SortBy' in node ? node.SortBy.node : node;
    // A column by its name or its number, which is looked at with the others.
    if (by && !('ColumnRef' in by) && !('A_Const' in by)) compile(by, standing);
  }
  const on = (select.distinctClause ?? []).some((node) => Object.keys(node).length > 0);
  const sets = (select.groupClause ?? []).some((node) => 'GroupingSet' in node);
  if (on || sets || select.havingClause) throw new Unsure('it has DISTINCT ON, GROUPING SETS or HAVING');
  return [
    ...level.items.flatMap((item) => joinConditions(item, standing)),
    ...level.where.map((condition) => compile(condition, standing)),
  ];
}

function joinConditions(item: Item, standing: Standing): Compiled[] {
  if (isEntry(item)) return [];
  if (item.merges) throw new Unsure('it has USING or NATURAL');
  const own = item.quals.map((condition) => compile(condition, { ...standing, place: item }));
  return [...joinConditions(item.left, standing), ...joinConditions(item.right, standing), ...own];
}

/** `used`: what the columns of it are needed for; null when all of them are. */
function requireSteadyEntry(entry: Entry, facts: Facts, used: readonly Compiled[] | null): void {
  const { source } = entry;
  if (source.kind === 'relation') {
    const { relation, view } = source;
    const label = relationLabel(relation);
    if (relation.redisKey !== null) throw new Unsure(`${label} is in Redis, where keys change meanwhile`);
    if (relation.unsteady !== null) throw new Unsure(`${label} ${relation.unsteady}`);
    const columns = used && columnsOf(entry, used).map((column) => column.inner);
    if (relation.definition !== null) requireSteady(view, facts, columns);
  } else if (source.kind === 'query' && !source.lateral) requireSteadyQuery(source.query, facts, null);
  else throw new Unsure('it has a CTE, a LATERAL query or a table function');
}

const harmlessAggregates = new Set(['count', 'min', 'max', 'bool_and', 'bool_or', 'every']);

function isHarmlessAggregate(node: Node, standing: Standing): boolean {
  const call = 'FuncCall' in node ? node.FuncCall : null;
  const name = qualifiedName(call?.funcname);
  if (!call || !name || !harmlessAggregates.has(name.name) || call.over || call.agg_filter) return false;
  if (standing.facts.functions.get(nameKey(name))?.builtIn !== true) return false;
  for (const arg of call.args ?? []) compile(arg, standing);
  return true;
}
