/** What a CSV is, counted while it comes: bytes, rows and SHA-256. Holds nothing of it. Source: RFC 4180. */
import { createHash, type Hash } from 'node:crypto';

export interface CsvFigures {
  readonly bytes: number;
  /** Without the line of names. */
  readonly rowCount: number;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

const quote = 0x22;
const lineFeed = 0x0a;

export class CsvCounter {
  readonly #hash: Hash = createHash('sha256');
  #bytes = 0;
  #lines = 0;
  /** A quote inside of quotes is written twice, so each one turns it. */
  #quoted = false;

  /** The next bytes, cut wherever they were. */
  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (const byte of chunk) {
      if (byte === quote) this.#quoted = !this.#quoted;
      else if (byte === lineFeed && !this.#quoted) this.#lines++;
    }
  }

  /** The figures of all that was added; to be called once. */
  end(): CsvFigures {
    return { bytes: this.#bytes, rowCount: Math.max(0, this.#lines - 1), sha256: this.#hash.digest('hex') };
  }
}
