/**
 * The columns that a query has, by name, and the expressions behind them. A name that Postgres would make up by rules
 * that aren't followed here makes all of them unknown: a column that isn't seen could be taken for an outer one.
 * Source: FigureColname in parse_target.c.
 */
import type { Node, SelectStmt } from 'libpg-query';
import type { Column, Level } from './scope.ts';
import { textsOf, walk } from './tree.ts';

/** The first columns with other names, as an alias gives them; null stays null. */
export function renamed(columns: readonly Column[] | null, names: readonly string[]): Column[] | null {
  if (columns === null || names.length > columns.length) return null;
  return columns.map((column, n) => ({ ...column, name: names[n] ?? column.name }));
}

/** The columns of a SELECT or VALUES; null when they aren't certain. */
export function queryColumns(select: SelectStmt, level: Level): Column[] | null {
  if (select.valuesLists) return valuesColumns(select.valuesLists, level);
  const columns: Column[] = [];
  for (const node of select.targetList ?? []) {
    if (!('ResTarget' in node)) return null;
    const { name, val } = node.ResTarget;
    const star = val && 'ColumnRef' in val ? starPrefix(val.ColumnRef.fields) : null;
    if (star !== null) {
      const expanded = expandStar(star, level);
      if (!expanded) return null;
      columns.push(...expanded);
    } else {
      const known = name ?? nameOf(val);
      if (known === null || !val) return null;
      columns.push({ name: known, inner: known, type: null, from: [{ node: val, level }] });
    }
  }
  return columns;
}

function valuesColumns(rows: readonly Node[], level: Level): Column[] | null {
  const lists = rows.map((row) => ('List' in row ? (row.List.items ?? []) : []));
  return (lists[0] ?? []).map((_, n) => ({
    name: `column${n + 1}`,
    inner: `column${n + 1}`,
    type: null,
    from: lists.flatMap((list) => (list[n] ? [{ node: list[n], level }] : [])),
  }));
}

/** What stands before the `*`: a table's alias, '' for none; null when there is no star. */
function starPrefix(fields: readonly Node[] | undefined): string | null {
  const last = fields?.at(-1);
  if (!last || !('A_Star' in last)) return null;
  return textsOf(fields?.slice(0, -1))?.join('.') ?? null;
}

function expandStar(prefix: string, level: Level): Column[] | null {
  const entries = level.entries.filter((entry) => prefix === '' || entry.alias === prefix);
  if (entries.length === 0 || (prefix !== '' && entries.length > 1)) return null;
  // USING shows the columns that it merges once, and first.
  if (prefix === '' && level.entries.some(({ up }) => hasMerge(up))) return null;
  const columns: Column[] = [];
  for (const { alias, columns: own } of entries) {
    if (alias === null || own === null) return null;
    for (const { name } of own) {
      const fields = [alias, name].map((sval): Node => ({ String: { sval } }));
      columns.push({ name, inner: name, type: null, from: [{ node: { ColumnRef: { fields } }, level }] });
    }
  }
  return columns;
}

function hasMerge(join: Level['entries'][number]['up']): boolean {
  for (let at = join; at; at = at.up) if (at.merges) return true;
  return false;
}

/** The name that Postgres gives a column whose expression has none; null when it isn't certain. */
function nameOf(node: Node | undefined): string | null {
  if (!node) return null;
  if ('ColumnRef' in node) return textsOf(node.ColumnRef.fields)?.at(-1) ?? null;
  if ('FuncCall' in node) return textsOf(node.FuncCall.funcname)?.at(-1) ?? null;
  if ('TypeCast' in node) {
    let arg = node.TypeCast.arg;
    // Of several casts the last one counts.
    while (arg && 'TypeCast' in arg) arg = arg.TypeCast.arg;
    const inner = nameOf(arg);
    const type = textsOf(node.TypeCast.typeName?.names)?.at(-1) ?? null;
    return inner === '?column?' ? type : inner;
  }
  if ('CoalesceExpr' in node) return 'coalesce';
  if ('A_Const' in node || 'A_Expr' in node || 'BoolExpr' in node || 'NullTest' in node) {
    const nullif = 'A_Expr' in node && node.A_Expr.kind === 'AEXPR_NULLIF';
    return nullif ? 'nullif' : '?column?';
  }
  return null;
}

const aggregates = /^(count|sum|avg|min|max|array_agg|string_agg|jsonb?_(object_)?agg|bool_(and|or)|every)$/;

/** True for a query that Postgres can make a part of the one around it; a guess about speed, not about safety. */
export function isSimple(select: SelectStmt): boolean {
  if (select.larg || select.valuesLists || select.groupClause || select.havingClause || select.withClause)
    return false;
  if (select.limitCount || select.limitOffset || select.distinctClause || select.windowClause) return false;
  let simple = true;
  walk(select.targetList, (tag, fields) => {
    const call = tag === 'FuncCall' ? (fields as { funcname?: Node[]; over?: unknown }) : null;
    if (call?.over || (call && aggregates.test(textsOf(call.funcname)?.at(-1) ?? ''))) simple = false;
  });
  return simple;
}

/** True when a window function, which sees all rows, is called in it. */
export function hasWindow(select: SelectStmt): boolean {
  let found = false;
  walk([select.targetList, select.sortClause], (tag, fields) => {
    if (tag === 'FuncCall' && (fields as { over?: unknown }).over) found = true;
  });
  return found;
}
