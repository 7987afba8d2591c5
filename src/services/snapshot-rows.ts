/**
 * The rows of a snapshot to and from the chunks that the store keeps. A chunk is some rows: a segment of the
 * snapshot's CSV and, where Postgres gave the JSON of arrays and composites beside their text, a segment of that.
 * Chunk 0 is the line of names, so that the CSV parts of all chunks are the whole CSV.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { decodeRows, encodeRows } from '../domain/copy-text.ts';
import type { SnapshotStore, SnapshotWriter } from '../domain/ports.ts';
import type { ResultSet, Row } from '../domain/result-set.ts';
import type { FreezeProgress } from '../domain/server-events.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { csvLines } from '../formats/csv.ts';
import { decodeCsvRows } from '../formats/csv-rows.ts';
import { damaged, deflateSegment, inflateSegment, seal, segmentBytes, unseal } from './segments.ts';

/** What is known of a result set once it is stored. */
export type StoredRows = Pick<
  Snapshot,
  'rowCount' | 'bytes' | 'sha256' | 'crc32' | 'deflatedBytes' | 'chunkRows' | 'chunkBytes' | 'besideBytes'
>;

/** How far the writing of a snapshot has come, counted only when somebody reads it. */
export class WriteProgress {
  /** Rows and bytes so far; none before the writing began. */
  read: () => FreezeProgress = () => ({ rows: 0, bytes: 0 });
}

/**
 * Stores the rows of a result set, at most `maxBytes` as CSV: `tooLarge` makes the error past that. One chunk is
 * compressed and sent while the next is being filled; memory holds no more than the two. `progress` follows it.
 */
export async function writeRows(
  writer: SnapshotWriter,
  result: ResultSet,
  snapshotId: string,
  limit: { readonly maxBytes: number; readonly tooLarge: () => Error },
  progress?: WriteProgress,
): Promise<StoredRows> {
  const width = result.columns.length;
  const hasBeside = result.columns.some((column) => column.jsonAt !== undefined);
  const lines = csvLines(result.columns);
  const hash = createHash('sha256');
  const stored = { rowCount: 0, bytes: 0, crc32: 0, deflatedBytes: 0 };
  const chunkRows: number[] = [];
  const chunkBytes: number[] = [];
  const besideBytes: number[] = [];
  let sending: Promise<void> = Promise.resolve();

  async function send(text: string, rows: number, nested: string): Promise<void> {
    const csv = Buffer.from(text);
    stored.bytes += csv.length;
    if (stored.bytes > limit.maxBytes) throw limit.tooLarge();
    stored.rowCount += rows;
    chunkRows.push(rows);
    stored.crc32 = crc32(csv, stored.crc32);
    hash.update(csv);
    await sending;
    sending = compressAndAppend(csv, rows, nested);
    // It is awaited before the next one; until then nobody else must hear of its failure.
    sending.catch(() => {});
  }

  async function compressAndAppend(csv: Buffer, rowCount: number, nested: string): Promise<void> {
    const [segment, beside] = await Promise.all([
      deflateSegment(csv),
      nested ? deflateSegment(Buffer.from(nested)) : null,
    ]);
    const place = chunkPlace(snapshotId, chunkBytes.length);
    stored.deflatedBytes += segment.length;
    chunkBytes.push(segment.length);
    if (hasBeside) besideBytes.push(beside?.length ?? 0);
    await writer.append({ rowCount, bytes: seal(place, beside ? [segment, beside] : [segment]) });
  }

  await send(lines.header, 0, '');
  let text = '';
  let nested = '';
  let rows = 0;
  const flush = () => {
    const sent = send(text, rows, nested);
    text = '';
    nested = '';
    rows = 0;
    return sent;
  };
  if (progress) {
    progress.read = () => ({ rows: stored.rowCount + rows, bytes: stored.bytes + Buffer.byteLength(text) });
  }
  try {
    for await (const batch of result.batches) {
      for (const row of batch) {
        text += lines.encodeRow(row);
        if (row.length > width) nested += encodeRows([row.slice(width)]);
        rows++;
        if (text.length + nested.length >= segmentBytes) await flush();
      }
    }
    if (rows > 0) await flush();
  } finally {
    // What is on its way when the run fails would be appended after the writer was abandoned, and stay.
    await sending.catch(() => {});
  }
  await sending;
  return { ...stored, chunkRows, chunkBytes, besideBytes, sha256: hash.digest('hex') };
}

/** Where a chunk belongs, which its checksum holds: one that stands in another's place is damage too. */
export function chunkPlace(snapshotId: string, number: number): string {
  return `${snapshotId}/${number}`;
}

/**
 * Opens a snapshot as a result set, from row `offset`, at most `limit` rows. Throws `snapshot_damaged` while it is
 * read when a chunk is missing or is not what was stored.
 */
export function openSnapshot(
  store: SnapshotStore,
  snapshot: Snapshot,
  page: { readonly offset?: number; readonly limit?: number } = {},
): ResultSet {
  const rows = readRows(store, snapshot, page.offset ?? 0, page.limit ?? Number.POSITIVE_INFINITY);
  return {
    columns: snapshot.columns,
    ranAt: snapshot.takenAt,
    serverVersion: snapshot.serverVersion,
    batches: rows,
    close: async () => {
      await rows.return(undefined);
    },
  };
}

/** The segments of a snapshot's CSV, in order. Throws `snapshot_damaged`. */
export async function* readCsvSegments(
  store: SnapshotStore,
  snapshot: Snapshot,
): AsyncGenerator<Uint8Array, void, undefined> {
  let number = 0;
  for await (const chunk of store.chunks(snapshot)) {
    const [segment] = unseal(chunkPlace(snapshot.id, number++), chunk);
    if (!segment) throw damaged();
    yield segment;
  }
}

async function* readRows(
  store: SnapshotStore,
  snapshot: Snapshot,
  offset: number,
  limit: number,
): AsyncGenerator<readonly Row[], void, undefined> {
  let skip = offset;
  let number = 1;
  while (number < snapshot.chunkRows.length && skip >= (snapshot.chunkRows[number] as number)) {
    skip -= snapshot.chunkRows[number++] as number;
  }
  let wanted = limit;
  if (wanted === 0 || number >= snapshot.chunkRows.length) return;
  for await (const chunk of store.chunks(snapshot, number)) {
    const rows = await decodeChunk(chunk, snapshot, number++);
    const part = rows.slice(skip, skip + wanted);
    skip = 0;
    wanted -= part.length;
    yield part;
    if (wanted === 0) return;
  }
}

async function decodeChunk(chunk: Uint8Array, snapshot: Snapshot, number: number): Promise<Row[]> {
  const place = chunkPlace(snapshot.id, number);
  const [csv, nested] = await Promise.all(
    unseal(place, chunk).map(async (part) => (await inflateSegment(part)).toString()),
  );
  const width = snapshot.columns.length;
  const rows = csv === undefined ? null : decodeCsvRows(csv, width);
  if (!rows || rows.length !== snapshot.chunkRows[number]) throw damaged();
  if (nested === undefined) return rows;
  const beside = decodeRows(nested, snapshot.columns.filter((column) => column.jsonAt !== undefined).length);
  return rows.map((row, index) => [...row, ...(beside[index] ?? [])]);
}
