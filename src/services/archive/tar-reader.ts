/**
 * Reads a tar file as it arrives, entry after entry, no faster than it is asked for. Memory holds what arrived last
 * and what is asked for at once: whoever asks sets the bounds.
 */
import { Buffer } from 'node:buffer';
import { AppError } from '../../domain/errors.ts';
import { blockBytes, paddingOf, parsePax, parseTarHeader } from './tar-header.ts';

/** The longest pax header that is read; ours hold one line. */
const maxPaxBytes = 64 * 1024;

export interface TarEntry {
  readonly name: string;
  /** Bytes of its contents. */
  readonly size: number;
}

/** The error of an archive that can't be taken; `entry` says where in it. */
export function archiveInvalid(entry: string | null, what: string): AppError {
  const where = entry === null ? '' : `${printable(entry)}: `;
  return new AppError('archive_invalid', `${where}${what}`);
}

/** A name as it can be shown: it comes from outside. */
export function printable(name: string, maxLength = 200): string {
  return name.slice(0, maxLength).replace(/[^ -~]/g, '?');
}

export class TarReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #entry: TarEntry | null = null;
  /** Bytes of the entry's contents, and of what fills its last block, that were not read yet. */
  #left = 0;
  #padding = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * The next entry; what was not read of the one before is skipped. Null at the end of the file. Throws
   * `archive_invalid`.
   */
  async next(): Promise<TarEntry | null> {
    await this.#finishEntry();
    let said: { readonly path?: string; readonly size?: number } = {};
    for (;;) {
      const header = await this.#readHeader();
      if (!header) return null;
      if (header.type !== 'x' && header.type !== 'g') {
        const entry = { name: said.path ?? header.name, size: said.size ?? header.size };
        if (header.type !== '0') throw archiveInvalid(entry.name, 'is not a plain file.');
        this.#begin(entry);
        return entry;
      }
      this.#begin({ name: header.name, size: header.size });
      const records = parsePax(await this.readAll(maxPaxBytes));
      if (!records) throw archiveInvalid(header.name, 'is not a pax header that can be read.');
      if (header.type === 'x') said = records;
      await this.#finishEntry();
    }
  }

  /** Exactly so many of the next bytes of the entry. Throws `archive_invalid` when it has no more of them. */
  async read(bytes: number): Promise<Buffer> {
    if (bytes > this.#left) throw archiveInvalid(this.#entry?.name ?? null, 'is too short.');
    this.#left -= bytes;
    return this.#take(bytes);
  }

  /** The rest of the entry, at most `maxBytes`. Throws `archive_invalid` when there is more. */
  async readAll(maxBytes: number): Promise<Buffer> {
    if (this.#left > maxBytes)
      throw archiveInvalid(
        this.#entry?.name ?? null,
        `is larger than the ${maxBytes} bytes that it may have.`,
      );
    return this.read(this.#left);
  }

  /** Stops reading. */
  async close(): Promise<void> {
    await this.#source.return?.().catch(() => {});
  }

  #begin(entry: TarEntry): void {
    this.#entry = entry;
    this.#left = entry.size;
    this.#padding = paddingOf(entry.size);
  }

  async #finishEntry(): Promise<void> {
    await this.#skip(this.#left + this.#padding);
    this.#left = 0;
    this.#padding = 0;
  }

  /** Null where the file ends: at a block of zeros, or without one. */
  async #readHeader() {
    if (!(await this.#fill(1))) return null;
    const before = this.#entry?.name ?? null;
    const block = await this.#take(blockBytes);
    if (block.every((byte) => byte === 0)) return null;
    const header = parseTarHeader(block);
    if (header) return header;
    if (before !== null) throw archiveInvalid(before, 'what follows it is not an entry of a tar file.');
    const packed = block[0] === 0x1f && block[1] === 0x8b;
    throw archiveInvalid(
      null,
      packed ? 'This is compressed: unpack it with gunzip.' : 'This is not a tar file.',
    );
  }

  /** Reads until so many bytes are held. False when the file ends before. */
  async #fill(bytes: number): Promise<boolean> {
    while (this.#heldBytes < bytes) {
      const { done, value } = await this.#source.next();
      if (done) return false;
      if (value.length === 0) continue;
      this.#held.push(value);
      this.#heldBytes += value.length;
    }
    return true;
  }

  async #take(bytes: number): Promise<Buffer> {
    if (!(await this.#fill(bytes))) throw this.#cut();
    const parts: Uint8Array[] = [];
    for (let wanted = bytes; wanted > 0; ) {
      const part = this.#dropUpTo(wanted);
      parts.push(part);
      wanted -= part.length;
    }
    const [only] = parts;
    if (only && parts.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
    return Buffer.concat(parts, bytes);
  }

  async #skip(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; ) {
      if (!(await this.#fill(1))) throw this.#cut();
      left -= this.#dropUpTo(left).length;
    }
  }

  /** Takes some bytes that are held: at least one, at most so many. */
  #dropUpTo(bytes: number): Uint8Array {
    const [first] = this.#held;
    if (!first) return new Uint8Array();
    const part = first.subarray(0, bytes);
    if (part.length === first.length) this.#held.shift();
    else this.#held[0] = first.subarray(bytes);
    this.#heldBytes -= part.length;
    return part;
  }

  #cut(): AppError {
    return archiveInvalid(this.#entry?.name ?? null, 'the archive ends here, in its middle.');
  }
}
