/**
 * Sorted runs of rows: written to scratch space, read back piece by piece, and merged into one. Source: Knuth, TAOCP
 * volume 3, 5.4.1 "Multiway Merging".
 */
import { decodeRows, encodeRows } from '../../domain/copy-text.ts';
import type { ScratchSpace } from '../../domain/ports.ts';
import type { Row } from '../../domain/result-set.ts';
import type { CompareRows } from './order.ts';
import { RowReader } from './row-reader.ts';

/** Rows in order; read anew with each call. */
export type Run = () => AsyncIterable<readonly Row[]>;

/** Rows written, and given by a merge, at once. */
const batchRows = 500;
/** What is read of a run at once: less of each the more there are, so that all together stay about the same. */
const readBytes = { most: 64 * 1024, least: 16 * 1024, together: 2 * 1024 * 1024 };

const newline = 10;

/** Appends sorted rows to the space. They are read back as they were. */
export async function writeRun(space: ScratchSpace, rows: readonly Row[]): Promise<StoredRun> {
  let start: number | undefined;
  let end = 0;
  for (let at = 0; at < rows.length; at += batchRows) {
    const bytes = Buffer.from(encodeRows(rows.slice(at, at + batchRows)));
    const began = await space.append(bytes);
    start ??= began;
    end = began + bytes.length;
  }
  return { start: start ?? 0, end, width: rows[0]?.length ?? 0 };
}

/** Where a run lies in its space, and how many values a row of it has. */
export interface StoredRun {
  readonly start: number;
  readonly end: number;
  readonly width: number;
}

/** Reads a run back; `runCount` is how many are read side by side. */
export async function* readRun(
  space: ScratchSpace,
  { start, end, width }: StoredRun,
  runCount: number,
): AsyncGenerator<readonly Row[]> {
  const piece = Math.max(readBytes.least, Math.min(readBytes.most, readBytes.together / runCount));
  let length = Math.ceil(piece);
  for (let at = start; at < end; ) {
    const bytes = await space.read(at, Math.min(length, end - at));
    const whole = bytes.lastIndexOf(newline) + 1;
    // A row that is longer than a piece.
    if (whole === 0) {
      length *= 2;
      continue;
    }
    yield decodeRows(Buffer.from(bytes.buffer, bytes.byteOffset, whole).toString(), width);
    at += whole;
    length = Math.ceil(piece);
  }
}

/** The rows of all runs in order. Rows of the same key come in the order of their runs or not: it does not matter. */
export async function* mergeRuns(runs: readonly Run[], compare: CompareRows): AsyncGenerator<readonly Row[]> {
  const [only] = runs;
  if (only && runs.length === 1) {
    yield* only();
    return;
  }
  const readers = runs.map((run) => new RowReader(run()));
  try {
    const heap: RowReader[] = [];
    for (const reader of readers) if (await reader.fill()) heap.push(reader);
    const before = (left: RowReader, right: RowReader) => compare(left.row as Row, right.row as Row) < 0;
    // What is sorted is a heap, too.
    heap.sort((left, right) => compare(left.row as Row, right.row as Row));
    let batch: Row[] = [];
    for (let top = heap[0]; top; top = heap[0]) {
      batch.push(top.row as Row);
      top.advance();
      if (batch.length >= batchRows) {
        yield batch;
        batch = [];
      }
      if (top.row === undefined && !(await top.fill())) {
        const last = heap.pop() as RowReader;
        if (last === top) break;
        heap[0] = last;
      }
      sink(heap, before);
    }
    if (batch.length > 0) yield batch;
  } finally {
    for (const reader of readers) await reader.close();
  }
}

/** Brings the first of a heap to where it belongs. */
function sink<T>(heap: T[], before: (left: T, right: T) => boolean): void {
  const moved = heap[0] as T;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as T, heap[child] as T)) child++;
    if (!before(heap[child] as T, moved)) break;
    heap[at] = heap[child] as T;
    at = child;
  }
  heap[at] = moved;
}
