/**
 * The rows of a snapshot to and from the chunks that the store keeps: rows as COPY text, cut into pieces of a bounded
 * size, each gzipped by itself so that a page in the middle is read without what stands before it.
 */
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { decodeRows, encodeRows } from '../domain/copy-text.ts';
import { AppError } from '../domain/errors.ts';
import type { SnapshotStore, SnapshotWriter } from '../domain/ports.ts';
import type { ResultSet, Row } from '../domain/result-set.ts';
import type { Snapshot } from '../domain/snapshot.ts';

const compress = promisify<Uint8Array, { level: number }, Buffer>(gzip);
const expand = promisify<Uint8Array, Buffer>(gunzip);

/** Characters of COPY text in a chunk, about. */
const chunkCharacters = 256 * 1024;

/** Passes a result set's batches on while it stores them; call `finish` after the last. */
export class SnapshotRowsWriter {
  readonly chunkRows: number[] = [];
  readonly #writer: SnapshotWriter;
  #text: string[] = [];
  #characters = 0;
  #rows = 0;

  constructor(writer: SnapshotWriter) {
    this.#writer = writer;
  }

  /** Stored rows so far. */
  get rowCount(): number {
    return this.chunkRows.reduce((sum, rows) => sum + rows, 0) + this.#rows;
  }

  /** The same result set, its batches stored before they are passed on. */
  through(result: ResultSet): ResultSet {
    const store = (batch: readonly Row[]) => this.#add(batch);
    return {
      ...result,
      batches: (async function* () {
        for await (const batch of result.batches) {
          await store(batch);
          yield batch;
        }
      })(),
      close: () => result.close(),
    };
  }

  async finish(): Promise<void> {
    if (this.#rows > 0) await this.#flush();
  }

  async #add(batch: readonly Row[]): Promise<void> {
    const text = encodeRows(batch);
    this.#text.push(text);
    this.#characters += text.length;
    this.#rows += batch.length;
    if (this.#characters >= chunkCharacters) await this.#flush();
  }

  async #flush(): Promise<void> {
    const text = this.#text.join('');
    const rowCount = this.#rows;
    this.#text = [];
    this.#characters = 0;
    this.#rows = 0;
    await this.#writer.append({ rowCount, bytes: await compress(Buffer.from(text), { level: 1 }) });
    this.chunkRows.push(rowCount);
  }
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
    batches: rows,
    close: async () => {
      await rows.return(undefined);
    },
  };
}

async function* readRows(
  store: SnapshotStore,
  snapshot: Snapshot,
  offset: number,
  limit: number,
): AsyncGenerator<readonly Row[], void, undefined> {
  let chunk = 0;
  let skip = offset;
  for (; chunk < snapshot.chunkRows.length && skip >= (snapshot.chunkRows[chunk] as number); chunk++) {
    skip -= snapshot.chunkRows[chunk] as number;
  }
  if (chunk === snapshot.chunkRows.length) return;
  const width = snapshot.columns.length + snapshot.columns.filter((each) => each.jsonAt !== undefined).length;
  let wanted = limit;
  for await (const bytes of store.chunks(snapshot, chunk)) {
    const rows = await decodeChunk(bytes, width, snapshot.chunkRows[chunk++]);
    const part = rows.slice(skip, skip + wanted);
    skip = 0;
    wanted -= part.length;
    yield part;
    if (wanted === 0) return;
  }
}

async function decodeChunk(bytes: Uint8Array, width: number, rowCount: number | undefined): Promise<Row[]> {
  try {
    const rows = decodeRows((await expand(bytes)).toString('utf8'), width);
    if (rows.length === rowCount) return rows;
  } catch {
    // The checksum of the gzip member does not match: told below.
  }
  throw new AppError('snapshot_damaged', 'A part of this snapshot is not what was stored. Take a new one.');
}
