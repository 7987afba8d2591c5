/** A TCP relay before a real server, to take that server away and bring it back: refused, silent, or as it was. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** Cuts every connection and refuses new ones, as a server that has stopped. */
  stop(): Promise<void>;
  /** Holds back what the server answers on the connections that there are. */
  holdAnswers(): void;
  /** Lets connections through again. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a relay to a port of this machine. */
export async function openRelay(targetPort: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const targets = new Map<Socket, Socket>();
  let port = 0;
  let server: Server | undefined;

  function pass(client: Socket): void {
    const target = connect(targetPort, '127.0.0.1');
    targets.set(target, client);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        targets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.pipe(target).pipe(client);
  }

  async function start(): Promise<void> {
    server = createServer(pass).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }

  async function stop(): Promise<void> {
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  await start();
  return {
    get port() {
      return port;
    },
    stop,
    holdAnswers() {
      for (const [target, client] of targets) target.unpipe(client);
    },
    start,
    close: stop,
  };
}
