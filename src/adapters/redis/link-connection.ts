/**
 * The connection that a link reads through. ioredis connects, signs in and chooses the database; then the socket is ours:
 * many commands are written at once and their replies are read without a command object, a promise and a timer for each,
 * which cost twenty times what the work does.
 */
import type { Redis } from 'ioredis';
import { type Reply, ReplyReader } from './link-replies.ts';

/** Strings are ASCII. */
export type Argument = string | number | Buffer;
export type Command = readonly [string, ...Argument[]];

/** The longest silence of a Redis that has been asked something. */
const silenceMs = 10_000;
/** Before an argument: its mark, its length and line ends. */
const overheadBytes = 16;

type Socket = Redis['stream'];

interface Batch {
  readonly commands: readonly Command[];
  readonly replies: (Reply | Error)[];
  resolve(replies: (Reply | Error)[]): void;
  reject(error: Error): void;
}

function encode(commands: readonly Command[]): Buffer {
  let size = 0;
  for (const command of commands) {
    size += overheadBytes;
    for (const each of command) size += overheadBytes + (typeof each === 'number' ? 24 : each.length);
  }
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const command of commands) {
    at += bytes.write(`*${command.length}\r\n`, at, 'latin1');
    for (const each of command) {
      if (Buffer.isBuffer(each)) {
        at += bytes.write(`$${each.length}\r\n`, at, 'latin1');
        at += each.copy(bytes, at);
        bytes[at++] = 13;
        bytes[at++] = 10;
      } else {
        const text = String(each);
        at += bytes.write(`$${text.length}\r\n${text}\r\n`, at, 'latin1');
      }
    }
  }
  return bytes.subarray(0, at);
}

export class LinkConnection {
  readonly #open: () => Redis;
  #redis: Redis | null = null;
  #socket: Socket | null = null;
  #connecting: Promise<Socket> | null = null;
  #waiting: Batch[] = [];
  #lastFailure: Error | undefined;
  #isClosed = false;

  /** `open` makes a client that connects at its first command and, once it has lost its connection, never again. */
  constructor(open: () => Redis) {
    this.#open = open;
  }

  /** Why there was no connection the last time; undefined while there is one. */
  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  /** The replies in the order of the commands, ReplyErrors among them. Throws when there is no connection, or none any more. */
  async ask(commands: readonly Command[]): Promise<(Reply | Error)[]> {
    if (commands.length === 0) return [];
    const socket = this.#socket ?? (await this.#connected());
    if (socket.destroyed) throw new Error('Connection is closed.');
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commands, replies: [], resolve, reject });
      socket.write(encode(commands));
    });
  }

  #connected(): Promise<Socket> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Socket> {
    if (this.#isClosed) throw new Error('Connection is closed.');
    const redis = this.#open();
    this.#redis = redis;
    redis.on('error', (error: Error) => {
      this.#lastFailure = error;
    });
    try {
      // Its reply comes after those of the login: from then on nothing that arrives is ioredis's.
      await redis.dbsize();
    } catch (error) {
      redis.disconnect();
      throw error;
    }
    this.#lastFailure = undefined;
    return this.#take(redis);
  }

  #take(redis: Redis): Socket {
    const socket = redis.stream;
    const reader = new ReplyReader((reply) => this.#answer(reply));
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.setTimeout(silenceMs, () => {
      if (this.#waiting.length > 0) socket.destroy();
    });
    socket.once('close', () => {
      this.#socket = null;
      const lost = this.#waiting;
      this.#waiting = [];
      for (const batch of lost) batch.reject(new Error('Connection is closed.'));
    });
    this.#socket = socket;
    return socket;
  }

  #answer(reply: Reply | Error): void {
    const [batch] = this.#waiting;
    if (!batch) throw new Error('A reply has come that nobody asked for.');
    const { commands, replies } = batch;
    if (reply instanceof Error) {
      const [name] = commands[replies.length] as Command;
      Object.assign(reply, { command: { name } });
    }
    replies.push(reply);
    if (replies.length < commands.length) return;
    this.#waiting.shift();
    batch.resolve(replies);
  }

  close(): void {
    this.#isClosed = true;
    this.#redis?.disconnect();
  }
}
