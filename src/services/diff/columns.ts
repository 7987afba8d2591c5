/** The columns of two snapshots beside each other, and the ones that a reader names as the key. */
import type { DiffColumn, SharedColumn } from '../../domain/diff.ts';
import { AppError } from '../../domain/errors.ts';
import type { Column } from '../../domain/result-set.ts';
import { uniqueKeys } from '../../formats/keys.ts';

/** Every column of both: those of `to` in their order, then those that only `from` has. */
export function matchColumns(from: readonly Column[], to: readonly Column[]): DiffColumn[] {
  const fromKeys = uniqueKeys(from);
  const toKeys = uniqueKeys(to);
  const fromAt = new Map(fromKeys.map((key, at) => [key, at]));
  const known = new Set(toKeys);
  return [
    ...to.map((column, at) => {
      const key = toKeys[at] as string;
      return { key, column, from: fromAt.get(key) ?? null, to: at };
    }),
    ...from.flatMap((column, at) => {
      const key = fromKeys[at] as string;
      return known.has(key) ? [] : [{ key, column, from: at, to: null }];
    }),
  ];
}

export function isShared(column: DiffColumn): column is SharedColumn {
  return column.from !== null && column.to !== null;
}

/** The shared columns of these names, each once. Throws `invalid_option` for any other name. */
export function pickKey(columns: readonly DiffColumn[], names: readonly string[]): SharedColumn[] {
  const shared = columns.filter(isShared);
  const picked = [...new Set(names)].map((name) => shared.find(({ key }) => key === name));
  if (picked.some((column) => column === undefined)) {
    throw new AppError(
      'invalid_option',
      shared.length === 0
        ? 'The two snapshots have no column in common, so no key can be picked. Leave ?key= out.'
        : `?key= takes names of columns that both snapshots have: ${shared.map(({ key }) => JSON.stringify(key)).join(', ')}.`,
    );
  }
  return picked as SharedColumn[];
}
