/**
 * Slots for runs: so many at once per database, the next ones wait their turn for a bounded time. It knows nothing
 * of connections.
 */
import { AppError } from '../../domain/errors.ts';

export interface QueueLimits {
  /** Runs at once. */
  readonly size: number;
  /** The longest that one waits for its turn. */
  readonly deadlineMs: number;
}

/** A first-come queue of slots. */
export class RunQueue {
  readonly #limits: QueueLimits;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Slots in use now. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes a slot; the returned function gives it back (once; later calls do nothing).
   * Throws `queue_full` after the deadline, `run_cancelled` when the signal is aborted while waiting.
   */
  async take(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) throw cancelled();
    if (this.#taken >= this.#limits.size) await this.#wait(signal);
    else this.#taken++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = this.#waiting.values().next().value;
      // The slot goes over to the next in line without ever being free, so that nobody can jump the queue.
      if (next) next();
      else this.#taken--;
    };
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.#waiting.delete(turn);
        signal?.removeEventListener('abort', abort);
      };
      const turn = () => {
        leave();
        resolve();
      };
      const abort = () => {
        leave();
        reject(cancelled());
      };
      const timer = setTimeout(() => {
        leave();
        reject(
          new AppError('queue_full', 'All connections to the database are busy. Try again in a moment.', {
            retryAfterSeconds: Math.max(1, Math.ceil(this.#limits.deadlineMs / 1000)),
          }),
        );
      }, this.#limits.deadlineMs);
      this.#waiting.add(turn);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}

function cancelled(): AppError {
  return new AppError('run_cancelled', 'Nobody waits for this run any more.');
}
