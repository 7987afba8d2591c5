/** Content codings: which one a client gets, and bodies that are compressed while they are made. */
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Coding, chooseCoding, compress, liveCodings } from '../../src/http/coding.ts';
import { collect } from './format-support.ts';

describe('chooseCoding', () => {
  test.each<[accept: string | undefined, live: Coding, frozen: Coding]>([
    [undefined, 'identity', 'identity'],
    ['', 'identity', 'identity'],
    ['gzip', 'gzip', 'gzip'],
    ['zstd', 'zstd', 'identity'],
    ['gzip, deflate, br, zstd', 'zstd', 'gzip'],
    ['zstd;q=0.5, gzip;q=0.6', 'gzip', 'gzip'],
    ['gzip;q=0.6,zstd;q=0.6', 'zstd', 'gzip'],
    ['GZIP', 'gzip', 'gzip'],
    ['gzip;Q=1', 'gzip', 'gzip'],
    [' gzip ; q=0.2 ', 'gzip', 'gzip'],
    ['gzip;level=9;q=0.2', 'gzip', 'gzip'],
    ['*', 'zstd', 'gzip'],
    ['*;q=0', 'identity', 'identity'],
    ['gzip;q=0, *', 'zstd', 'identity'],
    ['*;q=0, gzip', 'gzip', 'gzip'],
    ['gzip;q=0', 'identity', 'identity'],
    ['gzip;q=0.000', 'identity', 'identity'],
    ['gzip;q=0.001', 'gzip', 'gzip'],
    ['identity', 'identity', 'identity'],
    ['identity, gzip', 'gzip', 'gzip'],
    ['gzip, identity', 'gzip', 'gzip'],
    ['gzip;q=0.5, identity', 'identity', 'identity'],
    ['gzip;q=1.0, deflate;q=0.6, identity;q=0.3', 'gzip', 'gzip'],
    ['identity;q=0.5, *;q=0.2', 'identity', 'identity'],
    ['gzip;q=0.2, *;q=0.5', 'zstd', 'identity'],
    ['identity;q=0, gzip', 'gzip', 'gzip'],
    ['identity;q=0', 'identity', 'identity'],
    ['br, deflate, compress', 'identity', 'identity'],
    ['x-gzip-not', 'identity', 'identity'],
    ['gzip;q=2', 'identity', 'identity'],
    ['gzip;q=-1', 'identity', 'identity'],
    ['gzip;q=NaN', 'identity', 'identity'],
    ['gzip;q=', 'identity', 'identity'],
    [';;,,=;q', 'identity', 'identity'],
    ['gzip gzip', 'identity', 'identity'],
    ['__proto__, constructor', 'identity', 'identity'],
    [',,gzip,,', 'gzip', 'gzip'],
  ])('%s', (accept, live, frozen) => {
    expect([chooseCoding(accept, ['zstd', 'gzip']), chooseCoding(accept, ['gzip'])]).toEqual([live, frozen]);
  });

  test('reads a header of any length', () => {
    expect(chooseCoding(`${'x, '.repeat(50_000)}gzip`, ['gzip'])).toBe('gzip');
  });

  test('offers zstd where the runtime has it', () => {
    expect(liveCodings).toEqual(['zstd', 'gzip']);
  });
});

const expand: Readonly<Record<'gzip' | 'zstd', (bytes: Uint8Array) => Buffer>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes),
};
const begun: Readonly<Record<'gzip' | 'zstd', (bytes: Uint8Array) => Buffer>> = {
  gzip: (bytes) => zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  zstd: (bytes) => zlib.zstdDecompressSync(bytes, { finishFlush: zlib.constants.ZSTD_e_flush }),
};

interface Source extends AsyncIterable<Uint8Array> {
  /** Chunks that were asked for. */
  asked: number;
  /** How often it was returned to. */
  returned: number;
}

