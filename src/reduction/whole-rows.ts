/**
 * Rows as values: that of a relation has its type, which functions see and results show; that of a query which stands in
 * its place has none. Source: PostgreSQL manual, "Using Composite Types in Queries".
 */
import type { ColumnRef, Node, ResTarget, RowExpr } from 'libpg-query';
import type { ParsedSql } from './sql-parser.ts';
import { textsOf, walk } from './tree.ts';
import { Unsure } from './unsure.ts';

/** Throws `Unsure` with the reason when a row of something with one of these names may be a value. */
export function requireNoWholeRow(
  { select }: ParsedSql,
  aliases: ReadonlySet<string | null>,
  reason: string,
): void {
  const isStar = (node: Node | undefined): boolean => {
    if (!node || !('ColumnRef' in node)) return false;
    const [first, second] = node.ColumnRef.fields ?? [];
    return second !== undefined && 'A_Star' in second && aliases.has(textsOf(first && [first])?.[0] ?? null);
  };
  let stars = 0;
  walk(select, (tag, fields) => {
    if (tag === 'ColumnRef') {
      const names = textsOf((fields as ColumnRef).fields);
      if (names?.length === 1 && aliases.has(names[0] as string)) throw new Unsure(reason);
      if (isStar({ ColumnRef: fields as ColumnRef })) stars++;
    }
    // There it is the columns.
    if (tag === 'ResTarget' && isStar((fields as ResTarget).val)) stars--;
    if (tag === 'RowExpr') stars -= ((fields as RowExpr).args ?? []).filter(isStar).length;
  });
  if (stars > 0) throw new Unsure(reason);
}
