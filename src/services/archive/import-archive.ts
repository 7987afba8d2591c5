/**
 * Brings the clips of an archive into the store, one after the other as they arrive: each is whole at once or not
 * there. A clip that is there already is left alone unless it is to be replaced.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clip } from '../../domain/clip.ts';
import { AppError } from '../../domain/errors.ts';
import type { ClipRestorer, Store } from '../../domain/ports.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import {
  ClipEntry,
  clipName,
  EndEntry,
  endName,
  HeadEntry,
  headName,
  readJson,
  SnapshotEntry,
  snapshotNames,
} from './entries.ts';
import { checkSnapshot, expectEntry, gzipBytes, restoreSnapshot } from './restore-snapshot.ts';
import { archiveInvalid, type TarEntry, TarReader } from './tar-reader.ts';

export interface ImportConflict {
  /** Id and name of the clip in the archive. */
  readonly id: string;
  readonly name: string;
  /** A sentence: why it was not imported. */
  readonly reason: string;
}

export interface ImportReport {
  /** Clips that were brought in, replaced ones among them, their snapshots, and the size of those as CSV. */
  readonly clips: number;
  readonly snapshots: number;
  readonly bytes: number;
  /** Clips that were there already, the same in everything. */
  readonly unchanged: number;
  /** Clips that took the place of one with their id. */
  readonly replaced: number;
  /** Clips that were not imported. */
  readonly conflicts: readonly ImportConflict[];
}

export interface ImportOptions {
  readonly store: Store;
  /** The largest snapshot, as CSV. */
  readonly maxBytes: number;
  /** Clips in the archive take the place of those with their ids. */
  readonly replace: boolean;
}

/** What becomes of a clip of the archive. `replaced` is the version of the clip whose place it takes. */
type Decision =
  | { readonly kind: 'bring'; readonly replaced: number | null }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'conflict'; readonly reason: string };

const differs = 'There is a clip with this id that is not the same.';
const slugTaken = 'Another clip has its URL.';

/**
 * Imports an archive as it arrives. Throws `archive_invalid`, `snapshot_too_large`, `store_full`; what was imported
 * before stays.
 */
export async function importArchive(
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  const tar = new TarReader(source);
  try {
    return await new Import(tar, options).run();
  } finally {
    await tar.close();
  }
}

class Import {
  readonly #tar: TarReader;
  readonly #options: ImportOptions;
  /** What came, imported or not. */
  readonly #came = { clips: 0, snapshots: 0, bytes: 0 };
  readonly #report = { clips: 0, snapshots: 0, bytes: 0, unchanged: 0, replaced: 0 };
  readonly #conflicts: ImportConflict[] = [];

  constructor(tar: TarReader, options: ImportOptions) {
    this.#tar = tar;
    this.#options = options;
  }

