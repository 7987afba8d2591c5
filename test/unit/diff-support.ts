/** Snapshots made by hand in a store that is a list of chunks, and what the tests of comparisons do with them. */
import { newId } from '../../src/domain/clip.ts';
import type { Change, Diff } from '../../src/domain/diff.ts';
import type { Scratch, SnapshotStore, SnapshotWriter } from '../../src/domain/ports.ts';
import type { Column, Row } from '../../src/domain/result-set.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { Diffs } from '../../src/services/diff/diffs.ts';
import { memoryScratch } from '../../src/services/diff/memory-scratch.ts';
import { writeRows } from '../../src/services/snapshot-rows.ts';
import { aSnapshot } from '../contract/samples.ts';
import { resultSet } from './format-support.ts';

/** A store of snapshots that tells how often chunks were asked for. */
export class SnapshotShelf {
  readonly #chunks = new Map<string, Uint8Array[]>();
  /** Every reading of a snapshot that was begun, and every one that has ended. */
  opened = 0;
  ended = 0;

  /** Keeps rows as a snapshot; `batchSize` at a time. */
  async keep(columns: readonly Column[], rows: readonly Row[]): Promise<Snapshot> {
    const id = newId();
    const chunks: Uint8Array[] = [];
    const writer = { append: async (chunk) => void chunks.push(chunk.bytes) } as SnapshotWriter;
    const limit = { maxBytes: 1e9, tooLarge: () => new Error('too large') };
    const stored = await writeRows(writer, resultSet(columns, rows, 500), id, limit);
    this.#chunks.set(id, chunks);
    return aSnapshot({ id: 'clip' }, [], { id, columns, ...stored });
  }

  /** Flips a bit in a stored chunk. */
  damage(snapshot: Snapshot, chunk: number): void {
    const bytes = this.#chunks.get(snapshot.id)?.[chunk];
    if (!bytes) throw new Error('There is no such chunk.');
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  }

  get store(): SnapshotStore {
    const shelf = this;
    return {
      async *chunks({ id }: Snapshot, from = 0) {
        shelf.opened++;
        try {
          for (const chunk of shelf.#chunks.get(id)?.slice(from) ?? []) yield chunk;
        } finally {
          shelf.ended++;
        }
      },
    } as Partial<SnapshotStore> as SnapshotStore;
  }

  /** Comparisons over this store; `runSize` small enough makes many runs of few rows. */
  diffs(runSize?: number, scratch: Scratch = memoryScratch()): Diffs {
    return new Diffs({ snapshots: this.store, scratch, ...(runSize === undefined ? {} : { runSize }) });
  }
}

/** A scratch that counts the spaces that are open, and the bytes that were written. */
export function countingScratch(
  inner: Scratch = memoryScratch(),
): Scratch & { open: Scratch['open']; held: number; bytes: number } {
  const counting = {
    held: 0,
    bytes: 0,
    open() {
      const space = inner.open();
      let closed = false;
      counting.held++;
      return {
        append: (bytes: Uint8Array) => {
          counting.bytes += bytes.length;
          return space.append(bytes);
        },
        read: (start: number, length: number) => space.read(start, length),
        close: () => {
          if (!closed) counting.held--;
          closed = true;
          return space.close();
        },
      };
    },
  };
  return counting;
}

/** All changes of a comparison. */
export async function allChanges(diff: Diff): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const batch of diff.changes) changes.push(...batch);
  return changes;
}

/** A generator of numbers below 1 that is the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
