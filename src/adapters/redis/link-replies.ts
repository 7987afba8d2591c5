/**
 * Redis's replies out of the bytes of a socket. Bulk strings are views of what arrived, not copies. Far cheaper than a
 * client that makes a command and a promise of each reply. Source: Redis serialization protocol specification, RESP 2.
 */
import { ReplyError } from 'ioredis';

/** A reply of Redis, strings as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

/** No line of RESP 2 that we ask for is longer; an error's message may be long. */
const maxLineBytes = 64 * 1024;
/** SCAN's replies are arrays in an array, those of XRANGE one deeper. */
const maxDepth = 8;

interface OpenArray {
  readonly items: (Reply | Error)[];
  left: number;
}

/** Reads replies, one after the other. Throws for what isn't RESP 2; it can't go on then. */
export class ReplyReader {
  readonly #take: (reply: Reply | Error) => void;
  /** What has arrived of a reply that is not whole, and how much of it is needed before another look. */
  #parts: Buffer[] = [];
  #length = 0;
  #needed = 0;
  readonly #open: OpenArray[] = [];

  /** `take` is given each whole reply; an error is a ReplyError. */
  constructor(take: (reply: Reply | Error) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    // A large value comes in many chunks: they are put together once.
    if (this.#length < this.#needed) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#length);
    const rest = bytes.subarray(this.#read(bytes));
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
  }

  /** Reads what is whole; gives back how many bytes that was. */
  #read(bytes: Buffer): number {
    const { length } = bytes;
    for (let at = 0; ; ) {
      let end = at + 1;
      while (end < length && bytes[end] !== 13) end++;
      if (end + 1 >= length) {
        if (length - at > maxLineBytes) throw new Error('A line of a reply is too long.');
        this.#needed = length - at + 1;
        return at;
      }
      const next = end + 2;
      switch (bytes[at]) {
        case 0x3a: // :
          this.#put(integer(bytes, at + 1, end));
          at = next;
          break;
        case 0x24: {
          // $
          const size = integer(bytes, at + 1, end);
          if (size >= 0 && next + size + 2 > length) {
            this.#needed = next + size + 2 - at;
            return at;
          }
          this.#put(size < 0 ? null : bytes.subarray(next, next + size));
          at = size < 0 ? next : next + size + 2;
          break;
        }
        case 0x2a: {
          // *
          const left = integer(bytes, at + 1, end);
          if (left > 0) this.#open.push({ items: [], left });
          else this.#put(left < 0 ? null : []);
          if (this.#open.length > maxDepth) throw new Error('A reply is too deep.');
          at = next;
          break;
        }
        case 0x2b: // +
          this.#put(bytes.subarray(at + 1, end));
          at = next;
          break;
        case 0x2d: // -
          this.#put(new ReplyError(bytes.toString('utf8', at + 1, end)));
          at = next;
          break;
        default:
          throw new Error('A reply begins with an unknown byte.');
      }
    }
  }

  #put(reply: Reply | Error): void {
    let value = reply;
    for (let top = this.#open.at(-1); top; top = this.#open.at(-1)) {
      top.items.push(value);
      if (--top.left > 0) return;
      this.#open.pop();
      value = top.items as Reply[];
    }
    this.#take(value);
  }
}

function integer(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === 0x2d;
  let value = 0;
  for (let at = isNegative ? from + 1 : from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) throw new Error('A number of a reply is none.');
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}
