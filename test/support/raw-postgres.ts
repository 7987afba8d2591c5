/** A client of the PostgreSQL protocol that does as it is told, well or badly: bytes out, messages in. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface RawMessage {
  readonly type: string;
  readonly body: Buffer;
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** A message with its type and length. */
export function rawMessage(type: string, ...parts: readonly (Buffer | string | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? int32(part) : typeof part === 'string' ? Buffer.from(`${part}\0`) : part,
    ),
  );
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

/** A startup packet. */
export const rawStartup = (parameters: Readonly<Record<string, string>>, version = 3 << 16) =>
  rawMessage('', version, ...Object.entries(parameters).flat(), Buffer.alloc(1));

export class RawClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake?.();
    });
    const closed = () => {
      this.#isClosed = true;
      this.#wake?.();
    };
    this.socket.on('error', closed).on('close', closed).on('end', closed);
  }

  send(...messages: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  async #until(ready: () => boolean): Promise<void> {
    while (!ready() && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  /** The next message; null: the server has closed the connection. */
  async next(): Promise<RawMessage | null> {
    const size = () => (this.#bytes.length < 5 ? Number.POSITIVE_INFINITY : this.#bytes.readInt32BE(1) + 1);
    await this.#until(() => this.#bytes.length >= size());
    if (this.#bytes.length < size()) return null;
    const bytes = this.#bytes.subarray(0, size());
    this.#bytes = this.#bytes.subarray(bytes.length);
    return { type: String.fromCharCode(bytes[0] as number), body: bytes.subarray(5) };
  }

  /** Messages up to one of this type, or to the end. */
  async until(type: string): Promise<RawMessage[]> {
    const messages: RawMessage[] = [];
    for (;;) {
      const message = await this.next();
      if (message) messages.push(message);
      if (!message || message.type === type) return messages;
    }
  }

  /** Everything until the server closes. */
  async rest(): Promise<RawMessage[]> {
    return await this.until('');
  }

  /** The one byte that answers a request for encryption. */
  async byte(): Promise<string> {
    await this.#until(() => this.#bytes.length > 0);
    const letter = this.#bytes.toString('latin1', 0, 1);
    this.#bytes = this.#bytes.subarray(1);
    return letter;
  }

  /** Signs in; resolves with the messages up to ReadyForQuery, or to the error. */
  async signIn(user: string, password: string): Promise<RawMessage[]> {
    this.send(rawStartup({ user, database: 'redis' }));
    await this.until('R');
    const bare = 'n=,r=abcdefghijkl';
    const first = Buffer.from(`n,,${bare}`);
    this.send(rawMessage('p', 'SCRAM-SHA-256', first.length, first));
    const challenge = (await this.until('R')).at(-1)?.body.toString('utf8', 4) ?? '';
    const [, nonce = '', salt = '', count = '0'] = /^r=(.*),s=(.*),i=(\d+)$/.exec(challenge) ?? [];
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const withoutProof = `c=biws,r=${nonce}`;
    const storedKey = createHash('sha256').update(clientKey).digest();
    const signature = hmac(storedKey, `${bare},${challenge},${withoutProof}`);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] as number)));
    this.send(rawMessage('p', Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)));
    return await this.until('Z');
  }

  close(): void {
    this.socket.destroy();
  }
}

/** SQLSTATE of an ErrorResponse among the messages; undefined: there is none. */
export function sqlstateOf(messages: readonly RawMessage[]): string | undefined {
  const error = messages.find(({ type }) => type === 'E');
  return error && /\0C([0-9A-Z]{5})\0/.exec(error.body.toString('latin1'))?.[1];
}