  async run(): Promise<ImportReport> {
    await expectEntry(this.#tar, headName);
    await readJson(this.#tar, headName, HeadEntry);
    for (;;) {
      const entry = await this.#tar.next();
      if (!entry) throw archiveInvalid(endName, 'is missing: the archive was cut short.');
      if (entry.name === endName) break;
      await this.#takeClip(entry);
    }
    const said = await readJson(this.#tar, endName, EndEntry);
    if (!isDeepStrictEqual(said, this.#came))
      throw archiveInvalid(endName, 'does not count what came before it.');
    if (await this.#tar.next()) throw archiveInvalid(endName, 'is not the last entry.');
    return { ...this.#report, conflicts: this.#conflicts };
  }

  async #takeClip(entry: TarEntry): Promise<void> {
    if (!/^clips\/[\w-]{1,32}\/clip\.json$/.test(entry.name))
      throw archiveInvalid(entry.name, 'is not what should come here.');
    const wanted = await readJson(this.#tar, entry.name, ClipEntry);
    checkClip(wanted, entry.name);
    this.#came.clips++;
    const decision = await this.#decide(wanted);
    if (decision.kind === 'bring') return this.#bring(wanted, decision.replaced);
    for (const { id } of wanted.snapshots) await this.#skipSnapshot(wanted.clip, id);
    if (decision.kind === 'unchanged') this.#report.unchanged++;
    else this.#refuse(wanted.clip, decision.reason);
  }

  async #decide({ clip, revisions, snapshots }: ClipEntry): Promise<Decision> {
    const { store, replace } = this.#options;
    const existing = await store.clips.find(clip.id);
    if (existing) {
      const has = [await store.clips.revisions(clip.id), await store.snapshots.list(clip.id)] as const;
      const same =
        isDeepStrictEqual({ ...existing, version: 0 }, { ...clip, version: 0 }) &&
        isDeepStrictEqual(has[0].toReversed(), revisions) &&
        isDeepStrictEqual(fingerprints(has[1]), fingerprints(snapshots));
      if (same) return { kind: 'unchanged' };
      if (!replace) return { kind: 'conflict', reason: differs };
    }
    const owner = await store.clips.findBySlug(clip.slug);
    if (owner && owner.id !== clip.id) return { kind: 'conflict', reason: slugTaken };
    return { kind: 'bring', replaced: existing?.version ?? null };
  }

  async #bring({ clip, revisions, snapshots: listed }: ClipEntry, replaced: number | null): Promise<void> {
    const restorer = await this.#options.store.clips.restore(clip.id);
    try {
      const snapshots: Snapshot[] = [];
      for (const { id, sha256 } of listed)
        snapshots.push(await this.#restoreSnapshot(restorer, clip, id, sha256));
      // Answers are remembered by the clip's id and version, so a version that ever was must not come again.
      const version = Math.max(Date.now(), (replaced ?? 0) + 1);
      const restored = { clip: { ...clip, version }, revisions, snapshots };
      if (await publish(() => restorer.publish(restored, replaced))) {
        this.#report.clips++;
        this.#report.snapshots += snapshots.length;
        for (const { bytes } of snapshots) this.#report.bytes += bytes;
        if (replaced !== null) this.#report.replaced++;
      } else
        this.#refuse(clip, 'It, or a clip with its URL, was changed while it was imported. Import it again.');
    } finally {
      // What can't be removed now expires by itself.
      await restorer.abandon().catch(() => {});
    }
  }

  async #restoreSnapshot(restorer: ClipRestorer, clip: Clip, id: string, sha256: string): Promise<Snapshot> {
    const names = snapshotNames(clip.id, id);
    const snapshot = await this.#readSnapshot(clip, id);
    if (snapshot.sha256 !== sha256)
      throw archiveInvalid(names.json, `has another fingerprint than ${clipName(clip.id)} says.`);
    const { maxBytes } = this.#options;
    if (snapshot.bytes > maxBytes)
      throw new AppError(
        'snapshot_too_large',
        `${names.json}: the snapshot is larger than the ${maxBytes.toLocaleString('en-US')} bytes that SNAPSHOT_MAX_BYTES allows. Raise it to import this archive.`,
      );
    checkSnapshot(snapshot, names.json);
    await restoreSnapshot(this.#tar, restorer, snapshot, names);
    return snapshot;
  }

  async #skipSnapshot(clip: Clip, id: string): Promise<void> {
    const names = snapshotNames(clip.id, id);
    const { besideBytes, chunkBytes } = await this.#readSnapshot(clip, id);
    if (besideBytes.length > 0) await expectEntry(this.#tar, names.beside);
    const entry = await expectEntry(this.#tar, names.csv);
    if (entry.size !== gzipBytes(chunkBytes))
      throw archiveInvalid(entry.name, 'has not the size that it should.');
  }

  async #readSnapshot(clip: Clip, id: string): Promise<Snapshot> {
    const { json } = snapshotNames(clip.id, id);
    await expectEntry(this.#tar, json);
    const snapshot = await readJson(this.#tar, json, SnapshotEntry);
    if (snapshot.id !== id || snapshot.clipId !== clip.id || snapshot.revision > clip.revision)
      throw archiveInvalid(json, 'is not the snapshot that its name says.');
    this.#came.snapshots++;
    this.#came.bytes += snapshot.bytes;
    return snapshot;
  }

  #refuse({ id, name }: Clip, reason: string): void {
    this.#conflicts.push({ id, name, reason });
  }
}

/** False when somebody else was faster. */
async function publish(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'clip_changed') return false;
    throw error;
  }
}

function fingerprints(snapshots: readonly { readonly id: string; readonly sha256: string }[]) {
  return new Map(snapshots.map(({ id, sha256 }) => [id, sha256]));
}

/** Throws `archive_invalid` unless clip, revisions and snapshots go together. */
function checkClip({ clip, revisions, snapshots }: ClipEntry, name: string): void {
  const last = revisions.at(-1);
  const ids = new Set(snapshots.map(({ id }) => id));
  const fits =
    name === clipName(clip.id) &&
    revisions.every(({ number }, index) => number === index + 1) &&
    last?.number === clip.revision &&
    last.sql === clip.sql &&
    last.database === clip.database &&
    ids.size === snapshots.length &&
    (clip.mode === 'frozen'
      ? clip.snapshotId !== null && ids.has(clip.snapshotId)
      : clip.snapshotId === null);
  if (!fits) throw archiveInvalid(name, 'clip, revisions and snapshots contradict each other.');
}
