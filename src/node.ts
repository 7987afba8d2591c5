/** The server on Node: shared pools, one store, the same app for every request. The command line starts it. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { openEmbeddedStore } from './adapters/embedded/store.ts';
import { openDatabase } from './adapters/postgres/database.ts';
import { openRedisStore } from './adapters/redis/store.ts';
import type { Settings } from './config/settings.ts';
import type { Database, Log, Store } from './domain/ports.ts';
import { createApp } from './http/app.ts';
import type { AppEnv, Parts } from './http/context.ts';
import { HotAnswers } from './http/hot-answers.ts';
import { sendHot } from './http/hot-sender.ts';
import { createServices, type Services } from './services/services.ts';

/** Built assets, in the package that this file is part of, built or not. */
function findPublicDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dir !== dirname(dir)) dir = dirname(dir);
  return join(dir, 'dist', 'public');
}

/** How long requests under way may take to end when the server is told to. */
const closeDeadlineMs = 10_000;
/** How often it is looked whether some have ended. */
const idleCheckMs = 50;

export interface ServerOptions {
  /** `apiToken` must be there: whoever starts the server finds or makes it. */
  readonly settings: Settings;
  readonly log: Log;
}

export interface RunningServer {
  /** Where it listens, e.g. `http://127.0.0.1:3000`. */
  readonly url: string;
  /** Connections to databases that runs hold now. */
  readonly leased: number;
  /** Lets requests under way end, then closes every connection. */
  close(): Promise<void>;
}

/** Starts to serve. Rejects with the error of `listen`, e.g. code EADDRINUSE for a taken port. */
export async function startServer({ settings, log }: ServerOptions): Promise<RunningServer> {
  const { apiToken } = settings;
  if (apiToken === null) throw new Error('The server can not start without an API token.');
  const store = settings.redisUrl
    ? openRedisStore({ url: settings.redisUrl })
    : await openEmbeddedStore({ file: join(settings.dir, 'store.sqlite') });
  const databases = settings.databases.map(({ name, url }) =>
    openDatabase({
      name,
      url,
      queue: { size: settings.poolSize, deadlineMs: settings.queueDeadlineMs },
      runDeadlineMs: settings.queryDeadlineMs,
      perRequest: false,
      log,
    }),
  );
  const services = createServices({
    store,
    databases,
    allowUnsafeLogin: settings.allowUnsafeLogin,
    snapshotMaxBytes: settings.snapshotMaxBytes,
    log,
    shareRuns: true,
  });
  const server = createSite({ services, apiToken, publicUrl: settings.publicUrl, log }, store);
  try {
    server.listen(settings.port, settings.host);
    await once(server, 'listening');
  } catch (error) {
    await closeParts(databases, store);
    throw error;
  }
  void warnOfLogins(services, log);
  return {
    url: urlOf(settings.host, (server.address() as AddressInfo).port),
    get leased() {
      return databases.reduce((sum, database) => sum + database.leased, 0);
    },
    async close() {
      await closeServer(server);
      await closeParts(databases, store);
    },
  };
}

/** The HTTP server over its parts, not yet listening. `store` is the one that the services have. */
export function createSite(parts: Parts, store: Pick<Store, 'clips'>): Server {
  const app = createApp();
  const hotAnswers = new HotAnswers();
  const assets = new Hono<AppEnv>()
    .use('/assets/*', etag(), serveStatic({ root: findPublicDir() }))
    .notFound((c) => app.fetch(c.req.raw, c.env));
  const listener = getRequestListener((request, { outgoing }) => {
    const bindings = { parts, hotAnswers, breakOff: () => void outgoing.destroy() };
    return (new URL(request.url).pathname.startsWith('/assets/') ? assets : app).fetch(request, bindings);
  });
  const hot = { hotAnswers, clips: store.clips, otherwise: listener };
  return createServer((request, response) => {
    if (!sendHot(hot, request, response)) void listener(request, response);
  });
}

/** Says at start which logins run nothing, and why: nobody should find out from a clip. */
async function warnOfLogins(services: Services, log: Log): Promise<void> {
  for (const status of await services.databases.inspectAll()) {
    if (!status.reachable)
      log('warn', 'a database does not answer yet', { database: status.name, cause: status.error });
    for (const problem of status.problems) {
      const effect = problem.level === 'warn' ? 'may do more than it needs' : 'may do more than read';
      log('warn', `the login of a database ${effect}`, { database: status.name, problem: problem.message });
    }
  }
}

function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection that ends its request only now would be kept alive for seconds, for a next one that is not taken.
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, idleCheckMs);
  const force = setTimeout(() => server.closeAllConnections(), closeDeadlineMs);
  await closed;
  clearInterval(idle);
  clearTimeout(force);
}

async function closeParts(databases: readonly Database[], store: Store): Promise<void> {
  await Promise.all([...databases.map((database) => database.close()), store.close()]);
}