function source(chunks: (index: number) => Uint8Array | Promise<Uint8Array> | null): Source {
  const made: Source = {
    asked: 0,
    returned: 0,
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = await chunks(made.asked++);
        return value === null ? { done: true, value: undefined } : { done: false, value };
      },
      async return() {
        made.returned++;
        return { done: true, value: undefined };
      },
    }),
  };
  return made;
}

const untilTurn = () => new Promise((resolve) => setImmediate(resolve));

describe.each(['gzip', 'zstd'] as const)('compress with %s', (coding) => {
  test.each([
    ['nothing', []],
    ['an empty chunk', [Buffer.alloc(0)]],
    ['one byte', [Buffer.from('x')]],
    ['many small chunks', Array.from({ length: 3_000 }, (_, index) => Buffer.from(`row ${index}\n`))],
    ['chunks of noise', Array.from({ length: 20 }, () => randomBytes(70_000))],
    ['a chunk of megabytes', [Buffer.alloc(5_000_000, 'abc')]],
  ])('gives back what went in: %s', async (_, chunks) => {
    const bytes = await collect(
      compress(
        source((index) => chunks[index] ?? null),
        coding,
      ),
    );
    expect(Buffer.compare(expand[coding](bytes), Buffer.concat(chunks))).toBe(0);
  });

  test('lets the first chunk go while the second is not there yet', async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const chunks = source((index) => [Buffer.from('first row\n'), promise][index] ?? null);
    const out = compress(chunks, coding)[Symbol.asyncIterator]();
    const sent: Uint8Array[] = [];
    let text = '';
    while (text === '') {
      sent.push((await out.next()).value as Uint8Array);
      text = begun[coding](Buffer.concat(sent)).toString();
    }
    expect(text).toBe('first row\n');
    resolve(Buffer.from('second row\n'));
    const rest = await collect({ [Symbol.asyncIterator]: () => out });
    const whole = expand[coding](Buffer.concat([...sent, rest]));
    expect(whole.toString()).toBe('first row\nsecond row\n');
  });

  test.each([0, 1, 30])('throws what chunk %i throws', async (failing) => {
    const chunks = source((index) =>
      index === failing ? Promise.reject(new Error('division by zero')) : randomBytes(10_000),
    );
    await expect(collect(compress(chunks, coding))).rejects.toThrow('division by zero');
  });

  test('throws when the compressor takes a chunk not, and returns the source', async () => {
    const chunks = source((index) => (index === 2 ? ({} as Uint8Array) : Buffer.from('x')));
    await expect(collect(compress(chunks, coding))).rejects.toThrow();
    expect(chunks.returned).toBe(1);
  });

  test('returns the source when nobody wants more', async () => {
    const chunks = source(() => randomBytes(100_000));
    for await (const bytes of compress(chunks, coding)) {
      expect(bytes.length).toBeGreaterThan(0);
      break;
    }
    expect(chunks.returned).toBe(1);
  });

  test('asks for no chunk before its reader does', async () => {
    const chunks = source(() => randomBytes(64 * 1024));
    const out = compress(chunks, coding)[Symbol.asyncIterator]();
    let bytes = 0;
    while (bytes < 2_000_000) {
      bytes += ((await out.next()).value as Uint8Array).length;
      for (let turn = 0; turn < 5; turn++) await untilTurn();
      expect(chunks.asked * 64 * 1024 - bytes).toBeLessThan(512 * 1024);
    }
    const { asked } = chunks;
    for (let turn = 0; turn < 50; turn++) await untilTurn();
    expect(chunks.asked).toBe(asked);
    await out.return(undefined);
  });
});

test('identity passes the chunks as they are, and returns their source', async () => {
  const chunks = [Buffer.from('a'), Buffer.from('b')];
  const all = source((index) => chunks[index] ?? null);
  const passed: Uint8Array[] = [];
  for await (const chunk of compress(all, 'identity')) passed.push(chunk);
  expect(passed.map((chunk, index) => chunk === chunks[index])).toEqual([true, true]);
  const left = source(() => Buffer.from('a'));
  for await (const _ of compress(left, 'identity')) break;
  expect(left.returned).toBe(1);
});
