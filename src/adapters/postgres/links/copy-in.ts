/**
 * Hands a secret to the server as the data of a COPY: of all ways it is the one that no setting of the server writes
 * into its log. To be given to `client.query`. Source: PostgreSQL manual, "COPY Operations".
 */
import type pg from 'pg';

/** The part of pg's connection that a copy uses. */
interface Connection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

export class CopyIn implements pg.Submittable {
  /** Fulfilled when the server has the data. Rejects with what the server or the connection threw. */
  readonly done: Promise<void>;
  readonly #text: string;
  readonly #data: string;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  /** `text` is a COPY … FROM STDIN, `data` what it reads, in the form that it reads. */
  constructor(text: string, data: string) {
    this.#text = text;
    this.#data = data;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(connection: pg.Connection): void {
    (connection as unknown as Connection).query(this.#text);
  }

  handleCopyInResponse(connection: Connection): void {
    connection.sendCopyFromChunk(Buffer.from(this.#data));
    connection.endCopyFrom();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#resolve();
  }

  handleError(error: unknown): void {
    this.#reject(error);
  }
}
