/**
 * Rows that are fetched a number at a time. Reads a bounded number of rows ahead, so that Redis and Postgres work side by
 * side, and no further: a client that stops fetching stops the reading.
 */
import type { OutputRow } from './rows.ts';

const aheadRows = 2000;
const aheadBytes = 1024 * 1024;

type Batch = readonly OutputRow[];

/** Made once: a stack for each cursor takes a part of a lookup that can be measured, and says nothing. */
const cursorClosed = new Error('The cursor is closed.');

function bytesOf(batch: Batch): number {
  let bytes = 0;
  for (const row of batch) for (const cell of row) bytes += cell?.length ?? 0;
  return bytes;
}

export class Cursor {
  readonly #open: (signal: AbortSignal) => AsyncGenerator<Batch>;
  #reading = new AbortController();
  #rows: AsyncGenerator<Batch> | null = null;
  #queue: { batch: Batch; bytes: number }[] = [];
  #queuedRows = 0;
  #queuedBytes = 0;
  /** Of the first batch in the queue: rows that are taken already. */
  #taken = 0;
  #isDone = false;
  #error: unknown = null;
  #isPumping = false;
  #wake: (() => void) | null = null;

  /** `open` starts the reading; its signal ends it. */
  constructor(open: (signal: AbortSignal) => AsyncGenerator<Batch>) {
    this.#open = open;
  }

  /** Starts to read, before anybody asks for a row. */
  start(): void {
    void this.#pump();
  }

  /** The next rows, at least one and at most `max`; null at the end. Throws what the reading threw. */
  async take(max: number): Promise<Batch | null> {
    for (;;) {
      void this.#pump();
      const [first] = this.#queue;
      if (first) return this.#takeFrom(first, max);
      if (this.#error !== null) throw this.#error;
      if (this.#isDone) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #takeFrom({ batch, bytes }: { batch: Batch; bytes: number }, max: number): Batch {
    const rows = batch.slice(this.#taken, this.#taken + max);
    this.#taken += rows.length;
    if (this.#taken >= batch.length) {
      this.#queue.shift();
      this.#taken = 0;
      this.#queuedRows -= batch.length;
      this.#queuedBytes -= bytes;
      void this.#pump();
    }
    return rows;
  }

  /** Reads until enough is there. Never rejects: what goes wrong is kept for `take`. */
  async #pump(): Promise<void> {
    if (this.#isPumping || this.#isDone) return;
    this.#isPumping = true;
    const { signal } = this.#reading;
    try {
      this.#rows ??= this.#open(signal);
      while (!this.#isDone && this.#queuedRows < aheadRows && this.#queuedBytes < aheadBytes) {
        const { value, done } = await this.#rows.next();
        if (signal !== this.#reading.signal) return;
        if (done) this.#isDone = true;
        else this.#add(value);
      }
    } catch (error) {
      if (signal !== this.#reading.signal) return;
      this.#error = error;
      this.#isDone = true;
    } finally {
      if (signal === this.#reading.signal) this.#isPumping = false;
      this.#wake?.();
      this.#wake = null;
    }
  }

  #add(batch: Batch): void {
    if (batch.length === 0) return;
    const bytes = bytesOf(batch);
    this.#queue.push({ batch, bytes });
    this.#queuedRows += batch.length;
    this.#queuedBytes += bytes;
    this.#wake?.();
    this.#wake = null;
  }

  /** Starts again from the first row, as the rows are then. */
  rewind(): void {
    this.close();
    this.#reading = new AbortController();
    this.#rows = null;
    this.#isDone = false;
    this.#isPumping = false;
    this.#error = null;
  }

  /** Ends the reading. May be called more than once. */
  close(reason: unknown = cursorClosed): void {
    const rows = this.#rows;
    this.#isDone = true;
    this.#error ??= reason;
    this.#queue = [];
    this.#queuedRows = this.#queuedBytes = this.#taken = 0;
    this.#reading.abort(reason);
    // Waits for the step that is under way; what that fails with is nobody's any more.
    void rows?.return(undefined).catch(() => undefined);
    this.#wake?.();
    this.#wake = null;
  }
}
