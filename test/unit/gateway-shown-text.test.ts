/** Bytes shown as text and back: unambiguous, reversible, nothing left out. */
import { describe, expect, it } from 'vitest';
import { isShownAsIs, parseShown, parseShownPrefix, showBytes } from '../../src/domain/shown-text.ts';

const bytes = (...values: number[]) => Buffer.from(values);

const samples: readonly [string, Buffer, string][] = [
  ['nothing', bytes(), ''],
  ['ASCII', Buffer.from('widget:1'), 'widget:1'],
  ['UTF-8', Buffer.from('日本 é 😀'), '日本 é 😀'],
  ['a backslash', Buffer.from('c\\d'), 'c\\d'],
  ['only a backslash', Buffer.from('\\'), '\\'],
  ['what begins with \\X', Buffer.from('\\X61'), '\\X61'],
  ['what begins with \\x', Buffer.from('\\x61'), '\\x5c783631'],
  ['only \\x', Buffer.from('\\x'), '\\x5c78'],
  ['a NUL', bytes(0x61, 0, 0x62), '\\x610062'],
  ['a lone 0xff', bytes(0xff), '\\xff'],
  ['a cut character', Buffer.from('é').subarray(0, 1), '\\xc3'],
  ['a surrogate', bytes(0xed, 0xa0, 0x80), '\\xeda080'],
  ['an overlong slash', bytes(0xc0, 0xaf), '\\xc0af'],
  ['a long text', Buffer.from('é'.repeat(1000)), 'é'.repeat(1000)],
  ['a long text with a NUL at its end', Buffer.from(`${'é'.repeat(40)}\0`), `\\x${'c3a9'.repeat(40)}00`],
];

describe('bytes of Redis', () => {
  it.each(samples)('show %s', (_, raw, shown) => {
    expect(showBytes(raw).toString()).toBe(shown);
    expect(parseShown(Buffer.from(shown))).toEqual(raw);
    expect(isShownAsIs(raw)).toBe(raw.toString() === shown);
  });

  it.each(['\\x61', '\\xFF', '\\xf', '\\x ff', '\\xffg', '\\xc3a9'])('are never shown as %s', (text) => {
    expect(parseShown(Buffer.from(text))).toBeNull();
  });

  it('come back from every pair of bytes, each shown in its own way', () => {
    const shown = new Set<string>();
    for (let i = 0; i < 65_536; i++) {
      const raw = bytes(i >> 8, i & 255);
      const text = showBytes(raw);
      expect(parseShown(text)?.equals(raw)).toBe(true);
      shown.add(text.toString('latin1'));
    }
    expect(shown.size).toBe(65_536);
  });

  it('can be asked for by a prefix, unless hex may begin with it', () => {
    expect(parseShownPrefix(Buffer.from('app:'))?.toString()).toBe('app:');
    expect(parseShownPrefix(Buffer.from('\\d'))?.toString()).toBe('\\d');
    for (const prefix of ['\\', '\\x', '\\xff']) expect(parseShownPrefix(Buffer.from(prefix))).toBeNull();
  });
});
