/** Stored bytes: segments that make one gzip stream, and seals that show every damage. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { crc32, gunzipSync, inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  deflateSegment,
  gzipHead,
  gzipTail,
  inflateSegment,
  seal,
  segmentBytes,
  unseal,
} from '../../src/services/segments.ts';

const damage = expect.objectContaining({ code: 'snapshot_damaged' });

const texts: readonly [name: string, bytes: Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['a line', Buffer.from('id,name\n')],
  ['a full segment', Buffer.alloc(segmentBytes, 'id,name\n')],
  ['a byte more', Buffer.alloc(segmentBytes + 1, 'id,name\n')],
  ['a megabyte of the same', Buffer.alloc(1024 * 1024, 'a')],
  ['a megabyte of noise', randomBytes(1024 * 1024)],
];

async function gzipOf(parts: readonly Uint8Array[], level?: number): Promise<Buffer> {
  const segments = await Promise.all(parts.map((part) => deflateSegment(part, level)));
  const whole = Buffer.concat(parts);
  return Buffer.concat([gzipHead, ...segments, gzipTail(crc32(whole), whole.length)]);
}

describe('a segment', () => {
  test.each(texts)('comes back as it was: %s', async (_, bytes) => {
    for (const level of [0, 1]) {
      const back = await inflateSegment(await deflateSegment(bytes, level));
      expect(Buffer.compare(back, bytes)).toBe(0);
    }
  });

  test('that is none is refused', async () => {
    await expect(inflateSegment(Buffer.from('no deflate stream'))).rejects.toEqual(damage);
  });
});

describe('segments between head and tail', () => {
  test.each<[string, readonly Buffer[]]>([
    ['none', []],
    ['an empty one', [Buffer.alloc(0)]],
    ...texts.map(([name, bytes]): [string, readonly Buffer[]] => [name, [bytes]]),
    ['all of them', texts.map(([, bytes]) => bytes)],
  ])('are one gzip stream, for node:zlib and gzip alike: %s', async (_, parts) => {
    const whole = Buffer.concat(parts);
    for (const level of [0, 1]) {
      const gzip = await gzipOf(parts, level);
      expect(Buffer.compare(gunzipSync(gzip), whole)).toBe(0);
      const tested = spawnSync('gzip', ['-t'], { input: gzip });
      expect([tested.status, tested.stderr.toString()]).toEqual([0, '']);
      const expanded = spawnSync('gzip', ['-dc'], { input: gzip, maxBuffer: 2 * whole.length + 1024 });
      expect(Buffer.compare(expanded.stdout, whole)).toBe(0);
    }
  });

  test('are one member: browsers read no second one', async () => {
    const parts = texts.map(([, bytes]) => bytes);
    const gzip = await gzipOf(parts);
    // One deflate stream from the head on, with nothing but the eight bytes of the tail behind its last block.
    const { buffer, engine } = inflateRawSync(gzip.subarray(gzipHead.length), { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    expect(buffer.length).toBe(Buffer.concat(parts).length);
    expect(engine.bytesWritten).toBe(gzip.length - gzipHead.length - 8);
  });

  test('say their length as it fits into four bytes', () => {
    const tail = Buffer.from(gzipTail(4_000_000_000, 2 ** 32 + 5));
    expect([tail.readUInt32LE(2), tail.readUInt32LE(6)]).toEqual([4_000_000_000, 5]);
  });
});

describe('a seal', () => {
  const parts = [Buffer.from('segment of rows'), Buffer.alloc(0), Buffer.from([0, 255, 10])];
  const sealed = seal('s/1', parts);

  test('gives back its parts', () => {
    expect(unseal('s/1', sealed).map((part) => Buffer.from(part))).toEqual(parts);
    expect(unseal('s/1', seal('s/1', [Buffer.alloc(0)]))).toHaveLength(1);
    expect(unseal('s/1', seal('s/1', []))).toEqual([]);
  });

  test('gives them back from the middle of a larger buffer', () => {
    const around = Buffer.concat([Buffer.from('before'), sealed, Buffer.from('behind')]);
    expect(unseal('s/1', around.subarray(6, 6 + sealed.length))).toHaveLength(3);
  });

  test('shows every bit that was flipped', () => {
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Uint8Array.from(sealed);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => unseal('s/1', flipped), `bit ${bit}`).toThrow(damage);
    }
  });

  test('shows that it was cut off, wherever, or goes on', () => {
    for (let length = 0; length < sealed.length; length++) {
      expect(() => unseal('s/1', sealed.subarray(0, length)), `${length} bytes`).toThrow(damage);
    }
    expect(() => unseal('s/1', Buffer.concat([sealed, Buffer.alloc(1)]))).toThrow(damage);
    expect(() => unseal('s/1', Buffer.concat([sealed, sealed]))).toThrow(damage);
  });

  test('holds for one place alone', () => {
    for (const place of ['s/2', 's/11', 't/1', '']) expect(() => unseal(place, sealed)).toThrow(damage);
  });
});
