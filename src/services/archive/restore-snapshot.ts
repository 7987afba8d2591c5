/**
 * One snapshot out of an archive: its gzip streams are cut into the segments that they were made of, each is inflated,
 * counted and hashed, and what does not come to what the snapshot says of itself is refused. What is held then is to
 * the byte what the store that it came from had.
 */
import { createHash, randomBytes } from 'node:crypto';
import { crc32, inflateRaw } from 'node:zlib';
import { decodeRows } from '../../domain/copy-text.ts';
import type { ClipRestorer, HeldChunks } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { csvLines } from '../../formats/csv.ts';
import { decodeCsvRows } from '../../formats/csv-rows.ts';
import { gzipHead, gzipTail, seal, segmentBytes } from '../segments.ts';
import { chunkPlace } from '../snapshot-rows.ts';
import type { snapshotNames } from './entries.ts';
import { archiveInvalid, type TarEntry, type TarReader } from './tar-reader.ts';

/** The largest segment, inflated: about a row's, when that is large. workerd inflates no more than 128 MiB at once. */
const maxSegmentBytes = 120_000_000;

const newline = 10;
const tab = 9;

const frameBytes = gzipHead.length + gzipTail(0, 0).length;

/** Bytes of the gzip stream of these segments. */
export function gzipBytes(segmentBytes: readonly number[]): number {
  return segmentBytes.reduce((sum, bytes) => sum + bytes, frameBytes);
}

/** Columns whose JSON stands beside the CSV. */
function nestedCount({ columns }: Snapshot): number {
  return columns.filter(({ jsonAt }) => jsonAt !== undefined).length;
}

/** Throws `archive_invalid` unless what the snapshot says of itself goes together. */
export function checkSnapshot(snapshot: Snapshot, name: string): void {
  const { columns, chunkRows, chunkBytes, besideBytes, rowCount, deflatedBytes } = snapshot;
  const sum = (numbers: readonly number[]) => numbers.reduce((all, number) => all + number, 0);
  const places = columns
    .flatMap(({ jsonAt }) => (jsonAt === undefined ? [] : [jsonAt]))
    .sort((a, b) => a - b);
  const fits =
    chunkRows.length === chunkBytes.length &&
    chunkRows[0] === 0 &&
    sum(chunkRows) === rowCount &&
    sum(chunkBytes) === deflatedBytes &&
    places.every((place, index) => place === columns.length + index) &&
    besideBytes.length === (places.length > 0 ? chunkBytes.length : 0) &&
    besideBytes.every((bytes, index) => bytes > 0 === index > 0);
  if (!fits) throw archiveInvalid(name, 'its numbers contradict each other.');
}

/**
 * Reads the entries of the snapshot's bytes, which come next, and holds its chunks under its id. Throws
 * `archive_invalid` and what the restorer throws.
 */
export async function restoreSnapshot(
  tar: TarReader,
  restorer: ClipRestorer,
  snapshot: Snapshot,
  names: ReturnType<typeof snapshotNames>,
): Promise<void> {
  const beside =
    snapshot.besideBytes.length > 0 ? await holdBeside(tar, restorer, snapshot, names.beside) : null;
  const entry = await expectEntry(tar, names.csv);
  const wrong = (what: string) => archiveInvalid(entry.name, what);
  const held = await restorer.hold(snapshot.id);
  const hash = createHash('sha256');
  const { header } = csvLines(snapshot.columns);
  let appending: Promise<void> = Promise.resolve();
  let number = 0;
  try {
    for await (const { segment, bytes } of readSegments(tar, entry, snapshot.chunkBytes, snapshot)) {
      hash.update(bytes);
      const text = bytes.toString();
      if (number === 0 ? text !== header : !hasRows(text, snapshot, snapshot.chunkRows[number] ?? 0))
        throw wrong('its rows are not those that the snapshot has.');
      const parts = beside && number > 0 ? [segment, await beside.read(number - 1)] : [segment];
      const chunk = seal(chunkPlace(snapshot.id, number++), parts);
      await appending;
      appending = held.append(chunk);
      // It is awaited before the next one; until then nobody else must hear of its failure.
      appending.catch(() => {});
    }
  } finally {
    // What is on its way when the archive turns out to be wrong would be appended after all was thrown away.
    await appending.catch(() => {});
  }
  await appending;
  if (hash.digest('hex') !== snapshot.sha256) throw wrong('does not match its fingerprint: it was changed.');
  await beside?.discard();
}

