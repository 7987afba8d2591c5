/**
 * `COPY (…) TO STDOUT` on a pg client, as text that is read as fast as it is asked for and no faster. Sent in the
 * extended protocol, in which Postgres parses one statement and no more. Owns neither connection nor transaction.
 * Source: PostgreSQL manual, "Message Flow", "COPY Operations".
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import { AppError } from '../../domain/errors.ts';

/** Text is handed on in pieces of about this size; less when the server pauses. */
const pieceBytes = 64 * 1024;
/** Pieces ready beyond which the socket is paused. */
const readyPieces = 2;

/** The part of pg's connection that a copy uses. */
interface Connection {
  readonly stream: Duplex;
  parse(query: { text: string }): void;
  bind(config: object): void;
  execute(config: object): void;
  sync(): void;
  once(event: 'copyOutResponse', listener: () => void): void;
  off(event: 'copyOutResponse', listener: () => void): void;
}

/** A running copy; give it to `client.query`, then iterate `texts`. */
export class CopyOut implements pg.Submittable {
  readonly #text: string;
  readonly #onBegun: () => void;
  #connection: Connection | undefined;
  #piece = Buffer.allocUnsafe(pieceBytes * 2);
  #length = 0;
  #flushing = false;
  #ready: string[] = [];
  #paused = false;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  /** `onBegun` is called when the server has planned the query and begins to run it. */
  constructor(text: string, onBegun: () => void = () => {}) {
    this.#text = text;
    this.#onBegun = onBegun;
  }

  /** Whole lines in order. Throws what the server or the connection threw. To be iterated once, to its end or not. */
  async *texts(): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const text = this.#ready.shift();
      if (text !== undefined) {
        if (this.#paused && this.#ready.length < readyPieces) {
          this.#paused = false;
          this.#connection?.stream.resume();
        }
        yield text;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  submit(connection: pg.Connection): void {
    this.#connection = connection as unknown as Connection;
    this.#connection.once('copyOutResponse', this.#onBegun);
    this.#connection.parse({ text: this.#text });
    this.#connection.bind({});
    this.#connection.execute({});
    this.#connection.sync();
  }

  /** pg's parser reuses its buffer, so the bytes are copied out at once. */
  handleCopyData(message: { chunk: Buffer }): void {
    const { chunk } = message;
    if (this.#ended) return;
    if (this.#length + chunk.length > this.#piece.length) this.#flush();
    if (chunk.length > this.#piece.length) this.#push(chunk);
    else {
      chunk.copy(this.#piece, this.#length);
      this.#length += chunk.length;
      if (this.#length >= pieceBytes) this.#flush();
    }
    if (!this.#flushing) {
      // What came with one read of the socket goes on together and without waiting for more.
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
  }

  handleError(error: unknown): void {
    this.#end(error);
  }

  handleReadyForQuery(): void {
    this.#flush();
    this.#end(undefined);
  }

  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyInResponse(): void {}

  #flush(): void {
    if (this.#length === 0 || this.#ended) return;
    const length = this.#length;
    this.#length = 0;
    this.#push(this.#piece.subarray(0, length));
  }

  #push(bytes: Buffer): void {
    try {
      // The server has checked that it is UTF-8, also where the database is in SQL_ASCII.
      this.#ready.push(bytes.toString('utf8'));
    } catch (error) {
      // Thrown from here it would be nobody's: pg calls from the socket's event.
      this.#end(tooLong(error));
      return;
    }
    if (!this.#paused && this.#ready.length >= readyPieces) {
      this.#paused = true;
      this.#connection?.stream.pause();
    }
    this.#notify();
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#connection?.off('copyOutResponse', this.#onBegun);
    // The connection goes on to serve others: never leave it paused.
    if (this.#paused) this.#connection?.stream.resume();
    this.#paused = false;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function tooLong(cause: unknown): AppError {
  return new AppError(
    'value_not_representable',
    'A row is longer than about 500 MB, more than can be passed on. Select less of it.',
    { cause },
  );
}
