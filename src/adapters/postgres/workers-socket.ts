/**
 * The socket of a connection in Cloudflare Workers: pg's own there, with the pause that back-pressure needs. Its
 * `_listen` is pg-cloudflare's reading loop, which the lock file pins; here it waits while nobody wants data.
 */
import type { EventEmitter } from 'node:events';
import * as pgCloudflare from 'pg-cloudflare';

/** The parts of pg-cloudflare's socket that are used here; outside of workerd its package is empty. */
interface PlainSocket extends EventEmitter {
  destroy(reason: string): this;
}

const { CloudflareSocket } = pgCloudflare as unknown as {
  CloudflareSocket: new (ssl: boolean) => PlainSocket;
};

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array }>;
}

export class WorkersSocket extends CloudflareSocket {
  #resume: (() => void) | undefined;
  #resumed: Promise<void> | undefined;

  pause(): this {
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
    return this;
  }

  resume(): this {
    this.#resume?.();
    this.#resume = undefined;
    this.#resumed = undefined;
    return this;
  }

  /** Called by the socket once it is connected. */
  async _listen(): Promise<void> {
    const reader = (this as unknown as { _cfReader: Reader })._cfReader;
    for (;;) {
      await this.#resumed;
      const { done, value } = await reader.read();
      if (done || !value) break;
      this.emit('data', Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    }
    // The server closed the connection: pg has to hear of it even while nothing is being written.
    this.emit('end');
    this.emit('close');
  }

  /** A run that is waiting for more data would never end otherwise. */
  override destroy(reason = ''): this {
    this.resume();
    return super.destroy(reason);
  }
}
