/**
 * The keys that a SCAN has brought already, since it may bring one more than once. A set of 96-bit fingerprints in typed
 * arrays: 16 to 32 bytes a key. The odds that any of n keys is taken for another one are n²/2^97: 1 in 10^17 for a
 * million, 1 in 10^11 for a billion. The hash is HalfSipHash-1-3 under a random key, so that nobody can choose keys that
 * collide. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", and their reference halfsiphash.c.
 */
import { getRandomValues } from 'node:crypto';
import { RedisLinkError } from '../../domain/redis-link.ts';

/** What all that are in use may take together; one alone may take as much as it needs. */
const maxBytes = 512 * 1024 * 1024;
let bytesInUse = 0;

const initialSlots = 1024;
const maxInitialSlots = 2 ** 22;
/** Lanes of a fingerprint, 32 bits each. */
const lanes = 3;

/** What each lane is told apart by. */
const marks = [0xee, 0xdd, 0xcc] as const;
const finalRounds = 3;

/** The last word: what is left of the bytes, and their length. */
function lastWord(bytes: Buffer, from: number): number {
  let word = bytes.length << 24;
  for (let i = from; i < bytes.length; i++) word |= (bytes[i] as number) << (8 * (i - from));
  return word;
}

/** Writes the lanes. One loop with one copy of the round: calls cost more than the work that they would do. */
function hash(bytes: Buffer, key0: number, key1: number, out: Int32Array): void {
  let v0 = key0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const words = (bytes.length >>> 2) + 1;
  const steps = words + lanes * finalRounds;
  for (let step = 0; step < steps; step++) {
    const final = step - words;
    const at = step * 4;
    let word = 0;
    if (final >= 0) {
      if (final % finalRounds === 0) v2 ^= marks[final / finalRounds] as number;
    } else if (final === -1) word = lastWord(bytes, at);
    else
      word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (final >= 0 && final % finalRounds === finalRounds - 1)
      out[(final + 1 - finalRounds) / finalRounds] = v1 ^ v3;
  }
}

/** A set of byte strings that remembers their fingerprints alone. To be released. */
export class SeenKeys {
  readonly #key = getRandomValues(new Int32Array(2));
  readonly #lanes = new Int32Array(lanes);
  #slots: number;
  #table: Int32Array<ArrayBuffer> = new Int32Array(0);
  #size = 0;

  /** `expected`: about how many there will be. It saves growing; memory that isn't used is not taken from the system. */
  constructor(expected = 0) {
    // A server that is no Redis may answer anything.
    const fitting = expected > 0 ? 2 ** Math.ceil(Math.log2((expected * 4) / 3 + 1)) : 0;
    this.#slots = Math.min(Math.max(fitting, initialSlots), maxInitialSlots);
    this.#table = this.#allocate(this.#slots);
  }

  /** Throws `tooMuch` when others have taken what there is. */
  #allocate(slots: number): Int32Array<ArrayBuffer> {
    const bytes = slots * lanes * 4;
    const isAlone = bytesInUse === this.#table.byteLength;
    if (bytesInUse + bytes > maxBytes && !isAlone)
      throw new RedisLinkError(
        'tooMuch',
        'Too many whole tables of Redis are read at once. Try again in a moment.',
      );
    bytesInUse += bytes;
    return new Int32Array(new ArrayBuffer(bytes, { maxByteLength: bytes }));
  }

  /** Gives its memory back. May be called more than once; nothing can be added any more. */
  release(): void {
    bytesInUse -= this.#table.byteLength;
    // At once: what is merely freed of such a size, malloc keeps.
    if (this.#table.buffer.resizable) this.#table.buffer.resize(0);
    this.#table = new Int32Array(0);
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of memory that the fingerprints take. */
  get byteLength(): number {
    return this.#table.byteLength;
  }

  /** Whether the bytes are new; they are remembered. */
  add(bytes: Buffer): boolean {
    const out = this.#lanes;
    hash(bytes, this.#key[0] as number, this.#key[1] as number, out);
    // A last lane of 0 marks a free slot.
    if (!this.#insert(this.#table, this.#slots, out[0] as number, out[1] as number, out[2] || 1))
      return false;
    this.#size++;
    if (this.#size * 4 > this.#slots * 3) this.#grow();
    return true;
  }

  #insert(table: Int32Array, slots: number, a: number, b: number, c: number): boolean {
    const mask = slots - 1;
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      const at = slot * lanes;
      if (table[at + 2] === 0) {
        table[at] = a;
        table[at + 1] = b;
        table[at + 2] = c;
        return true;
      }
      if (table[at] === a && table[at + 1] === b && table[at + 2] === c) return false;
    }
  }

  #grow(): void {
    const old = this.#table;
    const slots = this.#slots * 2;
    const table = this.#allocate(slots);
    for (let at = 0; at < old.length; at += lanes) {
      const c = old[at + 2] as number;
      if (c !== 0) this.#insert(table, slots, old[at] as number, old[at + 1] as number, c);
    }
    bytesInUse -= old.byteLength;
    old.buffer.resize(0);
    this.#slots = slots;
    this.#table = table;
  }
}
