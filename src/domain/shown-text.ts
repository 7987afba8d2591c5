/**
 * How Redis's bytes are shown as Postgres text, and back. Bytes are shown as the UTF-8 text that they are; what is not
 * valid UTF-8, holds a NUL or begins with `\x` is shown as `\x` and its bytes in lower-case hex. So a text that begins
 * with `\x` is always hex, no two different byte strings are shown alike, and nothing has to be left out.
 */
import { isUtf8 } from 'node:buffer';

const backslash = 0x5c;
const x = 0x78;
/** Up to here a loop is faster than a call into native code. */
const shortBytes = 48;

/** Whether the bytes are shown as they are. */
export function isShownAsIs(bytes: Buffer): boolean {
  const { length } = bytes;
  if (length > 1 && bytes[0] === backslash && bytes[1] === x) return false;
  if (length > shortBytes) return isUtf8(bytes) && !bytes.includes(0);
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0) return false;
    if (byte >= 0x80) return isUtf8(bytes) && !bytes.includes(0, i);
  }
  return true;
}

/** The UTF-8 of what the bytes are shown as; the same buffer when that is the bytes themselves. */
export function showBytes(bytes: Buffer): Buffer {
  return isShownAsIs(bytes) ? bytes : Buffer.from(`\\x${bytes.toString('hex')}`, 'latin1');
}

/** The bytes that are shown like this; null when none are (`\x61`: an `a` is shown as itself). */
export function parseShown(shown: Buffer): Buffer | null {
  if (isShownAsIs(shown)) return shown;
  const hex = shown.toString('latin1', 2);
  if (shown[0] !== backslash || shown[1] !== x || hex.length % 2 !== 0 || !/^[\da-f]*$/.test(hex))
    return null;
  const bytes = Buffer.from(hex, 'hex');
  return isShownAsIs(bytes) ? null : bytes;
}

/**
 * What all bytes begin with whose shown text begins with this; null when that can't be said, since hex may begin with
 * it too. Not all bytes that begin with it are shown so: the text has to be looked at as well.
 */
export function parseShownPrefix(prefix: Buffer): Buffer | null {
  const maybeHex = prefix[0] === backslash && (prefix.length === 1 || prefix[1] === x);
  return maybeHex ? null : prefix;
}
