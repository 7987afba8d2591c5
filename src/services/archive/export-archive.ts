/**
 * Writes every clip of the store with its revisions and snapshots as one tar file, as it is read: the bytes of
 * snapshots go through as they are stored. docs/archive-format.md describes the file.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Clip } from '../../domain/clip.ts';
import { AppError } from '../../domain/errors.ts';
import type { Store } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { damaged, gzipHead, gzipTail, inflateSegment, unseal } from '../segments.ts';
import { chunkPlace } from '../snapshot-rows.ts';
import {
  archiveFormat,
  archiveVersion,
  type ClipEntry,
  clipName,
  type EndEntry,
  endName,
  type HeadEntry,
  headName,
  maxJsonBytes,
  snapshotNames,
} from './entries.ts';
import { gzipBytes } from './restore-snapshot.ts';
import { paddingOf, tarEnd, tarHeader } from './tar-header.ts';

const pageSize = 100;
/** How often a clip is read anew when it changes while it is read. */
const readTries = 5;
/** What the JSON and the headers of a clip and of a snapshot take, about. */
const clipAllowance = 2048;
const snapshotAllowance = 4096;

export interface OpenedExport {
  /** Size of the file, about: what it will hold is looked up when its turn comes. */
  readonly aboutBytes: number;
  /** The file. Throws `snapshot_damaged`, and `clip_changed` when somebody keeps changing a clip, or removes a snapshot. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Looks at what there is, and begins the file. */
export async function openExport(store: Store): Promise<OpenedExport> {
  const found = { clips: 0, snapshots: 0, bytes: 0 };
  let aboutBytes = 0;
  for await (const clips of listPages(store)) {
    const lists = await Promise.all(clips.map(({ id }) => store.snapshots.list(id)));
    found.clips += clips.length;
    aboutBytes += clips.length * clipAllowance;
    for (const { bytes, chunkBytes, besideBytes } of lists.flat()) {
      found.snapshots++;
      found.bytes += bytes;
      aboutBytes += gzipBytes(chunkBytes) + gzipBytes(besideBytes) + snapshotAllowance;
    }
  }
  return { aboutBytes, chunks: writeArchive(store, found) };
}

async function* listPages(store: Store): AsyncGenerator<readonly Clip[], void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await store.clips.list({ limit: pageSize, ...(cursor ? { cursor } : {}) });
    yield page.clips;
    cursor = page.next ?? undefined;
  } while (cursor);
}

async function* writeArchive(store: Store, found: EndEntry): AsyncGenerator<Uint8Array, void, undefined> {
  const exportedAt = new Date().toISOString();
  const head: HeadEntry = { format: archiveFormat, version: archiveVersion, exportedAt, ...found };
  yield jsonEntry(headName, head, exportedAt);
  const came = { clips: 0, snapshots: 0, bytes: 0 };
  for await (const clips of listPages(store)) {
    for (const { id } of clips) {
      const whole = await readClip(store, id);
      // Removed since it was listed.
      if (!whole) continue;
      yield jsonEntry(clipName(id), whole.entry, whole.entry.clip.updatedAt);
      for (const snapshot of whole.snapshots) {
        yield* whileThere(store, snapshot, writeSnapshot(store, snapshot));
        came.snapshots++;
        came.bytes += snapshot.bytes;
      }
      came.clips++;
    }
  }
  yield jsonEntry(endName, came, exportedAt);
  yield tarEnd;
}

function jsonEntry(
  name: string,
  value: ClipEntry | Snapshot | HeadEntry | EndEntry,
  modifiedAt: string,
): Uint8Array {
  const json = Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
  if (json.length > maxJsonBytes)
    throw new AppError(
      'archive_invalid',
      `${name} would be larger than the ${maxJsonBytes} bytes that it may have.`,
    );
  return Buffer.concat([
    tarHeader(name, json.length, modifiedAt),
    json,
    new Uint8Array(paddingOf(json.length)),
  ]);
}

/** The clip with what belongs to it, all of one moment; null when it is gone. */
async function readClip(
  store: Store,
  id: string,
): Promise<{ readonly entry: ClipEntry; readonly snapshots: readonly Snapshot[] } | null> {
  for (let tries = 0; tries < readTries; tries++) {
    const clip = await store.clips.find(id);
    const [revisions, snapshots] = await Promise.all([store.clips.revisions(id), store.snapshots.list(id)]);
    const after = await store.clips.find(id);
    if (!clip || !after) return null;
    if (after.version !== clip.version) continue;
    const listed = snapshots.map(({ id, sha256 }) => ({ id, sha256 }));
    return { entry: { clip, revisions: revisions.toReversed(), snapshots: listed }, snapshots };
  }
  throw new AppError('clip_changed', 'A clip is being changed again and again. Export when that has ended.');
}

/** The same; that the snapshot was removed meanwhile is told as what it is, and not as damage. */
async function* whileThere(
  store: Store,
  { clipId, id }: Snapshot,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'snapshot_damaged') throw error;
    if (await store.snapshots.find(clipId, id)) throw error;
    throw new AppError('clip_changed', 'A snapshot was removed while it was exported. Export again.');
  }
}

async function* writeSnapshot(store: Store, snapshot: Snapshot): AsyncGenerator<Uint8Array, void, undefined> {
  const { takenAt, chunkBytes, besideBytes } = snapshot;
  const names = snapshotNames(snapshot.clipId, snapshot.id);
  yield jsonEntry(names.json, snapshot, takenAt);
  if (besideBytes.length > 0) {
    const sizes = besideBytes.slice(1);
    yield tarHeader(names.beside, gzipBytes(sizes), takenAt);
    yield* gzip(readSegments(store, snapshot, 1, sizes), null);
    yield new Uint8Array(paddingOf(gzipBytes(sizes)));
  }
  yield tarHeader(names.csv, gzipBytes(chunkBytes), takenAt);
  yield* gzip(readSegments(store, snapshot, 0, chunkBytes), gzipTail(snapshot.crc32, snapshot.bytes));
  yield new Uint8Array(paddingOf(gzipBytes(chunkBytes)));
}

/** The segments as one gzip stream. Without a tail at hand they are inflated to make it. */
async function* gzip(
  segments: AsyncIterable<Uint8Array>,
  tail: Uint8Array | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  let checksum = 0;
  let length = 0;
  yield gzipHead;
  for await (const segment of segments) {
    yield segment;
    if (tail) continue;
    const bytes = await inflateSegment(segment);
    checksum = crc32(bytes, checksum);
    length += bytes.length;
  }
  yield tail ?? gzipTail(checksum, length);
}

/**
 * One part of each of a snapshot's chunks: 0 is the CSV, 1 what stands beside it, which the line of names has not.
 * Throws `snapshot_damaged`, also when a segment has not the size that the file has promised by then.
 */
async function* readSegments(
  store: Store,
  snapshot: Snapshot,
  part: 0 | 1,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let number: number = part;
  for await (const chunk of store.snapshots.chunks(snapshot, part)) {
    const segment = unseal(chunkPlace(snapshot.id, number), chunk)[part];
    if (!segment || segment.length !== sizes[number - part]) throw damaged();
    yield segment;
    number++;
  }
}
