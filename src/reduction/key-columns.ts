/**
 * Which scans of Redis a condition on a column reaches: through subqueries, CTEs, UNIONs and views as long as nothing on
 * the way (LIMIT, window functions, a CTE that is named twice) has to see all rows first. Postgres pushes it down there,
 * and rows for which it doesn't hold may as well not be read at all. Source: subquery_is_pushdown_safe in allpaths.c.
 */
import type { ColumnRef, Node } from 'libpg-query';
import { hasWindow, isSimple } from './query-columns.ts';
import { type Column, type Entry, indexOfInner, type Query, type Resolved, resolve } from './scope.ts';
import { textsOf } from './tree.ts';
import { attempt } from './unsure.ts';

/** The entries whose Redis key the column is; none when it is another column. */
export function scansOf({ entry, column }: Resolved): Entry[] {
  const { source } = entry;
  if (source.kind === 'relation') {
    if (source.relation.redisKey !== null) return column.inner === source.relation.redisKey ? [entry] : [];
    const index = source.relation.columns.findIndex(({ name }) => name === column.inner);
    return source.view ? scansBehind(source.view, index) : [];
  }
  if (source.kind === 'query') {
    return scansBehind(source.query, indexOf(source.query.columns, column.inner));
  }
  if (source.kind !== 'cte') return [];
  const { cte } = source;
  // Named twice, its other rows are needed too.
  const once = cte.uses === 1 && cte.node.ctematerialized !== 'CTEMaterializeAlways';
  if (!once || cte.recursive || !cte.query) return [];
  return scansBehind(cte.query, indexOf(entry.columns, column.inner));
}

/** -1 also when it isn't certain. */
function indexOf(columns: readonly Column[] | null, inner: string): number {
  const found = attempt(() => indexOfInner(columns, inner));
  return 'value' in found ? found.value : -1;
}

function scansBehind(query: Query, index: number): Entry[] {
  const { select, shape } = query;
  if (select.limitCount || select.limitOffset || select.windowClause || index < 0) return [];
  if (shape.kind === 'union') {
    return select.op === 'SETOP_UNION'
      ? [shape.left, shape.right].flatMap((arm) => scansBehind(arm, index))
      : [];
  }
  const node = query.columns?.[index]?.from[0]?.node;
  if (shape.kind === 'values' || !node || !('ColumnRef' in node)) return [];
  const grouped = select.groupClause ?? [];
  const whole = (select.distinctClause ?? []).every((each) => Object.keys(each).length === 0);
  const plain = isSimple({
    ...select,
    groupClause: undefined,
    distinctClause: undefined,
    withClause: undefined,
  } as never);
  if (hasWindow(select)) return [];
  const passes =
    grouped.length > 0 ? grouped.some((each) => isSameColumn(each, node.ColumnRef, index)) : plain;
  if (!passes || !whole) return [];
  const found = attempt(() => resolve(node.ColumnRef, shape.level, 'after'));
  return 'value' in found ? scansOf(found.value) : [];
}

/** A column in GROUP BY, by its name or its number. */
function isSameColumn(node: Node, column: ColumnRef, index: number): boolean {
  if ('A_Const' in node) return node.A_Const.ival?.ival === index + 1;
  if (!('ColumnRef' in node)) return false;
  return textsOf(node.ColumnRef.fields)?.at(-1) === textsOf(column.fields)?.at(-1);
}
