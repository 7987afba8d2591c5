/** Batches of rows read one row at a time, waiting only where a batch ends. */
import type { Row } from '../../domain/result-set.ts';

/** The row that is looked at stands in `row`. To be closed when it is left before its end. */
export class RowReader {
  readonly #batches: AsyncIterator<readonly Row[]>;
  #rows: readonly Row[] = [];
  #at = 0;
  /** Undefined at the end of a batch: `fill()` is due, unless there is no more. */
  row: Row | undefined;
  /** True once it is known that no row is left. */
  ended = false;

  constructor(batches: AsyncIterable<readonly Row[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** Goes on to the next row of the batch. */
  advance(): void {
    this.row = this.#rows[++this.#at];
  }

  /** Reads the next batch where the last one has ended. False when there is no row left. */
  async fill(): Promise<boolean> {
    while (this.row === undefined) {
      const step = await this.#batches.next();
      if (step.done) {
        this.ended = true;
        return false;
      }
      this.#rows = step.value;
      this.#at = 0;
      this.row = this.#rows[0];
    }
    return true;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
