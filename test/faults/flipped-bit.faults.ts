/**
 * Stored bytes are spoilt behind the server's back: a bit flipped, chunks swapped, cut, missing or another snapshot's.
 * A reader gets an error, or the right bytes made anew; never other bytes in an answer that ended well.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { ClipAnswer, SnapshotAnswer } from '../support/server.ts';
import { openRandom } from './random.ts';
import { type ChunkList, openRawFile, openRawRedis, type RawStore } from './raw-stores.ts';
import { type Coding, codings, type Digest, readDigest } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('flipped-bit');
const places = 20;

/** Everything that a reader can ask for of a snapshot. */
const variants = ['.csv', '.csv?delimiter=;', '.json', '.json?shape=rows', '.ndjson', '.xml', '.xlsx'];
const keptFormats = ['json', 'ndjson', 'xml', 'xlsx'];
/** Those that take several chunks also when they are small. */
const longFormats = ['json', 'ndjson', 'xml'];

/** Rows with what CSV alone does not tell; the larger one is not put together in memory before it is sent. */
const sqlOf = (rows: number) =>
  `SELECT n, md5((n + ${rows})::text) AS hash, ARRAY[n, NULL] AS list FROM generate_series(1, ${rows}) AS n`;

interface Sample {
  readonly list: ChunkList;
  /** Without an extension. This URL is never answered from the server's own memory. */
  readonly path: string;
  /** What is right, by variant and coding. */
  readonly right: ReadonlyMap<string, Digest>;
  /** The chunks as they were stored. */
  readonly chunks: readonly Buffer[];
}

type Damage = (chunks: readonly Buffer[], foreign: readonly Buffer[]) => Buffer[];

const flipBit: Damage = (chunks) => {
  const spoilt = chunks.map((chunk) => Buffer.from(chunk));
  const chunk = random.pick(spoilt);
  const at = random.below(chunk.length);
  chunk[at] = (chunk[at] as number) ^ (1 << random.below(8));
  return spoilt;
};

/** Other ways to spoil a list of at least two chunks. */
const damages: readonly (readonly [string, Damage])[] = [
  ['two chunks swapped', ([first, second, ...rest]) => [second as Buffer, first as Buffer, ...rest]],
  ['a chunk twice', ([first, , ...rest]) => [first as Buffer, first as Buffer, ...rest]],
  ['the first chunk missing', (chunks) => chunks.slice(1)],
  ['the last chunk missing', (chunks) => chunks.slice(0, -1)],
  [
    'the last chunk cut short',
    (chunks) => chunks.map((chunk, n) => (n + 1 < chunks.length ? chunk : chunk.subarray(0, -1))),
  ],
  ['an empty chunk', ([first, , ...rest]) => [first as Buffer, Buffer.alloc(0), ...rest]],
  [
    "another snapshot's chunk",
    ([first, , ...rest], foreign) => [first as Buffer, foreign[1] as Buffer, ...rest],
  ],
  ['no list at all', () => []],
];

async function read(server: ServerProcess, path: string, coding: Coding): Promise<Digest | 'broken off'> {
  try {
    return await readDigest(server, path, coding);
  } catch {
    return 'broken off';
  }
}

type Outcome = 'right' | 'refused' | 'broken off';

/** Throws when whole answers hold anything but the right bytes. */
async function readSafely(
  server: ServerProcess,
  sample: Sample,
  variant: string,
  coding: Coding,
): Promise<Outcome> {
  const answer = await read(server, sample.path + variant, coding);
  if (answer === 'broken off') return answer;
  if (answer.status === 500) return 'refused';
  expect([variant, coding, answer]).toEqual([variant, coding, sample.right.get(`${variant} ${coding}`)]);
  return 'right';
}

