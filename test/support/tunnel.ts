/** A way to a server that a test can make go dead: nothing passes, and neither end is told. */
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Tunnel {
  readonly url: string;
  /** Bytes that went into a connection after it was silenced. */
  readonly swallowed: number;
  /** The connections that there are pass nothing on any more; new ones do. */
  silence(): void;
  close(): Promise<void>;
}

/** Opens a way to the server of a URL; to be closed. */
export async function openTunnel(target: URL): Promise<Tunnel> {
  const sockets = new Set<Socket>();
  const pairs = new Set<[Socket, Socket]>();
  let swallowed = 0;
  const server: Server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    pairs.add([near, far]);
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.pipe(far).on('close', () => near.destroy());
    far.pipe(near).on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(target);
  url.port = String(typeof address === 'object' ? address?.port : '');
  return {
    url: url.href,
    get swallowed() {
      return swallowed;
    },
    silence() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.on('data', (data) => {
          swallowed += data.length;
        });
        near.resume();
      }
      pairs.clear();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
