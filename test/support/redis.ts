/** A real redis-server for tests: on a free port of 127.0.0.1, with nothing written to disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Of the bus between the nodes of a cluster; 0 for a server that is in none. */
  readonly clusterPort: number;
  /** The running server; another one after `restart`. */
  readonly process: ChildProcess;
  /** Ends the process and waits until it is gone; may be called more than once. */
  stop(): Promise<void>;
  /** Starts it, empty, on the same port; ends the running one first if there is one. */
  restart(): Promise<void>;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Resolves when the server has said that it takes connections; rejects when it ends before. */
async function untilListening(child: ChildProcess): Promise<void> {
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
      if (/Ready to accept connections|Sentinel ID is/.test(output)) resolve();
    });
    child.once('error', (cause) =>
      reject(
        new Error('The tests need redis-server: install it (Debian: apt-get install redis-server).', {
          cause,
        }),
      ),
    );
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${output}`)));
  });
}

/** The server's answer to one inline command, whatever it is. */
async function ask(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`${command}\r\n`);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer);
}

/** Makes the server a cluster of one, which refuses what touches keys of two slots. */
async function ownAllSlots(port: number): Promise<void> {
  await ask(port, 'CLUSTER ADDSLOTSRANGE 0 16383');
  while (!(await ask(port, 'CLUSTER INFO')).includes('cluster_state:ok')) await delay(20);
}

export interface RedisServerOptions {
  /** Arguments beside our own. */
  readonly args?: readonly string[];
  /** In cluster mode: with all slots, or (`node`) with none yet. */
  readonly cluster?: boolean | 'node';
  /** A Sentinel with this configuration, which it writes to. */
  readonly sentinelConfig?: string;
  /** Over TLS alone, with the files of a certificate and its key. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
}

/** Starts a server; to be stopped. Throws when there is no redis-server. */
export async function startRedis({
  args = [],
  cluster = false,
  sentinelConfig,
  tls,
}: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await findFreePort();
  const folder = await mkdtemp(join(tmpdir(), 'pgclip-redis-'));
  const ownArgs = ['--port', tls ? '0' : String(port), '--bind', '127.0.0.1', '--dir', folder];
  if (tls)
    ownArgs.push(
      ...['--tls-port', String(port), '--tls-auth-clients', 'no'],
      ...['--tls-cert-file', tls.certFile, '--tls-key-file', tls.keyFile, '--tls-ca-cert-file', tls.certFile],
    );
  const clusterPort = cluster ? await findFreePort() : 0;
  if (cluster) ownArgs.push('--cluster-enabled', 'yes', '--cluster-port', String(clusterPort));
  // Each test file has a database of its own.
  else ownArgs.push('--databases', '32');
  const unsaved = ['--save', '', '--appendonly', 'no'];
  const allArgs = sentinelConfig
    ? [sentinelConfig, '--sentinel', ...ownArgs]
    : [...ownArgs, ...unsaved, ...args];

  async function start(): Promise<ChildProcess> {
    await mkdir(folder, { recursive: true });
    const child = spawn('redis-server', allArgs, { stdio: ['ignore', 'pipe', 'pipe'] });
    // A test run that is broken off leaves no server behind.
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.removeListener('exit', end));
    await untilListening(child);
    if (!tls) await ask(port, 'PING');
    if (cluster === true) await ownAllSlots(port);
    return child;
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  let child = await start();
  return {
    url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}`,
    port,
    clusterPort,
    get process() {
      return child;
    },
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
    async restart() {
      await end(child);
      child = await start();
    },
  };
}
