/**
 * One client's socket: messages in, one at a time, and an output with back-pressure. Reads on while a message is worked
 * on, so that a client that goes away is noticed, but never keeps more than a little of what comes ahead.
 */
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { ServerError, sqlstates } from './server-error.ts';
import { type Message, WireInput } from './wire-input.ts';
import { WireOutput } from './wire-output.ts';

/** What a client may send ahead of the message that is worked on. */
const aheadBytes = 256 * 1024;
/** The longest that what is left to be sent may take at the end. */
const goodbyeMs = 1_000;

type Take = (input: WireInput) => Message | null;

interface Waiter {
  readonly take: Take;
  readonly resolve: (message: Message | null) => void;
  readonly reject: (error: unknown) => void;
}

export class Connection {
  #socket: Socket;
  readonly output: WireOutput;
  readonly #input = new WireInput();
  readonly #gone = new AbortController();
  #waiter: Waiter | null = null;
  #isEncrypted = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.output = new WireOutput(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    this.#listen(socket);
  }

  /** Aborted when the client is gone, or `end` was called. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  #listen(socket: Socket): void {
    socket.on('data', this.#receive);
    socket.on('error', this.#close);
    socket.on('end', this.#close);
    socket.on('close', this.#close);
  }

  readonly #receive = (chunk: Buffer): void => {
    this.#input.push(chunk);
    this.#serve();
    if (!this.#waiter && this.#input.length > aheadBytes) this.#socket.pause();
  };

  readonly #close = (): void => {
    if (!this.#gone.signal.aborted) this.#gone.abort(new Error('The client is gone.'));
    this.#socket.destroy();
    this.#waiter?.resolve(null);
    this.#waiter = null;
  };

  #serve(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    try {
      const message = waiter.take(this.#input);
      if (!message) return;
      this.#waiter = null;
      waiter.resolve(message);
    } catch (error) {
      this.#waiter = null;
      waiter.reject(error);
    }
  }

  #next(take: Take): Promise<Message | null> {
    if (this.#gone.signal.aborted) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiter = { take, resolve, reject };
      this.#serve();
      if (this.#waiter) this.#socket.resume();
    });
  }

  /** The startup packet or one of its like, without its length; null: the client is gone. */
  nextStartup(maxBytes: number): Promise<Message | null> {
    return this.#next((input) => input.takeStartup(maxBytes));
  }

  /** The next message; null: the client is gone. `expect` is told its length before it is taken in, and may throw. */
  nextMessage(maxBytes: number, expect?: (bytes: number) => void): Promise<Message | null> {
    return this.#next((input) => input.takeMessage(maxBytes, expect));
  }

  /** Answers a request for encryption with one letter. */
  async answer(letter: 'S' | 'N'): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.write(letter, () => resolve()));
  }

  /** Goes on under TLS. What came unencrypted ahead of the handshake may be anybody's: it ends the connection. */
  startTls(secureContext: SecureContext): void {
    if (this.#input.length > 0)
      throw new ServerError(sqlstates.protocolViolation, 'received unencrypted data after SSL request', {
        severity: 'FATAL',
      });
    this.#socket.off('data', this.#receive);
    const encrypted = new TLSSocket(this.#socket, { isServer: true, secureContext });
    this.#socket = encrypted;
    this.#isEncrypted = true;
    this.output.useSocket(encrypted);
    this.#listen(encrypted);
  }

  /** Sends what is left and closes. */
  async end(): Promise<void> {
    // A client that doesn't read can't hold it open.
    const deadline = setTimeout(this.#close, goodbyeMs);
    await this.output.flush();
    if (!this.#socket.destroyed) await new Promise<void>((resolve) => this.#socket.end(resolve));
    clearTimeout(deadline);
    this.#close();
  }

  /** Closes at once. */
  destroy(): void {
    this.#close();
  }
}
