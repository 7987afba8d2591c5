/** What of a gzip stream is taken for a segment: only what can be cut out of it and put back. */
import { constants, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inflateAlone } from '../../src/services/archive/restore-snapshot.ts';
import { deflateSegment } from '../../src/services/segments.ts';

const text = Buffer.from('n,m\n1,a\n2,b\n'.repeat(1000));
const flushed = { finishFlush: constants.Z_SYNC_FLUSH };

describe('a segment', () => {
  it.each([0, 1, 9])('that was made at level %d gives its bytes', async (level) => {
    expect(await inflateAlone(await deflateSegment(text, level), text.length)).toEqual(text);
    expect(await inflateAlone(await deflateSegment(Buffer.alloc(0), level), 0)).toEqual(Buffer.alloc(0));
  });

  it('is not taken when it holds more than it may', async () => {
    const bomb = await deflateSegment(Buffer.alloc(10_000_000));
    expect(await inflateAlone(bomb, 9_999_999)).toBeNull();
    expect(await inflateAlone(bomb, 10_000_000)).toHaveLength(10_000_000);
  });

  it.each([
    ['ends the stream', deflateRawSync(text)],
    [
      'ends the stream, and looks flushed',
      Buffer.concat([deflateRawSync(text), Uint8Array.of(0, 0, 0, 0xff, 0xff)]),
    ],
    [
      'ends the stream with an empty block',
      Buffer.concat([deflateRawSync(text, flushed), Uint8Array.of(1, 0, 0, 0xff, 0xff)]),
    ],
    ['does not end at a byte', deflateRawSync(text, { finishFlush: constants.Z_PARTIAL_FLUSH })],
    ['is cut', deflateRawSync(text, flushed).subarray(0, -6)],
    ['refers to what is before it', deflateRawSync(text, { ...flushed, dictionary: text.subarray(0, 500) })],
    ['is none', Buffer.from('select 1')],
    ['is empty of all but a flush that is cut', Buffer.from([0, 0, 0, 0xff])],
  ])('is not taken when it %s', async (_, segment) => {
    expect(await inflateAlone(segment, 1_000_000)).toBeNull();
  });
});
