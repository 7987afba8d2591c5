/** Comparing two snapshots of a clip: which key, both sorted by it, and then their differences. */
import type { Diff, DiffColumn, DiffKey, DiffSummary, SharedColumn } from '../../domain/diff.ts';
import { AppError } from '../../domain/errors.ts';
import type { Scratch, ScratchSpace, SnapshotStore } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { openSnapshot } from '../snapshot-rows.ts';
import { findChanges } from './changes.ts';
import { isShared, matchColumns, pickKey } from './columns.ts';
import { findCandidates, takeSample } from './find-key.ts';
import { isIntegerKind, orderBy, type RowOrder } from './order.ts';
import type { Run } from './runs.ts';
import { sortRows } from './sorted-rows.ts';

export interface DiffsOptions {
  readonly snapshots: SnapshotStore;
  readonly scratch: Scratch;
  /** Size of the rows that are sorted in memory at once. Default: some megabytes. */
  readonly runSize?: number;
}

export interface DiffOptions {
  /** Names of the columns to match rows by; absent: they are looked for. */
  readonly key?: readonly string[] | undefined;
  /** Aborted when nobody waits for the comparison any more. */
  readonly signal?: AbortSignal;
}

/** Two snapshots on their way to a Diff. */
interface Pair {
  readonly from: Snapshot;
  readonly to: Snapshot;
  readonly columns: readonly DiffColumn[];
  readonly signal: AbortSignal | undefined;
}

export class Diffs {
  readonly #options: DiffsOptions;

  constructor(options: DiffsOptions) {
    this.#options = options;
  }

  /**
   * Opens the comparison with everything sorted that has to be, so that what it refuses is refused before its first
   * change. Throws `invalid_option` for a key that is none, `key_not_unique`, `diff_too_large`, `snapshot_damaged`.
   */
  async open(from: Snapshot, to: Snapshot, { key, signal }: DiffOptions = {}): Promise<Diff> {
    const columns = matchColumns(from.columns, to.columns);
    const pair: Pair = { from, to, columns, signal };
    if (key) {
      const picked = { columns: pickKey(columns, key), found: false };
      const diff = await this.#tryKey(pair, picked);
      if (typeof diff === 'string') throw notUnique(pair, diff);
      return diff;
    }
    for (const candidate of await this.#findCandidates(pair)) {
      const diff = await this.#tryKey(pair, { columns: candidate, found: true });
      if (typeof diff !== 'string') return diff;
    }
    const whole = await this.#tryKey(pair, { columns: null, found: true });
    if (typeof whole === 'string') throw new Error('Whole rows need not be unique.');
    return whole;
  }

  /** Throws what `open` throws without reading a row. */
  check(from: Snapshot, to: Snapshot, key: readonly string[] | undefined): void {
    if (key) pickKey(matchColumns(from.columns, to.columns), key);
  }

  async #findCandidates({ from, to, columns }: Pair): Promise<SharedColumn[][]> {
    if (!columns.some(isShared)) return [];
    // One row needs no name: it is the same one, with other values.
    if (from.rowCount <= 1 && to.rowCount <= 1) return [[]];
    const { snapshots } = this.#options;
    const [fromRows, toRows] = await Promise.all(
      [from, to].map((each) => takeSample((page) => openSnapshot(snapshots, each, page), each.rowCount)),
    );
    return findCandidates(columns, { from: fromRows ?? [], to: toRows ?? [] });
  }

  /** The comparison by this key, or in which of the two it is not unique. */
  async #tryKey(pair: Pair, key: DiffKey): Promise<Diff | 'from' | 'to'> {
    const { from, to, columns } = pair;
    const shared = columns.filter(isShared);
    const order = orderBy(key.columns ?? shared, (column) => isInteger(pair, column));
    const space = this.#options.scratch.open();
    try {
      const sortedFrom = await this.#sort(pair, 'from', key, order, space);
      const sortedTo = sortedFrom && (await this.#sort(pair, 'to', key, order, space));
      if (!sortedFrom || !sortedTo) {
        await space.close();
        return sortedFrom ? 'to' : 'from';
      }
      const summary: DiffSummary = { added: 0, removed: 0, changed: 0, unchanged: 0 };
      // Rows that share no column have nothing to be the same by, unless no row has any.
      const strangers = shared.length === 0 && columns.length > 0;
      const changes = findChanges({
        from: sortedFrom(),
        to: sortedTo(),
        across: strangers ? () => -1 : order.across,
        columns: key.columns === null ? [] : shared,
        summary,
        checkWanted: () => checkWanted(pair.signal),
      });
      return {
        from,
        to,
        key,
        columns,
        summary,
        changes: closing(changes, space),
        close: () => space.close(),
      };
    } catch (error) {
      await space.close();
      throw error;
    }
  }

  #sort(
    pair: Pair,
    side: 'from' | 'to',
    key: DiffKey,
    order: RowOrder,
    space: ScratchSpace,
  ): Promise<Run | null> {
    const { snapshots, runSize } = this.#options;
    return sortRows({
      open: (limit) => openSnapshot(snapshots, pair[side], limit === undefined ? {} : { limit }),
      compare: order[side],
      space,
      unique: key.columns !== null,
      notNull: key.found ? (key.columns ?? []).map((column) => column[side]) : [],
      checkWanted: () => checkWanted(pair.signal),
      ...(runSize === undefined ? {} : { runSize }),
    });
  }
}

function isInteger({ from, to }: Pair, column: SharedColumn): boolean {
  return isIntegerKind(from.columns[column.from]?.kind) && isIntegerKind(to.columns[column.to]?.kind);
}

/** The same, and the space is closed when they end, fail or are abandoned. */
async function* closing<T>(items: AsyncIterable<T>, space: ScratchSpace): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    await space.close();
  }
}

function checkWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError('run_cancelled', 'Nobody waits for this comparison any more.');
}

/** Names the snapshot by its place and time, and no value. */
function notUnique({ from, to }: Pair, side: 'from' | 'to'): AppError {
  const where =
    from.id === to.id
      ? 'the snapshot'
      : side === 'from'
        ? `the snapshot compared from (${from.id})`
        : `the snapshot compared to (${to.id})`;
  return new AppError(
    'key_not_unique',
    `In ${where} several rows have the same key. Pick columns that tell every row apart, or leave the key out.`,
  );
}
