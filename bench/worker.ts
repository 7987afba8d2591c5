/**
 * The Worker in workerd: what its isolate holds while a million rows go through it. The isolate is asked by the
 * inspector; garbage is collected before each question, since locally nothing else makes workerd collect it, and
 * what is left is what the limit of 128 MB is about.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

export interface Worker {
  readonly url: string;
  /** Runs the work; resolves with the most that the isolate held meanwhile, in MB: heap and buffers. */
  peakMb(work: () => Promise<unknown>): Promise<number>;
  stop(): Promise<void>;
}

/** Between two looks at the isolate. */
const lookEveryMs = 200;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts workerd with the built Worker and these vars. */
export async function startWorker(vars: Readonly<Record<string, string>>): Promise<Worker> {
  const root = join(import.meta.dirname, '..');
  const [port, inspectorPort] = [await freePort(), await freePort()];
  const child = spawn(
    join(root, 'node_modules/.bin/wrangler'),
    [
      'dev',
      ...['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', String(inspectorPort)],
      '--show-interactive-dev-session=false',
      ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]),
    ],
    { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('Ready on')) break;
  // What it prints later is not wanted, but it must not fill the pipe.
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  // The isolate comes with its first request.
  await fetch(`${url}/healthz`);
  const inspector = await openInspector(inspectorPort);
  return {
    url,
    async peakMb(work) {
      let peak = 0;
      let over = false;
      const done = work().finally(() => {
        over = true;
      });
      while (!over) {
        await inspector.call('HeapProfiler.collectGarbage');
        const usage = await inspector.call('Runtime.getHeapUsage');
        peak = Math.max(peak, (usage.usedSize ?? 0) + (usage.backingStorageSize ?? 0));
        await Promise.race([done, new Promise((resolve) => setTimeout(resolve, lookEveryMs))]);
      }
      await done;
      return peak / 1e6;
    },
    async stop() {
      inspector.close();
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}

/** Chrome's DevTools protocol, as much of it as is needed. */
async function openInspector(port: number) {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await once(socket, 'open');
  const waiting = new Map<number, (result: Record<string, number>) => void>();
  let id = 0;
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as { id: number; result?: Record<string, number> };
    waiting.get(message.id)?.(message.result ?? {});
    waiting.delete(message.id);
  });
  return {
    call: (method: string) =>
      new Promise<Record<string, number>>((resolve) => {
        waiting.set(++id, resolve);
        socket.send(JSON.stringify({ id, method }));
      }),
    close: () => socket.close(),
  };
}
