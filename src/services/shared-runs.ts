/**
 * One run for all who ask for the same at once: the first starts it, those who come until shortly after its first
 * rows share it. Readers go on together, at most a window apart, so memory does not grow with the rows; one that
 * stands still is dropped, and the run is cancelled when the last reader leaves. It knows nothing of clips or databases.
 */
import { AppError } from '../domain/errors.ts';
import type { ResultSet, Row } from '../domain/result-set.ts';

/**
 * Characters of values kept for readers that are behind. A run that has given out more takes no new readers, since
 * they could not begin at its first row.
 */
const windowCharacters = 1024 * 1024;
/** How long after its first rows a run takes new readers: live must mean live, however slowly someone reads. */
const joinMs = 1000;
/** The longest that a reader may stand still while others wait for it. */
const patienceMs = 10_000;

type Batch = readonly Row[];

/** Runs under way, by what they run. */
export class SharedRuns {
  readonly #runs = new Map<string, SharedRun>();

  /**
   * Joins the run with this key or starts one. `signal` is this reader's alone; `start` gets one that is aborted
   * when no reader is left. Throws what `start` throws, the same to all who wait for it.
   */
  async open(
    key: string,
    start: (signal: AbortSignal) => Promise<ResultSet>,
    signal?: AbortSignal,
  ): Promise<ResultSet> {
    const running = this.#runs.get(key);
    if (running?.joinable) return running.join(signal);
    const run = new SharedRun(start, () => {
      if (this.#runs.get(key) === run) this.#runs.delete(key);
    });
    this.#runs.set(key, run);
    return run.join(signal);
  }
}

class SharedRun {
  /** True once its first rows are gone or it is over. */
  #closed = false;
  #joinableUntilMs = Number.POSITIVE_INFINITY;
  readonly #opened: Promise<ResultSet>;
  readonly #stop = new AbortController();
  readonly #over: () => void;
  readonly #readers = new Set<Reader>();
  #batches: Batch[] = [];
  #characters = 0;
  /** Number of the batch that stands first in `#batches`. */
  #first = 0;
  #ended = false;
  #failure: { error: unknown } | undefined;
  #source: AsyncIterator<Batch> | undefined;
  #pulling: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];

  constructor(start: (signal: AbortSignal) => Promise<ResultSet>, over: () => void) {
    this.#over = over;
    this.#opened = start(this.#stop.signal);
    // Who waits for it handles the failure; without readers nobody is left to be told.
    this.#opened.then(
      () => {
        this.#joinableUntilMs = performance.now() + joinMs;
      },
      () => this.#close(),
    );
  }

  get joinable(): boolean {
    return !this.#closed && performance.now() < this.#joinableUntilMs;
  }

  async join(signal: AbortSignal | undefined): Promise<ResultSet> {
    const reader = new Reader(this);
    this.#readers.add(reader);
    const leave = () => reader.drop(cancelled('Nobody waits for this run any more.'));
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted) leave();
    try {
      const source = await this.#opened;
      reader.isHere();
      this.#source ??= source.batches[Symbol.asyncIterator]();
      return {
        columns: source.columns,
        ranAt: source.ranAt,
        serverVersion: source.serverVersion,
        batches: { [Symbol.asyncIterator]: () => reader },
        close: async () => {
          signal?.removeEventListener('abort', leave);
          reader.leave();
        },
      };
    } catch (error) {
      reader.leave();
      throw error;
    }
  }

  /** The reader's next batch, or null behind the last. Throws what the run threw, or why the reader was dropped. */
  async batch(reader: Reader): Promise<Batch | null> {
    for (;;) {
      if (!reader.isHere()) return null;
      const batch = this.#batches[reader.position - this.#first];
      if (batch) return batch;
      if (this.#failure) throw this.#failure.error;
      if (this.#ended) return null;
      if (!this.joinable && this.#characters >= windowCharacters) {
        await this.#room();
      } else {
        this.#pulling ??= this.#pull();
        await this.#pulling;
      }
    }
  }

  /** Waits until some reader has moved, or drops those that keep the others waiting. */
  async #room(): Promise<void> {
    const timer = setTimeout(() => {
      for (const reader of [...this.#readers]) {
        if (reader.position === this.#first) reader.drop(cancelled('The rows were read too slowly.'));
      }
    }, patienceMs);
    await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    clearTimeout(timer);
  }

  async #pull(): Promise<void> {
    try {
      const next = await this.#source?.next();
      if (!next || next.done) {
        this.#ended = true;
        this.#close();
      } else {
        this.#batches.push(next.value);
        this.#characters += charactersOf(next.value);
        if (this.joinable && this.#characters >= windowCharacters) this.#close();
        this.trim();
      }
    } catch (error) {
      this.#failure = { error };
      this.#close();
    } finally {
      this.#pulling = undefined;
    }
  }

  /** Takes no more readers. */
  #close(): void {
    this.#closed = true;
    this.#over();
  }

  /** Forgets what every reader has had, once nobody new can come. */
  trim(): void {
    if (this.joinable) return;
    let slowest = Number.POSITIVE_INFINITY;
    for (const reader of this.#readers) slowest = Math.min(slowest, reader.position);
    while (this.#first < slowest && this.#batches.length > 0) {
      this.#characters -= charactersOf(this.#batches.shift() as Batch);
      this.#first++;
    }
    this.#wake();
  }

  /** Lets those who wait for room look again. */
  #wake(): void {
    for (const resume of this.#roomWaiters.splice(0)) resume();
  }

  leave(reader: Reader): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size > 0) this.trim();
    else {
      this.#close();
      this.#batches = [];
      this.#stop.abort();
      this.#wake();
      this.#opened.then((source) => source.close()).catch(() => {});
    }
  }
}

/** One reader's place in a shared run. */
class Reader implements AsyncIterator<Batch> {
  position = 0;
  readonly #run: SharedRun;
  #left = false;
  #dropped: AppError | undefined;

  constructor(run: SharedRun) {
    this.#run = run;
  }

  async next(): Promise<IteratorResult<Batch>> {
    try {
      const batch = await this.#run.batch(this);
      if (batch) {
        this.position++;
        this.#run.trim();
        return { done: false, value: batch };
      }
    } catch (error) {
      this.leave();
      throw error;
    }
    this.leave();
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<Batch>> {
    this.leave();
    return { done: true, value: undefined };
  }

  /** Leaves with an error instead of rows, so that what it had never looks whole. */
  drop(reason: AppError): void {
    if (this.#left) return;
    this.#dropped = reason;
    this.leave();
  }

  /** False once it has left. Throws when it was dropped. */
  isHere(): boolean {
    if (this.#dropped) throw this.#dropped;
    return !this.#left;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#run.leave(this);
  }
}

function cancelled(message: string): AppError {
  return new AppError('run_cancelled', message);
}

function charactersOf(batch: Batch): number {
  let characters = 0;
  for (const row of batch) {
    for (const value of row) characters += value === null ? 1 : value.length + 1;
  }
  return characters;
}
