/** The set that keeps a SCAN from bringing a key twice: exact for what a test can hold, and as small as it says. */
import { describe, expect, it } from 'vitest';
import { SeenKeys } from '../../src/adapters/redis/link-seen-keys.ts';

describe('seen keys', () => {
  it('takes each key once', () => {
    const seen = new SeenKeys();
    const keys = Array.from({ length: 100_000 }, (_, i) => Buffer.from(`widget:${i}`));
    expect(keys.filter((key) => seen.add(key))).toHaveLength(100_000);
    expect(keys.filter((key) => seen.add(key))).toHaveLength(0);
    expect(seen.size).toBe(100_000);
  });

  it('tells alike keys apart: lengths, zeros, every byte', () => {
    const seen = new SeenKeys();
    for (let length = 0; length < 64; length++) expect(seen.add(Buffer.alloc(length))).toBe(true);
    for (let at = 0; at < 32; at++)
      for (let bit = 0; bit < 8; bit++) {
        const key = Buffer.alloc(32);
        key[at] = 1 << bit;
        expect(seen.add(key)).toBe(true);
      }
  });

  it('takes 16 to 32 bytes a key', () => {
    const seen = new SeenKeys();
    for (let i = 0; i < 200_000; i++) {
      seen.add(Buffer.from(`k${i}`));
      if (i < 1_000 || i % 97 !== 0) continue;
      expect(seen.byteLength / seen.size).toBeLessThanOrEqual(32.1);
      expect(seen.byteLength / seen.size).toBeGreaterThanOrEqual(15.9);
    }
  });

  it('takes what it needs alone, and no more than there is beside others', () => {
    const first = new SeenKeys();
    const others = Array.from({ length: 10 }, () => new SeenKeys(4_000_000));
    expect(() => new SeenKeys(4_000_000)).toThrow(/at once/);
    expect(first.add(Buffer.from('a'))).toBe(true);
    for (const other of others) other.release();
    const next = new SeenKeys(4_000_000);
    expect(next.add(Buffer.from('a'))).toBe(true);
    for (const each of [next, first, first]) each.release();
  });

  it('believes no number of keys that there can not be', () => {
    for (const expected of [-5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 63]) {
      const seen = new SeenKeys(expected);
      expect([seen.add(Buffer.from('a')), seen.add(Buffer.from('a'))]).toEqual([true, false]);
      seen.release();
    }
  });

  it('spreads its fingerprints: each lane of many keys is different', () => {
    // Keys that differ in one place are where a weak hash would clump; clumps would make this take minutes.
    const seen = new SeenKeys();
    for (let i = 0; i < 300_000; i++) {
      const key = Buffer.alloc(16);
      key.writeUInt32BE(i, 6);
      seen.add(key);
    }
    expect(seen.size).toBe(300_000);
  });
});
