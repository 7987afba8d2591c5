/** A server that speaks Redis's protocol and answers whatever a test wants, however wrong. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface FakeRedis {
  readonly url: string;
  /** How many connections there have been. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

/** The bytes to answer a command with; null: none, ever. `cut`: then the connection is closed. */
export type Answer = (command: readonly string[]) => string | null | { readonly cut: string };

/** The whole commands at the begin of the bytes, and what is left. */
function takeCommands(bytes: string): { commands: string[][]; rest: string } {
  const commands: string[][] = [];
  let rest = bytes;
  for (;;) {
    const head = /^\*(\d+)\r\n/.exec(rest);
    if (!head) return { commands, rest };
    let at = head[0].length;
    const command: string[] = [];
    for (let i = 0; i < Number(head[1]); i++) {
      const size = /^\$(\d+)\r\n/.exec(rest.slice(at, at + 20));
      if (!size) return { commands, rest };
      const start = at + size[0].length;
      const end = start + Number(size[1]);
      if (rest.length < end + 2) return { commands, rest };
      command.push(rest.slice(start, end));
      at = end + 2;
    }
    commands.push(command);
    rest = rest.slice(at);
  }
}

/** Starts it; to be closed. */
export async function startFakeRedis(answer: Answer): Promise<FakeRedis> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount++;
    sockets.add(socket);
    let bytes = '';
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      const { commands, rest } = takeCommands(bytes + chunk.toString('latin1'));
      bytes = rest;
      for (const command of commands) {
        const reply = answer(command);
        if (typeof reply === 'string') socket.write(reply, 'latin1');
        else if (reply) socket.end(reply.cut, 'latin1');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connectionCount() {
      return connectionCount;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
