/**
 * What the statements of all sessions may take together, and when. A message is counted from its first bytes, before it
 * is taken in, until the end of its transaction: cursors keep what they were asked for. Large ones are worked on one at a
 * time: an array of a million keys takes a second, in which nobody else is served and no answer of Redis is seen.
 */
import { ServerError, sqlstates } from './server-error.ts';

/** What has to wait for its turn: it takes some ten milliseconds. */
const largeBytes = 1024 * 1024;

/** What all sessions share. */
export class MemoryBudget {
  #left: number;
  #turn = Promise.resolve();

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** Takes so much of it. Throws, ending the session, when there is not so much left. */
  take(bytes: number): void {
    if (bytes > this.#left)
      throw new ServerError(sqlstates.outOfMemory, 'too much is asked for at once', {
        severity: 'FATAL',
        hint: 'Ask for fewer keys, or again when other queries have ended.',
      });
    this.#left -= bytes;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }

  /** Resolves when a message of this length may be worked on; between two large ones others are looked after. */
  async waitForTurn(bytes: number): Promise<void> {
    if (bytes < largeBytes) return;
    this.#turn = this.#turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    await this.#turn;
  }
}

/** What one session has taken of it. */
export class MemoryShare {
  readonly #budget: MemoryBudget;
  #taken = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Counts a message of this length. Throws as `MemoryBudget.take`. */
  readonly take = (bytes: number): void => {
    this.#budget.take(bytes);
    this.#taken += bytes;
  };

  /** Gives back all but so much of it, which outlives the transaction: prepared statements. */
  giveBackBut(kept: number): void {
    this.#budget.giveBack(this.#taken - kept);
    this.#taken = kept;
  }
}
