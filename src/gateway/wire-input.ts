/**
 * Messages from the client: bytes as they come, cut into messages, with a limit on their length that is checked before
 * anything is kept. Source: PostgreSQL manual, "Message Flow" and "Message Formats".
 */
import { isUtf8 } from 'node:buffer';
import { ServerError, sqlstates } from './server-error.ts';

const violation = (message: string) =>
  new ServerError(sqlstates.protocolViolation, message, { severity: 'FATAL' });

/** A database without an encoding (SQL_ASCII) sends any bytes; what is made of others would be another key. */
function decode(bytes: Buffer): string {
  if (!isUtf8(bytes))
    throw new ServerError(sqlstates.notShown, 'invalid byte sequence for encoding "UTF8"', {
      hint: 'Write bytes that are no text as \\x and lower-case hex.',
    });
  return bytes.toString();
}

/** What a client sent, by its type (one letter; empty: the startup packet and its like, which have none). */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

/** Cuts a stream of bytes into messages. Keeps at most one message and what came with it. */
export class WireInput {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that have to be there before another look is worth it. */
  #needed = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Bytes that no message has been made of. */
  get length(): number {
    return this.#length;
  }

  #head(bytes: number): Buffer {
    const first = this.#chunks[0] as Buffer;
    if (first.length >= bytes || this.#chunks.length === 1) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(bytes: number): Buffer {
    const all = this.#head(bytes);
    this.#chunks[0] = all.subarray(bytes);
    if (all.length === bytes) this.#chunks.shift();
    this.#length -= bytes;
    this.#needed = 0;
    return all.subarray(0, bytes);
  }

  /** The next packet without a type; null: it hasn't come whole. Throws for a length that can't be. */
  takeStartup(maxBytes: number): Message | null {
    if (this.#length < Math.max(4, this.#needed)) return null;
    const length = this.#head(4).readInt32BE(0);
    if (length < 8 || length > maxBytes) throw violation('invalid length of startup packet');
    if (this.#length < length) {
      this.#needed = length;
      return null;
    }
    return { type: '', body: this.#take(length).subarray(4) };
  }

  /**
   * The next message; null: it hasn't come whole. Throws for a length that can't be or is more than `maxBytes`.
   * `expect` is told the length as soon as it is known, and may throw.
   */
  takeMessage(maxBytes: number, expect?: (bytes: number) => void): Message | null {
    if (this.#length < Math.max(5, this.#needed)) return null;
    const head = this.#head(5);
    const length = head.readInt32BE(1);
    if (length < 4 || length > maxBytes) throw violation('invalid message length');
    if (this.#needed === 0) expect?.(length);
    if (this.#length < length + 1) {
      this.#needed = length + 1;
      return null;
    }
    const bytes = this.#take(length + 1);
    return { type: String.fromCharCode(bytes[0] as number), body: bytes.subarray(5) };
  }
}

/** Reads the fields of one message. Throws when they aren't there. */
export class FieldReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (bytes < 0 || at + bytes > this.#body.length) throw violation('insufficient data left in message');
    this.#at += bytes;
    return at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#body.length;
  }

  /** A number of things: up to 65,535. */
  count(): number {
    return this.#body.readUInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.#body.readInt32BE(this.#advance(4));
  }

  bytes(length: number): Buffer {
    const at = this.#advance(length);
    return this.#body.subarray(at, at + length);
  }

  /** A string that a NUL ends. Throws for what is no UTF-8. */
  text(): string {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) throw violation('invalid string in message');
    const text = decode(this.bytes(end - this.#at));
    this.#at++;
    return text;
  }

  /** A length and so many bytes of text; null for the length -1. Throws for what is no UTF-8. */
  value(): string | null {
    const length = this.int32();
    return length === -1 ? null : decode(this.bytes(length));
  }

  rest(): Buffer {
    return this.bytes(this.#body.length - this.#at);
  }
}
