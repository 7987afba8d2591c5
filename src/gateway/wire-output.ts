/**
 * Messages to the client, gathered into one buffer and handed to the socket in large pieces, with its back-pressure.
 * Source: PostgreSQL manual, "Message Formats".
 */
import type { Writable } from 'node:stream';
import type { ServerError } from './server-error.ts';

/** What a result's column is called and of which type (pg_type.oid). */
export interface OutputColumn {
  readonly name: string;
  readonly typeOid: number;
}

/** UTF-8, ASCII, or NULL. */
export type OutputCell = Buffer | string | null;

const flushBytes = 64 * 1024;
const shortCell = 32;
const shortAnswer = 1024;
/** What a session holds between its answers. */
const idleBytes = 8 * 1024;

export class WireOutput {
  #socket: Writable;
  #buffer = Buffer.allocUnsafe(idleBytes);
  #length = 0;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Goes on with another socket: the same one, with TLS. */
  useSocket(socket: Writable): void {
    this.#socket = socket;
  }

  /** Whether so much has gathered that it should be sent before more is added. */
  get isFull(): boolean {
    return this.#length >= flushBytes;
  }

  /** Sends what has gathered; resolves when the socket takes more, or is gone. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const bytes = this.#takeBytes();
    if (this.#socket.destroyed || this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const socket = this.#socket;
      const done = () => {
        socket.off('drain', done).off('close', done);
        resolve();
      };
      socket.on('drain', done).on('close', done);
    });
  }

  /** What has gathered, in memory that the socket may keep until it is sent. */
  #takeBytes(): Buffer {
    const length = this.#length;
    const bytes = this.#buffer.subarray(0, length);
    this.#length = 0;
    // Node keeps a pool for short ones; memory of its own for each answer costs more than copying it.
    if (length <= shortAnswer && this.#buffer.length === idleBytes) return Buffer.from(bytes);
    this.#buffer = Buffer.allocUnsafe(length >= flushBytes ? flushBytes * 2 : idleBytes);
    return bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value & 0xffff, this.#length);
  }

  #text(value: string): void {
    this.#reserve(value.length * 3 + 1);
    this.#length += this.#buffer.write(value, this.#length);
    this.#buffer[this.#length++] = 0;
  }

  #bytes(value: Buffer): void {
    const { length } = value;
    this.#reserve(length);
    if (length > shortCell) value.copy(this.#buffer, this.#length);
    else for (let i = 0; i < length; i++) this.#buffer[this.#length + i] = value[i] as number;
    this.#length += length;
  }

  /** A message: its type, then what `body` writes, with the length before it. */
  #message(type: string, body?: () => void): void {
    this.#reserve(5);
    this.#buffer[this.#length] = type.charCodeAt(0);
    const at = this.#length + 1;
    this.#length += 5;
    body?.();
    this.#buffer.writeInt32BE(this.#length - at, at);
  }

  /** A message whose body is ready. */
  raw(type: string, body: Buffer): void {
    this.#message(type, () => this.#bytes(body));
  }

  /** An authentication request; `data` follows its code. */
  authentication(code: number, data = Buffer.alloc(0)): void {
    this.#message('R', () => {
      this.#int32(code);
      this.#bytes(data);
    });
  }

  parameterStatus(name: string, value: string): void {
    this.#message('S', () => {
      this.#text(name);
      this.#text(value);
    });
  }

  backendKey(processId: number, secret: number): void {
    this.#message('K', () => {
      this.#int32(processId);
      this.#int32(secret);
    });
  }

  /** Status `I`: idle, `T`: in a transaction, `E`: in a failed one. */
  readyForQuery(status: 'I' | 'T' | 'E'): void {
    this.#message('Z', () => this.#bytes(Buffer.from(status)));
  }

  commandComplete(tag: string): void {
    this.#message('C', () => this.#text(tag));
  }

  /** ParseComplete `1`, BindComplete `2`, CloseComplete `3`, NoData `n`, EmptyQueryResponse `I`, PortalSuspended `s`. */
  bare(type: '1' | '2' | '3' | 'n' | 'I' | 's'): void {
    this.#message(type);
  }

  parameterDescription(count: number): void {
    this.#message('t', () => {
      this.#int16(count);
      for (let i = 0; i < count; i++) this.#int32(25);
    });
  }

  rowDescription(columns: readonly OutputColumn[]): void {
    this.#message('T', () => {
      this.#int16(columns.length);
      for (const { name, typeOid } of columns) {
        this.#text(name);
        this.#int32(0);
        this.#int16(0);
        this.#int32(typeOid);
        this.#int16(-1);
        this.#int32(-1);
        this.#int16(0);
      }
    });
  }

  dataRow(cells: readonly OutputCell[]): void {
    this.#reserve(7);
    this.#buffer[this.#length] = 0x44;
    const at = this.#length + 1;
    this.#length = this.#buffer.writeUInt16BE(cells.length, this.#length + 5);
    for (const cell of cells) {
      if (cell === null) {
        this.#int32(-1);
        continue;
      }
      const bytes = typeof cell === 'string' ? Buffer.from(cell) : cell;
      this.#int32(bytes.length);
      this.#bytes(bytes);
    }
    this.#buffer.writeInt32BE(this.#length - at, at);
  }

  error(error: ServerError): void {
    this.#message('E', () => {
      const fields = {
        S: error.severity,
        V: error.severity,
        C: error.sqlstate,
        M: error.message,
        H: error.hint,
      };
      for (const [code, value] of Object.entries(fields))
        if (value !== undefined) this.#text(`${code}${value}`);
      this.#bytes(Buffer.alloc(1));
    });
  }

  /** Warnings are notes: the command went on. */
  warning(sqlstate: string, message: string): void {
    this.#message('N', () => {
      for (const field of ['SWARNING', 'VWARNING', `C${sqlstate}`, `M${message}`]) this.#text(field);
      this.#bytes(Buffer.alloc(1));
    });
  }
}
