/**
 * The order that rows are sorted and matched in: any order does as long as both snapshots share it. Integers are
 * ordered as numbers and NULL stands last, so that what came with `ORDER BY id` is in order already.
 */
import type { SharedColumn } from '../../domain/diff.ts';
import type { ColumnKind, Row } from '../../domain/result-set.ts';

/** Negative: `left` comes first. Zero: the two have the same key. */
export type CompareRows = (left: Row, right: Row) => number;

/** The comparisons of one key: within each snapshot, and of a row of `from` with one of `to`. */
export interface RowOrder {
  readonly from: CompareRows;
  readonly to: CompareRows;
  readonly across: CompareRows;
}

type CompareTexts = (left: string, right: string) => number;

const compareTexts: CompareTexts = (left, right) => (left < right ? -1 : left > right ? 1 : 0);

const minus = 45;

/** Integers as Postgres writes them: no plus sign, no zeros in front. So the longer one is the larger one. */
export const compareIntegers: CompareTexts = (left, right) => {
  if (left === right) return 0;
  const leftNegative = left.charCodeAt(0) === minus;
  if (leftNegative !== (right.charCodeAt(0) === minus)) return leftNegative ? -1 : 1;
  const larger = left.length === right.length ? left > right : left.length > right.length;
  return larger === leftNegative ? -1 : 1;
};

const integerKinds: ReadonlySet<ColumnKind> = new Set(['int', 'int8']);

interface Part {
  readonly left: number;
  readonly right: number;
  readonly compare: CompareTexts;
}

function compareParts(parts: readonly Part[]): CompareRows {
  return (leftRow, rightRow) => {
    for (const { left, right, compare } of parts) {
      const a = leftRow[left] ?? null;
      const b = rightRow[right] ?? null;
      if (a === b) continue;
      if (a === null) return 1;
      if (b === null) return -1;
      const order = compare(a, b);
      if (order !== 0) return order;
    }
    return 0;
  };
}

/** The order by a key. `isInteger` says whether a column's text is an integer in both snapshots. */
export function orderBy(
  key: readonly SharedColumn[],
  isInteger: (column: SharedColumn) => boolean,
): RowOrder {
  const parts = (left: 'from' | 'to', right: 'from' | 'to') =>
    key.map((column) => ({
      left: column[left],
      right: column[right],
      compare: isInteger(column) ? compareIntegers : compareTexts,
    }));
  return {
    from: compareParts(parts('from', 'from')),
    to: compareParts(parts('to', 'to')),
    across: compareParts(parts('from', 'to')),
  };
}

export function isIntegerKind(kind: ColumnKind | undefined): boolean {
  return kind !== undefined && integerKinds.has(kind);
}
