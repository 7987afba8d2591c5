/**
 * Headers of a tar file: the blocks before each entry's bytes, written and read. No more than plain files with short
 * names. Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar
 * Format" (sizes in base 256).
 */
import { Buffer } from 'node:buffer';

/** Headers and contents begin at multiples of it. */
export const blockBytes = 512;

/** What ends a tar file. */
export const tarEnd = new Uint8Array(2 * blockBytes);

/** The largest size that eleven octal digits hold; a larger one stands in a pax header before. */
const maxOctalSize = 8 ** 11 - 1;

/** Bytes that fill the last block of so many bytes. */
export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

/**
 * The header of a file that only its owner may read. `name` is ASCII, 100 characters at most; `modifiedAt` is an
 * ISO 8601 time.
 */
export function tarHeader(name: string, size: number, modifiedAt: string): Uint8Array {
  if (name.length > 100) throw new RangeError('The name of an entry is too long for tar.');
  if (size <= maxOctalSize) return headerBlock(name, size, modifiedAt, '0');
  const record = paxRecord('size', String(size));
  const pax = Buffer.alloc(record.length + paddingOf(record.length));
  pax.write(record, 'latin1');
  return Buffer.concat([
    headerBlock('PaxHeader', record.length, modifiedAt, 'x'),
    pax,
    headerBlock(name, maxOctalSize, modifiedAt, '0'),
  ]);
}

function headerBlock(name: string, size: number, modifiedAt: string, type: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number) =>
    block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  block.write(name, 0, 'latin1');
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(Math.max(0, Math.floor(Date.parse(modifiedAt) / 1000)), 136, 11);
  block.write(type, 156, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  octal(checksumOf(block), 148, 6);
  block.write('\0 ', 154, 'latin1');
  return block;
}

/** The sum of all bytes, with spaces where the sum itself stands. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += block[at] as number;
  return sum;
}

/** A record says its own length, digits and all. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length > length) length++;
  return `${length}${rest}`;
}

export interface TarHeader {
  readonly name: string;
  /** Bytes of its contents. */
  readonly size: number;
  /** `0`: a file. `x`, `g`: pax records about the next entry, about all. */
  readonly type: string;
}

/** Reads a block as a header. Null when it is none: its checksum or its size is wrong. */
export function parseTarHeader(block: Uint8Array): TarHeader | null {
  const bytes = Buffer.from(block.buffer, block.byteOffset, blockBytes);
  const text = (at: number, length: number) => {
    const field = bytes.subarray(at, at + length);
    const end = field.indexOf(0);
    return (end < 0 ? field : field.subarray(0, end)).toString();
  };
  const octal = (at: number, length: number) => {
    const digits = text(at, length).trim();
    return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  };
  if (octal(148, 8) !== checksumOf(bytes)) return null;
  // Bit 7 of the first byte: the rest is a number, most significant byte first.
  const size = (bytes[124] as number) & 0x80 ? Number(bytes.readBigUInt64BE(128)) : octal(124, 12);
  if (!Number.isSafeInteger(size)) return null;
  const prefix = text(257, 6) === 'ustar' ? text(345, 155) : '';
  const type = bytes[156] === 0 ? '0' : String.fromCharCode(bytes[156] as number);
  return { name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100), size, type };
}

/** What pax records say of the next entry. Null when they are not as they should be. */
export function parsePax(bytes: Uint8Array): { readonly path?: string; readonly size?: number } | null {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { path?: string; size?: number } = {};
  for (let at = 0; at < all.length; ) {
    const head = /^(\d{1,6}) /.exec(all.toString('latin1', at, at + 8));
    const end = at + Number(head?.[1]);
    if (!head || end > all.length || all[end - 1] !== 0x0a) return null;
    const record = all.toString('utf8', at + head[0].length, end - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    if (equals < 0) return null;
    if (record.startsWith('path=')) found.path = value;
    if (record.startsWith('size=')) found.size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    at = end;
  }
  return Number.isNaN(found.size) ? null : found;
}
