/**
 * The bytes of a snapshot in a format, as they go out: encoded and compressed once, kept in the store beside the
 * snapshot. CSV needs no encoding: it is what a snapshot is stored as.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { AppError, toAppError } from '../domain/errors.ts';
import type { EncodingWriter, Log, SnapshotStore } from '../domain/ports.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Format } from '../formats/format.ts';
import {
  damaged,
  deflateSegment,
  gzipHead,
  gzipTail,
  inflateSegment,
  seal,
  segmentBytes,
  unseal,
} from './segments.ts';
import { openSnapshot, readCsvSegments } from './snapshot-rows.ts';

/** A body ready to be sent: whole in memory, or as a stream. `length` in bytes, null when nobody knows it yet. */
export interface FrozenBody {
  readonly length: number | null;
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
  /** SHA-256 of the bytes without content coding, in hexadecimal; null when nobody knows it yet. */
  readonly sha256: string | null;
}

export type ContentCoding = 'gzip' | 'identity';

/** Segments that are inflated at once, each on a thread of its own. */
const inflatedAhead = 4;

/** The largest body that is put together before it is sent. */
const wholeBytes = 1024 * 1024;

/** Bytes that are stored as segments of a deflate stream. */
interface Stored {
  readonly bytes: number;
  readonly deflatedBytes: number;
  readonly sha256: string;
  readonly crc32: number;
  readonly segments: () => AsyncIterable<Uint8Array>;
}

export class FrozenBodies {
  readonly #store: SnapshotStore;
  readonly #log: Log;

