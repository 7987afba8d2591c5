/**
 * Many byte strings in little memory: an array of a million keys may be kept for as long as a cursor is open, and as
 * many buffers of their own would take ten times as much.
 */

/** Buffers that are handed out at once. */
const pieceLength = 100_000;

/** A list that is added to at its end. What is read of it may not be written to. */
export class ByteList {
  #bytes = Buffer.allocUnsafe(256);
  #ends = new Uint32Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a copy. */
  add(bytes: Buffer): void {
    const start = this.#reserve(bytes.length);
    bytes.copy(this.#bytes, start);
    this.#ends[this.#length++] = start + bytes.length;
  }

  /** Adds the UTF-8 of a text. */
  addText(text: string): void {
    const start = this.#reserve(text.length * 3);
    this.#ends[this.#length++] = start + this.#bytes.write(text, start);
  }

  /** Makes room for one more of at most so many bytes; gives back where it begins. */
  #reserve(bytes: number): number {
    const start = this.#startOf(this.#length);
    const end = start + bytes;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, start);
      this.#bytes = larger;
    }
    if (this.#length === this.#ends.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    return start;
  }

  #startOf(at: number): number {
    return at === 0 ? 0 : (this.#ends[at - 1] as number);
  }

  *[Symbol.iterator](): Generator<Buffer> {
    for (let at = 0; at < this.#length; at++)
      yield this.#bytes.subarray(this.#startOf(at), this.#ends[at] as number);
  }

  /** The list in pieces, in order. */
  *pieces(): Generator<Buffer[]> {
    const [bytes, ends] = [this.#bytes, this.#ends];
    let start = 0;
    for (let at = 0; at < this.#length; ) {
      const piece: Buffer[] = [];
      for (; at < this.#length && piece.length < pieceLength; at++) {
        const end = ends[at] as number;
        piece.push(bytes.subarray(start, end));
        start = end;
      }
      yield piece;
    }
  }
}

/** The list of these. */
export function byteListOf(items: Iterable<Buffer>): ByteList {
  const list = new ByteList();
  for (const item of items) list.add(item);
  return list;
}
