/** Removing the snapshots that a clip's retention does not keep: after a freeze, when it is set, and from time to time. */
import type { Clip } from '../domain/clip.ts';
import { toAppError } from '../domain/errors.ts';
import type { Log, Store } from '../domain/ports.ts';
import { findOutlived } from '../domain/retention.ts';

/** Clips that are looked at in one go. */
const pageSize = 100;

export interface SweepCount {
  /** Clips that have a retention. */
  readonly clips: number;
  /** Snapshots that were removed. */
  readonly removed: number;
}

export class Retentions {
  readonly #store: Pick<Store, 'clips' | 'snapshots'>;
  readonly #log: Log;
  readonly #now: () => number;

  /** `now` gives the time in milliseconds; default: the clock. */
  constructor(options: { store: Pick<Store, 'clips' | 'snapshots'>; log: Log; now?: () => number }) {
    this.#store = options.store;
    this.#log = options.log;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Removes what the clip does not keep, with its encodings; returns how many snapshots that were. Several at once are
   * harmless: what is gone is gone, and the store refuses to remove what the clip shows, whatever is known of it here.
   */
  async enforce({ id, retention }: Pick<Clip, 'id' | 'retention'>): Promise<number> {
    if (retention === null) return 0;
    const snapshots = await this.#store.snapshots.list(id);
    // Asked after the list: a snapshot that is removed can't be had back, so the newest word counts.
    const clip = await this.#store.clips.find(id);
    if (!clip) return 0;
    let removed = 0;
    const rule = { retention: clip.retention, pinnedId: clip.snapshotId, nowMs: this.#now() };
    for (const snapshot of findOutlived(snapshots, rule)) {
      if ((await this.#store.snapshots.remove(id, snapshot.id)) === 'removed') removed++;
    }
    return removed;
  }

  /** As `enforce`, when it is not what was asked for: what fails is logged, and left to the next sweep. */
  async enforceQuietly(clip: Pick<Clip, 'id' | 'retention'>): Promise<number> {
    try {
      return await this.enforce(clip);
    } catch (error) {
      const { code } = toAppError(error);
      this.#log('warn', 'the retention of a clip could not be enforced', { clip: clip.id, code });
      return 0;
    }
  }

  /** Enforces every clip's retention, page by page. Throws what listing the clips throws. */
  async sweep(signal?: AbortSignal): Promise<SweepCount> {
    let clips = 0;
    let removed = 0;
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<Store['clips']['list']>> = await this.#store.clips.list({
        limit: pageSize,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const clip of page.clips) {
        if (signal?.aborted) return { clips, removed };
        if (clip.retention === null) continue;
        clips++;
        removed += await this.enforceQuietly(clip);
      }
      cursor = page.next;
    } while (cursor !== null);
    if (removed > 0) this.#log('info', 'snapshots outlived the retention of their clips', { clips, removed });
    return { clips, removed };
  }
}