/** Registers the tests of one store; `open` starts a server over it. */
function describeStore(
  name: string,
  open: () => Promise<{ server: ServerProcess; raw: RawStore; close(): Promise<void> }>,
) {
  describe(name, () => {
    let place: Awaited<ReturnType<typeof open>>;
    let samples: [small: Sample, large: Sample];
    const tally: Record<Outcome, number> = { right: 0, refused: 0, 'broken off': 0 };

    beforeAll(async () => {
      place = await open();
      samples = [await makeSample(place, 4_000), await makeSample(place, 25_000)];
    });
    afterAll(async () => {
      console.log(`flipped-bit, ${name}: ${JSON.stringify(tally)}`);
      await place?.close();
    });

    async function spoilSnapshot(damage: Damage): Promise<void> {
      const { server, raw } = place;
      for (const [n, sample] of samples.entries()) {
        const { list, chunks } = sample;
        await raw.forgetEncodings(list);
        await raw.write(list, damage(chunks, (samples[1 - n] as Sample).chunks));
        const refused = new Set<string>();
        for (const variant of variants) {
          for (const coding of codings) {
            const outcome = await readSafely(server, sample, variant, coding);
            // The other formats do without the line of names, and give the right bytes when it alone is spoilt.
            if (variant === '.csv') expect([coding, outcome]).not.toEqual([coding, 'right']);
            if (outcome !== 'right') refused.add(variant.slice(1));
            tally[outcome]++;
          }
        }
        // The page shows some of the rows: right ones, or none.
        const page = await server.fetch(`${sample.path}.html`);
        expect([200, 500]).toContain(page.status);
        const kept = await raw.formats(list);
        await raw.write(list, chunks);
        expect(await readSafely(server, sample, '.csv', 'identity')).toBe('right');
        expect(
          kept.filter((format) => refused.has(format)),
          'of damaged rows nothing is kept',
        ).toEqual([]);
      }
    }

    async function spoilEncoding(damage: Damage, formats: readonly string[]): Promise<void> {
      const { server, raw } = place;
      const [n, format] = [random.below(2), random.pick(formats)];
      const sample = samples[n] as Sample;
      const other = samples[1 - n] as Sample;
      for (const { path } of samples) await (await server.fetch(`${path}.${format}`)).arrayBuffer();
      const list = { ...sample.list, format };
      const chunks = await raw.read(list);
      await raw.write(list, damage(chunks, await raw.read({ ...other.list, format })));
      for (const coding of codings) {
        tally[await readSafely(server, sample, `.${format}`, coding)]++;
        // The first reader may be told of the damage; to the next one it is made anew.
        expect([format, await readSafely(server, sample, `.${format}`, coding)]).toEqual([format, 'right']);
      }
    }

    it(`a bit flipped at ${places} places of snapshots is never data`, async () => {
      for (let n = 0; n < places; n++) await spoilSnapshot(flipBit);
    });

    it.each(damages)('%s in a snapshot: never data', async (_, damage) => {
      await spoilSnapshot(damage);
    });

    it(`a bit flipped at ${places} places of encodings: an error, then made anew`, async () => {
      for (let n = 0; n < places; n++) await spoilEncoding(flipBit, keptFormats);
    });

    it.each(damages)('%s in an encoding: an error, then made anew', async (_, damage) => {
      for (let n = 0; n < 4; n++) await spoilEncoding(damage, longFormats);
    });
  });
}

async function makeSample(
  { server, raw }: { server: ServerProcess; raw: RawStore },
  rows: number,
): Promise<Sample> {
  const body = { name: `${rows} rows`, sql: sqlOf(rows), mode: 'frozen' };
  const clip = (await server.call<ClipAnswer>('POST', '/api/clips', body)).body;
  const snapshot = clip.snapshot as SnapshotAnswer;
  const path = `/c/${clip.slug}/s/${snapshot.id}`;
  const right = new Map<string, Digest>();
  for (const variant of variants)
    for (const coding of codings)
      right.set(`${variant} ${coding}`, await readDigest(server, path + variant, coding));
  expect(right.get('.csv gzip')).toEqual({ status: 200, bytes: snapshot.bytes, sha256: snapshot.sha256 });
  expect([...right.values()].map(({ status }) => status)).toEqual(Array(right.size).fill(200));
  const list = { clipId: clip.id, snapshotId: snapshot.id };
  const chunks = await raw.read(list);
  expect(chunks.length).toBeGreaterThan(1);
  return { list, path, right, chunks };
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});
afterAll(async () => {
  await database?.drop();
});

describeStore('Redis', async () => {
  const redis: RedisServer = await startRedis();
  const raw = openRawRedis(redis.url);
  const server = await startServerProcess({ DATABASE_URL: database.readerUrl, REDIS_URL: redis.url });
  const close = async () => {
    await server.kill();
    await raw.close();
    await redis.stop();
  };
  return { server, raw, close };
});

describeStore('the store file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-'));
  const server = await startServerProcess({ DATABASE_URL: database.readerUrl, PGCLIP_DIR: dir });
  const raw = openRawFile(join(dir, 'store.sqlite'));
  const close = async () => {
    await server.kill();
    await raw.close();
    await rm(dir, { recursive: true, force: true });
  };
  return { server, raw, close };
});
