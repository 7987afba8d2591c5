/**
 * A ZIP archive as a stream: deflate level 1, sizes in data descriptors, nothing kept but one record per entry. An
 * entry must stay under 4 GiB, because Excel asks to repair archives whose entries use ZIP64; the archive need not.
 * Source: APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3 and 4.5.
 */
import { Buffer } from 'node:buffer';
import { finished } from 'node:stream/promises';
import { crc32, createDeflateRaw } from 'node:zlib';

/** Some bytes of an entry. The pieces of one entry come one after the other. */
export interface ZipPiece {
  /** Path within the archive, ASCII. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the central directory says of an entry. */
export interface ZipEntry {
  readonly name: string;
  /** Of its local header, in bytes from the start of the archive. */
  readonly offset: number;
  crc: number;
  compressedBytes: number;
  bytes: number;
}

const localHeaderSignature = 0x04034b50;
const descriptorSignature = 0x08074b50;
const centralHeaderSignature = 0x02014b50;
const endSignature = 0x06054b50;
const zip64EndSignature = 0x06064b50;
const zip64LocatorSignature = 0x07064b50;

const localHeaderBytes = 30;
const descriptorBytes = 16;

const version = 20;
const zip64Version = 45;
const sizesFollow = 0x0008;
const deflated = 8;
/** 1980-01-01, the earliest there is: the same rows give the same bytes at any time. */
const date = 0x0021;
const max32 = 0xffffffff;

const deflateOptions = { level: 1, memLevel: 9, chunkSize: 65_536 };

function encodeLocalHeader(entry: ZipEntry): Buffer {
  const header = Buffer.alloc(localHeaderBytes);
  header.writeUInt32LE(localHeaderSignature, 0);
  header.writeUInt16LE(version, 4);
  header.writeUInt16LE(sizesFollow, 6);
  header.writeUInt16LE(deflated, 8);
  header.writeUInt16LE(date, 12);
  header.writeUInt16LE(entry.name.length, 26);
  return Buffer.concat([header, Buffer.from(entry.name, 'latin1')]);
}

function encodeDescriptor(entry: ZipEntry): Buffer {
  const descriptor = Buffer.alloc(descriptorBytes);
  descriptor.writeUInt32LE(descriptorSignature, 0);
  descriptor.writeUInt32LE(entry.crc, 4);
  descriptor.writeUInt32LE(entry.compressedBytes, 8);
  descriptor.writeUInt32LE(entry.bytes, 12);
  return descriptor;
}

function encodeCentralHeader(entry: ZipEntry): Buffer {
  const far = entry.offset >= max32;
  const header = Buffer.alloc(46);
  header.writeUInt32LE(centralHeaderSignature, 0);
  header.writeUInt16LE(far ? zip64Version : version, 4);
  header.writeUInt16LE(far ? zip64Version : version, 6);
  header.writeUInt16LE(sizesFollow, 8);
  header.writeUInt16LE(deflated, 10);
  header.writeUInt16LE(date, 14);
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(entry.compressedBytes, 20);
  header.writeUInt32LE(entry.bytes, 24);
  header.writeUInt16LE(entry.name.length, 28);
  header.writeUInt32LE(Math.min(entry.offset, max32), 42);
  const name = Buffer.from(entry.name, 'latin1');
  if (!far) return Buffer.concat([header, name]);
  const extra = Buffer.alloc(12);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8, 2);
  extra.writeBigUInt64LE(BigInt(entry.offset), 4);
  header.writeUInt16LE(extra.length, 30);
  return Buffer.concat([header, name, extra]);
}

function encodeZip64End(count: number, directoryBytes: number, offset: number): Buffer {
  const end = Buffer.alloc(76);
  end.writeUInt32LE(zip64EndSignature, 0);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(zip64Version, 12);
  end.writeUInt16LE(zip64Version, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(directoryBytes), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  end.writeUInt32LE(zip64LocatorSignature, 56);
  end.writeBigUInt64LE(BigInt(offset + directoryBytes), 64);
  end.writeUInt32LE(1, 72);
  return end;
}

/** The end of an archive whose entries (fewer than 65,535) take up the bytes before `offset`. */
export function encodeDirectory(entries: readonly ZipEntry[], offset: number): Buffer {
  const directory = Buffer.concat(entries.map(encodeCentralHeader));
  const end = Buffer.alloc(22);
  end.writeUInt32LE(endSignature, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(Math.min(offset, max32), 16);
  const zip64 = offset >= max32 ? [encodeZip64End(entries.length, directory.length, offset)] : [];
  return Buffer.concat([directory, ...zip64, end]);
}

/** The entry that is being written. Its deflate stream compresses on another thread. To be ended or destroyed. */
class OpenEntry {
  readonly record: ZipEntry;
  private readonly deflate = createDeflateRaw(deflateOptions);
  private compressed: Buffer[] = [];
  private written: Promise<void> = Promise.resolve();

  constructor(name: string, offset: number) {
    this.record = { name, offset, crc: 0, compressedBytes: 0, bytes: 0 };
    this.deflate.on('data', (bytes: Buffer) => {
      this.compressed.push(bytes);
      this.record.compressedBytes += bytes.length;
    });
    // What fails is told by the promise of the write.
    this.deflate.on('error', () => {});
  }

  /** Begins to compress the bytes, which must not change any more. What came before must have been taken. */
  append(bytes: Uint8Array): void {
    this.written = new Promise((resolve, reject) => {
      this.deflate.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    // An archive that is abandoned leaves a write that nobody waits for.
    this.written.catch(() => {});
    this.record.crc = crc32(bytes, this.record.crc);
    this.record.bytes += bytes.length;
  }

  /** Waits until what was appended is compressed, and gives what has come of it so far. */
  async take(): Promise<Buffer[]> {
    await this.written;
    const taken = this.compressed;
    this.compressed = [];
    return taken;
  }

  /** The rest of the entry. */
  async end(): Promise<Buffer[]> {
    await this.written;
    this.deflate.end();
    await finished(this.deflate);
    return [...(await this.take()), encodeDescriptor(this.record)];
  }

  destroy(): void {
    this.deflate.destroy();
  }
}

/** Where the entry ends in the archive. */
function endOf(entry: ZipEntry | undefined): number {
  if (!entry) return 0;
  return entry.offset + localHeaderBytes + entry.name.length + entry.compressedBytes + descriptorBytes;
}

/** Makes the archive of the pieces. While one piece is compressed the next one is made, and no more. */
export async function* zipStream(pieces: AsyncIterable<ZipPiece>): AsyncGenerator<Uint8Array> {
  const entries: ZipEntry[] = [];
  let open: OpenEntry | null = null;
  try {
    for await (const { name, bytes } of pieces) {
      const same = open?.record.name === name;
      const ready: Buffer[] = open ? await (same ? open.take() : open.end()) : [];
      if (!open || !same) {
        open = new OpenEntry(name, endOf(entries.at(-1)));
        entries.push(open.record);
        ready.push(encodeLocalHeader(open.record));
      }
      open.append(bytes);
      yield* ready;
    }
    if (open) yield* await open.end();
    yield encodeDirectory(entries, endOf(entries.at(-1)));
  } finally {
    open?.destroy();
  }
}
