/** Clips: saving, changing, finding and removing them. A clip is saved only after Postgres has accepted its SQL. */
import { type Clip, type ClipMode, maxNameLength, newId, newSlug, type Revision } from '../domain/clip.ts';
import { AppError } from '../domain/errors.ts';
import type { ClipPage, Store } from '../domain/ports.ts';
import type { Retention } from '../domain/retention.ts';
import type { Databases } from './databases.ts';
import type { Retentions } from './retention.ts';
import type { WriteProgress } from './snapshot-rows.ts';
import { clipNotFound, revisionOf, type Snapshots } from './snapshots.ts';

export interface NewClip {
  readonly name: string;
  readonly sql: string;
  readonly database?: string | undefined;
  readonly mode?: ClipMode | undefined;
  readonly retention?: Retention | undefined;
}

export interface ClipPatch {
  readonly name?: string | undefined;
  readonly sql?: string | undefined;
  readonly database?: string | undefined;
  readonly mode?: ClipMode | undefined;
  readonly retention?: Retention | undefined;
}

/** How often a change is tried anew when someone else changed the clip meanwhile. */
const changeTries = 5;

export class Clips {
  readonly #store: Store;
  readonly #databases: Databases;
  readonly #snapshots: Snapshots;
  readonly #retentions: Retentions;

  constructor(options: {
    store: Store;
    databases: Databases;
    snapshots: Snapshots;
    retentions: Retentions;
  }) {
    this.#store = options.store;
    this.#databases = options.databases;
    this.#snapshots = options.snapshots;
    this.#retentions = options.retentions;
  }

  /** Saves a clip. Throws `invalid_request`, `database_not_found`, `sql_refused` and, for a frozen one, as `freeze`. */
  async create(input: NewClip, signal?: AbortSignal, progress?: WriteProgress): Promise<Clip> {
    const now = new Date().toISOString();
    const live: Clip = {
      id: newId(),
      slug: newSlug(),
      name: parseName(input.name),
      sql: input.sql,
      database: input.database ?? this.#databases.getDefaultName(),
      mode: 'live',
      revision: 1,
      snapshotId: null,
      retention: input.retention ?? null,
      createdAt: now,
      updatedAt: now,
      version: 1,
    };
    if (input.mode === 'frozen') {
      const frozen = (snapshotId: string): Clip => ({ ...live, mode: 'frozen', snapshotId });
      const taken = await this.#snapshots.take(
        live,
        (_, id) => ({ kind: 'create', clip: frozen(id) }),
        signal,
        progress,
      );
      if (taken.clip) return taken.clip;
      throw new AppError('internal', 'The clip could not be saved. Try again.');
    }
    await this.#accept(live);
    await this.#store.clips.create(live);
    return live;
  }

  /** Throws `clip_not_found`. */
  async get(id: string): Promise<Clip> {
    const clip = await this.#store.clips.find(id);
    if (!clip) throw clipNotFound();
    return clip;
  }

  /** The clip behind a URL. Throws `clip_not_found`, the same for a slug that never was and one rotated away. */
  async getBySlug(slug: string): Promise<Clip> {
    const clip = await this.#store.clips.findBySlug(slug);
    if (!clip) throw clipNotFound();
    return clip;
  }

  list(options: { limit: number; cursor?: string; query?: string }): Promise<ClipPage> {
    return this.#store.clips.list(options);
  }

  /** Newest first. Throws `clip_not_found`. */
  async revisions(id: string): Promise<readonly Revision[]> {
    await this.get(id);
    return this.#store.clips.revisions(id);
  }

  /**
   * Changes what the patch names, all or nothing. SQL or database that differ make a new revision; a frozen clip goes
   * on showing its snapshot until it is frozen anew. `version` refuses with `clip_changed` when the clip is another
   * by now. Throws as `create`, and `clip_not_found`.
   */
  async change(
    id: string,
    patch: ClipPatch,
    options: { version?: number; signal?: AbortSignal } = {},
  ): Promise<Clip> {
    for (let tries = 0; tries < changeTries; tries++) {
      const clip = await this.get(id);
      if (options.version !== undefined && clip.version !== options.version) break;
      const changed = await this.#tryChange(clip, patch, options.signal);
      if (changed) return changed;
    }
    throw new AppError('clip_changed', 'Someone else changed the clip meanwhile. Look at it and try again.');
  }

  async #tryChange(clip: Clip, patch: ClipPatch, signal?: AbortSignal): Promise<Clip | null> {
    const sql = patch.sql ?? clip.sql;
    const database = patch.database ?? clip.database;
    const revised = sql !== clip.sql || database !== clip.database;
    const thawed = patch.mode === 'live';
    const next: Clip = {
      ...clip,
      name: patch.name === undefined ? clip.name : parseName(patch.name),
      sql,
      database,
      mode: thawed ? 'live' : clip.mode,
      snapshotId: thawed ? null : clip.snapshotId,
      retention: patch.retention === undefined ? clip.retention : patch.retention,
      revision: revised ? clip.revision + 1 : clip.revision,
      updatedAt: new Date().toISOString(),
      version: clip.version + 1,
    };
    const revision = revised ? revisionOf(next) : undefined;
    if (patch.mode === 'frozen' && (revised || clip.mode === 'live')) {
      const frozen = (snapshotId: string): Clip => ({ ...next, mode: 'frozen', snapshotId });
      const taken = await this.#snapshots.take(
        next,
        (_, snapshotId) => ({ kind: 'update', clip: frozen(snapshotId), ...(revision ? { revision } : {}) }),
        signal,
      );
      return taken.clip;
    }
    if (revised) await this.#accept(next);
    if (!(await this.#store.clips.update(next, revision))) return null;
    if (patch.retention) await this.#retentions.enforceQuietly(next);
    return next;
  }

  /** Live again; the snapshots stay. Throws `clip_not_found`. */
  thaw(id: string): Promise<Clip> {
    return this.change(id, { mode: 'live' });
  }

  /** A new slug; the old URL is dead at once. Throws `clip_not_found`. */
  async rotate(id: string): Promise<Clip> {
    for (let tries = 0; tries < changeTries; tries++) {
      const clip = await this.get(id);
      const next: Clip = {
        ...clip,
        slug: newSlug(),
        updatedAt: new Date().toISOString(),
        version: clip.version + 1,
      };
      if (await this.#store.clips.update(next)) return next;
    }
    throw new AppError('clip_changed', 'Someone else changed the clip meanwhile. Try again.');
  }

  /** Removes the clip with its revisions and snapshots. Throws `clip_not_found`. */
  async remove(id: string): Promise<void> {
    if (!(await this.#store.clips.remove(id))) throw clipNotFound();
  }

  /** Throws unless Postgres takes the clip's SQL. */
  async #accept(clip: Clip): Promise<void> {
    const database = await this.#databases.getSafe(clip.database);
    await database.describe(clip.sql);
  }
}

function parseName(text: string): string {
  const name = text.trim();
  const problem =
    name === ''
      ? 'Give the clip a name.'
      : name.length > maxNameLength
        ? `The name is longer than ${maxNameLength} characters.`
        : null;
  if (problem)
    throw new AppError('invalid_request', problem, { paths: [{ path: 'name', message: problem }] });
  return name;
}
