/** What changed between two snapshots of a clip: the differences of their rows, and how the rows were matched. */
import type { Column, Row } from './result-set.ts';
import type { Snapshot } from './snapshot.ts';

/** A column of either snapshot. Columns of one name are the same column, whatever became of their type. */
export interface DiffColumn {
  /** Its name as keyed formats have it: a name that came before is `name_2`. No two columns share it. */
  readonly key: string;
  /** As the later snapshot has it, or the earlier one where only that has it. */
  readonly column: Column;
  /** Where it stands in the rows of each; null where it is not. */
  readonly from: number | null;
  readonly to: number | null;
}

/** A column that both snapshots have. */
export interface SharedColumn extends DiffColumn {
  readonly from: number;
  readonly to: number;
}

/**
 * One difference. Rows are whole, `before` and `removed` with the columns of `from`, `after` and `added` with those of
 * `to`. `columns` are the shared ones whose values differ, at least one.
 */
export type Change =
  | { readonly kind: 'added'; readonly row: Row }
  | { readonly kind: 'removed'; readonly row: Row }
  | {
      readonly kind: 'changed';
      readonly before: Row;
      readonly after: Row;
      readonly columns: readonly SharedColumn[];
    };

/** How many rows were met so far. */
export interface DiffSummary {
  added: number;
  removed: number;
  changed: number;
  unchanged: number;
}

/** What rows are matched by. */
export interface DiffKey {
  /**
   * The columns that tell which rows are the same one; none when each snapshot has one row at most. Null: there are no
   * such columns, so rows are compared whole and none is `changed`.
   */
  readonly columns: readonly SharedColumn[] | null;
  /** False when the reader named it. */
  readonly found: boolean;
}

/** An open comparison. It holds scratch space until `changes` end, fail or are abandoned, or until `close()`. */
export interface Diff {
  readonly from: Snapshot;
  readonly to: Snapshot;
  readonly key: DiffKey;
  /** Those of `to` in their order, then those that only `from` has. */
  readonly columns: readonly DiffColumn[];
  /** In the order of the key; to be iterated at most once. Throws `snapshot_damaged`. */
  readonly changes: AsyncIterable<readonly Change[]>;
  /** Of the rows behind `changes` as far as they were read; whole once they have ended. */
  readonly summary: Readonly<DiffSummary>;
  /** May be called at any time, more than once. */
  close(): Promise<void>;
}