  constructor(store: SnapshotStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /**
   * The snapshot in the format, without options. `gzip` only for formats that are not compressed themselves.
   * The stream throws `snapshot_damaged` and what encoding throws.
   */
  async open(snapshot: Snapshot, format: Format, coding: ContentCoding): Promise<FrozenBody> {
    const stored = await this.#findStored(snapshot, format);
    if (!stored) return { length: null, bytes: this.#encode(snapshot, format, coding), sha256: null };
    const length = coding === 'gzip' ? gzipLength(stored) : stored.bytes;
    const stream = coding === 'gzip' ? gzipOf(stored) : identityOf(stored);
    const bytes = format.name === 'csv' ? stream : this.#forgettingDamage(stream, snapshot, format);
    const { sha256 } = stored;
    if (length > wholeBytes) return { length, bytes, sha256 };
    try {
      return { length, bytes: await collect(bytes, length), sha256 };
    } catch (error) {
      // Nothing is sent yet, and the rows may be whole still: so the encoding is made anew.
      if (format.name === 'csv' || !isDamage(error)) throw error;
      return { length: null, bytes: this.#encode(snapshot, format, coding), sha256: null };
    }
  }

  /** SHA-256 of the snapshot in the format, without options; null before it was encoded for the first time. */
  async findSha256(snapshot: Snapshot, format: Format): Promise<string | null> {
    const stored = await this.#findStored(snapshot, format);
    return stored?.sha256 ?? null;
  }

  /** The same bytes; when they turn out to be damaged, the next reader gets an encoding made anew. */
  async *#forgettingDamage(
    stream: AsyncIterable<Uint8Array>,
    snapshot: Snapshot,
    format: Format,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* stream;
    } catch (error) {
      if (isDamage(error)) {
        this.#log('error', 'an encoding of a snapshot was damaged and is made anew', { format: format.name });
        await this.#store.removeEncoding(snapshot, format.name).catch(() => {});
      }
      throw error;
    }
  }

  async #findStored(snapshot: Snapshot, format: Format): Promise<Stored | null> {
    if (format.name === 'csv') return { ...snapshot, segments: () => readCsvSegments(this.#store, snapshot) };
    const encoding = await this.#store.findEncoding(snapshot, format.name);
    if (!encoding) return null;
    const chunks = () => this.#store.encodingChunks(snapshot, encoding);
    return { ...encoding, segments: () => unsealed(encodingPlace(snapshot, format.name), chunks()) };
  }

  /** Encodes for the first time: the client gets the bytes while they are being kept. */
  async *#encode(snapshot: Snapshot, format: Format, coding: ContentCoding): AsyncGenerator<Uint8Array> {
    const keeper = await Keeper.open(this.#store, snapshot, format.name, this.#log);
    const hash = createHash('sha256');
    const level = format.compressed ? 0 : 1;
    let checksum = 0;
    let length = 0;
    let head = coding === 'gzip' ? gzipHead : null;
    try {
      const encoded = format.encode(openSnapshot(this.#store, snapshot), {});
      for await (const bytes of inPieces(encoded, segmentBytes)) {
        checksum = crc32(bytes, checksum);
        length += bytes.length;
        hash.update(bytes);
        const segment = await deflateSegment(bytes, level);
        await keeper.append(segment);
        // Not sooner: what the first piece can't hold gets an answer of its own.
        if (head) yield head;
        head = null;
        yield coding === 'gzip' ? segment : bytes;
      }
      await keeper.publish(length, checksum, hash.digest('hex'));
      if (head) yield head;
      if (coding === 'gzip') yield gzipTail(checksum, length);
    } finally {
      await keeper.end();
    }
  }
}

/**
 * Writes an encoding to the store for as long as that goes well: a store that is full or gone costs the next reader
 * an encoding, not this one its download.
 */
class Keeper {
  #writer: EncodingWriter | null = null;
  readonly #format: string;
  readonly #log: Log;
  readonly #place: (number: number) => string;
  #chunkCount = 0;
  #deflatedBytes = 0;

  private constructor(snapshot: Snapshot, format: string, log: Log) {
    this.#format = format;
    this.#log = log;
    this.#place = encodingPlace(snapshot, format);
  }

  static async open(store: SnapshotStore, snapshot: Snapshot, format: string, log: Log): Promise<Keeper> {
    const keeper = new Keeper(snapshot, format, log);
    try {
      keeper.#writer = await store.beginEncoding(snapshot, format);
    } catch (error) {
      keeper.#tell(error);
    }
    return keeper;
  }

  async append(segment: Uint8Array): Promise<void> {
    const place = this.#place(this.#chunkCount++);
    this.#deflatedBytes += segment.length;
    await this.#attempt((writer) => writer.append(seal(place, [segment])));
  }

  async publish(bytes: number, checksum: number, sha256: string): Promise<void> {
    const chunkCount = this.#chunkCount;
    const deflatedBytes = this.#deflatedBytes;
    await this.#attempt((writer) =>
      writer.publish({ format: this.#format, bytes, deflatedBytes, sha256, crc32: checksum, chunkCount }),
    );
    this.#writer = null;
  }

  /** Throws away what was not published. */
  async end(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    await writer?.abandon().catch(() => {});
  }

  async #attempt(work: (writer: EncodingWriter) => Promise<unknown>): Promise<void> {
    if (!this.#writer) return;
    try {
      await work(this.#writer);
    } catch (error) {
      this.#tell(error);
      await this.end();
    }
  }

  #tell(error: unknown): void {
    const { code } = toAppError(error);
    this.#log('warn', 'an encoding of a snapshot could not be kept', { format: this.#format, code });
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'snapshot_damaged';
}

function gzipLength(stored: Stored): number {
  return gzipHead.length + stored.deflatedBytes + gzipTail(0, 0).length;
}

async function* gzipOf(stored: Stored): AsyncGenerator<Uint8Array> {
  yield gzipHead;
  yield* stored.segments();
  yield gzipTail(stored.crc32, stored.bytes);
}

async function* identityOf(stored: Stored): AsyncGenerator<Uint8Array> {
  const coming: Promise<Buffer>[] = [];
  for await (const segment of stored.segments()) {
    const bytes = inflateSegment(segment);
    // Awaited below in its turn; when an earlier one fails nobody awaits it any more.
    bytes.catch(() => {});
    coming.push(bytes);
    if (coming.length >= inflatedAhead) yield (await coming.shift()) as Buffer;
  }
  for (const bytes of coming) yield await bytes;
}

/** As the place of a snapshot's own chunks. */
function encodingPlace(snapshot: Snapshot, format: string): (number: number) => string {
  return (number) => `${snapshot.id}/${format}/${number}`;
}

async function* unsealed(
  place: (number: number) => string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let number = 0;
  for await (const chunk of chunks) {
    const [segment] = unseal(place(number++), chunk);
    if (!segment) throw damaged();
    yield segment;
  }
}

/** The same bytes in pieces of at least `bytes`, but for the last. */
async function* inPieces(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    length += chunk.length;
    if (length < bytes) continue;
    yield Buffer.concat(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held, length);
}

/** The chunks put together, in memory of their own. Throws `snapshot_damaged` when they are not so many bytes. */
async function collect(chunks: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length);
  let at = 0;
  for await (const chunk of chunks) {
    if (at + chunk.length > length) throw damaged();
    whole.set(chunk, at);
    at += chunk.length;
  }
  if (at < length) throw damaged();
  return whole;
}
