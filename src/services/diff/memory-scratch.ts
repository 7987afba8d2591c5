/** Scratch space in memory, bounded: where no other is given, as on Workers, which have no files. */
import { AppError } from '../../domain/errors.ts';
import type { Scratch, ScratchSpace } from '../../domain/ports.ts';

/** Isolates of Workers have 128 MB in all. */
const defaultMaxBytes = 32 * 1024 * 1024;

/** Scratch space of `maxBytes` at most, each. */
export function memoryScratch(maxBytes = defaultMaxBytes): Scratch {
  return { open: () => new MemorySpace(maxBytes) };
}

class MemorySpace implements ScratchSpace {
  readonly #maxBytes: number;
  #parts: { readonly start: number; readonly bytes: Uint8Array }[] = [];
  #size = 0;
  #closed = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async append(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw new Error('The scratch space is closed.');
    const start = this.#size;
    if (start + bytes.length > this.#maxBytes) throw this.#full();
    this.#size += bytes.length;
    this.#parts.push({ start, bytes });
    return start;
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = this.#partAt(start), filled = 0; filled < length; at++) {
      const part = this.#parts[at];
      if (!part) throw new Error('The scratch space ends too early.');
      const from = start + filled - part.start;
      const piece = part.bytes.subarray(from, from + length - filled);
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#parts = [];
  }

  /** The last part that begins at or before `start`. */
  #partAt(start: number): number {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#parts[middle]?.start ?? 0) <= start) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #full(): AppError {
    const megabytes = Math.floor(this.#maxBytes / (1024 * 1024));
    return new AppError(
      'diff_too_large',
      `To sort the rows takes more than the ${megabytes} MB that there are here. Freeze the clip with its rows in the key's order (ORDER BY), or compare the snapshots on a server that runs on Node.`,
    );
  }
}
