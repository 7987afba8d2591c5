/** HTTP/1.1 by hand, for what `fetch` hides: how an answer ends, and clients that leave or read slowly. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire, until the server closed the connection or the answer was whole. */
export interface RawAnswer {
  readonly status: number;
  /** Lower case. */
  readonly head: string;
  /** Bytes of the body, chunk sizes included. */
  readonly bodyBytes: number;
  /** The last bytes of the body. */
  readonly tail: string;
  /** True when the chunk that ends a body was there. */
  readonly whole: boolean;
}

const lastChunk = '\r\n0\r\n\r\n';

/** Connects and sends a GET request; the socket is paused. To be destroyed. */
export async function sendGet(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Socket> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  const lines = Object.entries({ Host: host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return socket;
}

/** Gets a URL whose answer comes in chunks. */
export async function getRaw(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawAnswer> {
  const socket = await sendGet(url, headers);
  let head = '';
  let bytes = 0;
  let tail = '';
  socket.on('data', (data: Buffer) => {
    bytes += data.length;
    if (!head.includes('\r\n\r\n')) head += data.toString('latin1');
    tail = (tail + data.toString('latin1')).slice(-64);
    if (tail.endsWith(lastChunk)) socket.destroy();
  });
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
  const headLength = head.indexOf('\r\n\r\n') + 4;
  return {
    status: Number(head.slice(9, 12)),
    head: head.slice(0, headLength).toLowerCase(),
    bodyBytes: bytes - headLength,
    tail,
    whole: tail.endsWith(lastChunk),
  };
}

/** Reads at least so many bytes of what comes, and then stops reading. */
export async function readSome(socket: Socket, minBytes: number): Promise<void> {
  let bytes = 0;
  await new Promise<void>((resolve) => {
    const onData = (data: Buffer) => {
      bytes += data.length;
      if (bytes < minBytes) return;
      socket.off('data', onData);
      socket.pause();
      resolve();
    };
    socket.on('data', onData);
    socket.resume();
  });
}

/** A whole answer as it was sent: nothing is decompressed, no header is left out. */
export interface SentAnswer {
  readonly status: number;
  /** In their order; names as they were sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** The value of a header, its name in lower case; undefined when it was not sent. */
  header(name: string): string | undefined;
}

/** Asks on a connection of its own. Rejects when the answer was broken off. */
export async function getSent(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<SentAnswer> {
  const asked = request(url, { method, headers, agent: false }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  const { rawHeaders } = answer;
  const pairs: [string, string][] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    pairs.push([`${rawHeaders[at]}`, `${rawHeaders[at + 1]}`]);
  return {
    status: answer.statusCode ?? 0,
    headers: pairs,
    body: Buffer.concat(await answer.toArray()),
    header: (name) => pairs.find((pair) => pair[0].toLowerCase() === name)?.[1],
  };
}