/**
 * Whether a segment's text is so many rows. Only the last row of ours reaches past the size of a segment: a few kilobytes
 * that inflate to many millions of rows or values are refused before these are made.
 */
function hasRows(text: string, { columns }: Snapshot, count: number): boolean {
  return decodeCsvRows(text, columns.length, segmentBytes)?.length === count;
}

/** The same of what stands beside them, where tabs and line feeds are nothing but the ends of values. */
function hasBesideRows(bytes: Buffer, width: number, count: number): boolean {
  const last = bytes.subarray(0, -1).lastIndexOf(newline) + 1;
  // A UTF-16 unit is three bytes at most.
  if (last > 3 * segmentBytes || hasMore(bytes.subarray(last), tab, width)) return false;
  const rows = decodeRows(bytes.toString(), width);
  return rows.length === count && rows.every((row) => row.length === width);
}

/** Whether the byte is there more than so many times. */
function hasMore(bytes: Buffer, byte: number, count: number): boolean {
  let at = -1;
  for (let found = 0; found <= count; found++) {
    at = bytes.indexOf(byte, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** The JSON beside the CSV comes first, since each of its segments is kept together with one of the CSV. */
async function holdBeside(
  tar: TarReader,
  restorer: ClipRestorer,
  snapshot: Snapshot,
  name: string,
): Promise<HeldChunks> {
  const entry = await expectEntry(tar, name);
  const held = await restorer.hold(`${snapshot.id}/beside`);
  const width = nestedCount(snapshot);
  let number = 1;
  for await (const { segment, bytes } of readSegments(tar, entry, snapshot.besideBytes.slice(1), null)) {
    if (!hasBesideRows(bytes, width, snapshot.chunkRows[number++] ?? 0))
      throw archiveInvalid(entry.name, 'its rows are not those that the snapshot has.');
    await held.append(segment);
  }
  return held;
}

/** The next entry, which must have this name. Throws `archive_invalid`. */
export async function expectEntry(tar: TarReader, name: string): Promise<TarEntry> {
  const entry = await tar.next();
  if (!entry) throw archiveInvalid(name, 'is missing: the archive ends before it.');
  if (entry.name !== name) throw archiveInvalid(entry.name, `stands where ${name} should.`);
  return entry;
}

/** The segments of a gzip stream that is as ours are; `said` is what they should inflate to, null when nobody knows. */
async function* readSegments(
  tar: TarReader,
  entry: TarEntry,
  sizes: readonly number[],
  said: Pick<Snapshot, 'bytes' | 'crc32'> | null,
): AsyncGenerator<{ readonly segment: Uint8Array; readonly bytes: Buffer }, void, undefined> {
  const wrong = () => archiveInvalid(entry.name, 'is not what was exported: it was changed or damaged.');
  if (entry.size !== gzipBytes(sizes)) throw wrong();
  if (!(await tar.read(gzipHead.length)).equals(gzipHead)) throw wrong();
  let checksum = 0;
  let length = 0;
  for (const size of sizes) {
    if (size > maxSegmentBytes) throw wrong();
    const segment = await tar.read(size);
    const room = said ? Math.min(maxSegmentBytes, said.bytes - length) : maxSegmentBytes;
    const bytes = await inflateAlone(segment, room);
    if (!bytes) throw wrong();
    checksum = crc32(bytes, checksum);
    length += bytes.length;
    yield { segment, bytes };
  }
  const tail = gzipTail(checksum, length);
  if (!(await tar.read(tail.length)).equals(tail)) throw wrong();
  if (said && (said.bytes !== length || said.crc32 !== checksum)) throw wrong();
}

/**
 * Inflates a segment to at most so many bytes. Null when that fails or the segment does not stand alone: when it needs
 * what stands before it, does not end at a byte, or ends the stream, so that what follows it would not be read.
 */
export function inflateAlone(segment: Uint8Array, maxBytes: number): Promise<Buffer | null> {
  // A last block of bytes that nobody can foresee: they come out only when it is reached, and rightly.
  const mark = randomBytes(8);
  const block = Buffer.concat([Uint8Array.of(1, 8, 0, 0xf7, 0xff), mark]);
  // workerd counts the blocks that it fills, not the bytes in them.
  const maxOutputLength = maxBytes + 256 * 1024;
  return new Promise((resolve) => {
    inflateRaw(Buffer.concat([segment, block]), { maxOutputLength }, (error, bytes) => {
      const whole =
        !error && bytes.length <= maxBytes + mark.length && bytes.subarray(-mark.length).equals(mark);
      resolve(whole ? bytes.subarray(0, -mark.length) : null);
    });
  });
}
