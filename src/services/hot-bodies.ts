/** Small bodies that were sent before, kept in memory as they go out. Bounded by bytes; the least used go first. */

export class HotBodies {
  readonly #maxBytes: number;
  readonly #bodies = new Map<string, Uint8Array>();
  #bytes = 0;

  /** A body may take an eighth of `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a body of this size would be kept. */
  takes(bytes: number): boolean {
    return bytes <= this.#maxBytes / 8;
  }

  get(key: string): Uint8Array | undefined {
    const body = this.#bodies.get(key);
    if (body) {
      // The order of a Map is that of insertion: the front is what was not asked for the longest.
      this.#bodies.delete(key);
      this.#bodies.set(key, body);
    }
    return body;
  }

  set(key: string, body: Uint8Array): void {
    if (!this.takes(body.length) || this.#bodies.has(key)) return;
    this.#bodies.set(key, body);
    this.#bytes += body.length;
    for (const [oldest, { length }] of this.#bodies) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#bodies.delete(oldest);
      this.#bytes -= length;
    }
  }
}
