/**
 * Parts of a condition as functions of a row, and how texts are compared: with Postgres's three-valued logic and the byte
 * order of collation "C". Knows no SQL.
 */

/** A row as the client sees it, positional as the table's columns: UTF-8, or null. */
export type ShownRow = readonly (Buffer | null)[];

/** A value that depends on the row, unless it is constant. */
export interface Compiled<T> {
  readonly isConstant: boolean;
  at(row: ShownRow): T | null;
}

/** An array of texts. */
export type Elements = readonly (Buffer | null)[];

/** For constants, which look at no row. */
export const noRow: ShownRow = [];

export const constant = <T>(value: T | null): Compiled<T> => ({ isConstant: true, at: () => value });

/** What is made of other values; constant when they all are. */
export function derived<T>(
  inputs: readonly Compiled<unknown>[],
  at: (row: ShownRow) => T | null,
): Compiled<T> {
  return inputs.every(({ isConstant }) => isConstant) ? constant(at(noRow)) : { isConstant: false, at };
}

type Comparison = (left: Buffer, right: Buffer) => boolean;

const startsWith: Comparison = (text, prefix) =>
  text.length >= prefix.length && text.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
const isLess: Comparison = (left, right) => left.compare(right) < 0;
const isAtMost: Comparison = (left, right) => left.compare(right) <= 0;
const isGreater: Comparison = (left, right) => left.compare(right) > 0;
const isAtLeast: Comparison = (left, right) => left.compare(right) >= 0;

/** The operators between texts; `~<~` and its like compare bytes whatever the collation is. */
export const comparisons: Readonly<Record<string, Comparison>> = {
  '=': (left, right) => left.equals(right),
  '<>': (left, right) => !left.equals(right),
  '<': isLess,
  '<=': isAtMost,
  '>': isGreater,
  '>=': isAtLeast,
  '~<~': isLess,
  '~<=~': isAtMost,
  '~>~': isGreater,
  '~>=~': isAtLeast,
  '^@': startsWith,
};

/** `left operator right`. */
export function compareTexts(
  operator: string,
  left: Compiled<Buffer>,
  right: Compiled<Buffer>,
): Compiled<boolean> {
  const compare = comparisons[operator] as Comparison;
  return derived([left, right], (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    return a === null || b === null ? null : compare(a, b);
  });
}

/** `left operator right` of booleans, for `=` and `<>`. */
export function compareTruths(
  operator: '=' | '<>',
  left: Compiled<boolean>,
  right: Compiled<boolean>,
): Compiled<boolean> {
  return derived([left, right], (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    return a === null || b === null ? null : (a === b) === (operator === '=');
  });
}

/** `left IS DISTINCT FROM right`. */
export function areDistinct(left: Compiled<Buffer>, right: Compiled<Buffer>): Compiled<boolean> {
  return derived([left, right], (row) => {
    const [a, b] = [left.at(row), right.at(row)];
    return a === null || b === null ? a !== b : !a.equals(b);
  });
}

/** `left operator ANY (list)` and `ALL`. */
export function compareWithEach(
  operator: string,
  quantifier: 'any' | 'all',
  left: Compiled<Buffer>,
  list: Compiled<Elements>,
): Compiled<boolean> {
  const compare = comparisons[operator] as Comparison;
  /** The truth of one comparison that settles it. */
  const decisive = quantifier === 'any';
  const isMembership = operator === (decisive ? '=' : '<>');
  const elements = list.isConstant ? list.at(noRow) : null;
  if (isMembership && elements) return isAmong(left, elements, decisive);
  return derived([left, list], (row) => {
    const [text, items] = [left.at(row), list.at(row)];
    if (!items) return null;
    let result: boolean | null = !decisive;
    for (const item of items) {
      const truth = text === null || item === null ? null : compare(text, item);
      if (truth === decisive) return decisive;
      if (truth === null) result = null;
    }
    return result;
  });
}

/** `= ANY` and `<> ALL` of an array that may be long. */
function isAmong(text: Compiled<Buffer>, elements: Elements, decisive: boolean): Compiled<boolean> {
  const set = new Set(elements.map((element) => element?.toString('latin1') ?? null));
  return derived([text], (row) => {
    if (set.size === 0) return !decisive;
    const value = text.at(row);
    if (value === null) return null;
    if (set.has(value.toString('latin1'))) return decisive;
    return set.has(null) ? null : !decisive;
  });
}
