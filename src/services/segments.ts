/**
 * Bytes as they are stored: a long text cut into segments, each compressed by itself and joined with the others into
 * one deflate stream, so that a reader who takes gzip gets what is stored and every other reader gets it inflated.
 * Every segment carries a checksum: what is damaged is told, never given. Sources: RFC 1951, RFC 1952.
 */
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, inflateRaw, type ZlibOptions } from 'node:zlib';
import { AppError } from '../domain/errors.ts';

const compress = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);
const expand = promisify<Uint8Array, ZlibOptions, Buffer>(inflateRaw);

/** Bytes of text in a segment, about. */
export const segmentBytes = 256 * 1024;

/** Room for what a segment holds, so that it is inflated in one go: its last row may reach over its bounds. */
const inflatedBytes = segmentBytes + 16 * 1024;

/** A stretch of a deflate stream that stands alone: it ends at a byte and refers to nothing before it. */
export function deflateSegment(bytes: Uint8Array, level = 1): Promise<Buffer> {
  return compress(bytes, { level, memLevel: 9, finishFlush: constants.Z_FULL_FLUSH });
}

/** The bytes that a segment was made of. Throws `snapshot_damaged`. */
export async function inflateSegment(segment: Uint8Array): Promise<Buffer> {
  try {
    return await expand(segment, { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: inflatedBytes });
  } catch {
    throw damaged();
  }
}

/** What stands before the segments of a gzip stream: no name, no time, so that it is always the same. */
export const gzipHead = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** What stands behind them: an empty last block, the checksum of all the bytes, and how many they were. */
export function gzipTail(checksum: number, length: number): Uint8Array {
  const tail = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  tail.writeUInt32LE(checksum, 2);
  tail.writeUInt32LE(length % 2 ** 32, 6);
  return tail;
}

/**
 * Parts behind a checksum, each with its length: how one chunk is kept. The checksum is also that of `place`, the name
 * of where the chunk belongs, which is not kept in it.
 */
export function seal(place: string, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.alloc(4 + parts.reduce((sum, part) => sum + 4 + part.length, 0));
  let at = 4;
  for (const part of parts) {
    bytes.writeUInt32LE(part.length, at);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(4), crc32(place)), 0);
  return bytes;
}

/** The parts of a chunk that was sealed for this place. Throws `snapshot_damaged` when it is not that. */
export function unseal(place: string, chunk: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (bytes.length < 4 || crc32(bytes.subarray(4), crc32(place)) !== bytes.readUInt32LE(0)) throw damaged();
  const parts: Uint8Array[] = [];
  for (let at = 4; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    parts.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}

export function damaged(): AppError {
  return new AppError('snapshot_damaged', 'A part of this snapshot is not what was stored. Take a new one.');
}
