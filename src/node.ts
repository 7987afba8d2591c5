/** The server on Node: shared pools, one store, the same app for every request. The command line starts it. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { openEmbeddedStore } from './adapters/embedded/store.ts';
import { openDatabase } from './adapters/postgres/database.ts';
import { openDirectWay } from './adapters/postgres/links/direct-way.ts';
import { openLinkHost } from './adapters/postgres/links/host.ts';
import { openRedisStore } from './adapters/redis/store.ts';
import { fileScratch } from './adapters/scratch/files.ts';
import type { Settings } from './config/settings.ts';
import { toAppError } from './domain/errors.ts';
import type { Database, Log, Store } from './domain/ports.ts';
import { createApp } from './http/app.ts';
import type { AppEnv, Parts } from './http/context.ts';
import { HotAnswers } from './http/hot-answers.ts';
import { sendHot } from './http/hot-sender.ts';
import { importPath } from './http/routes/api-archive.ts';
import { LinkCredentials } from './linking/credentials.ts';
import { needsGateway } from './linking/gateway-on-demand.ts';
import { openLinking } from './linking/linking.ts';
import { openRedisReaders } from './linking/redis-readers.ts';
import { openSqlParser } from './linking/sql-parser.ts';
import type { Retentions } from './services/retention.ts';
import { createServices, type Services } from './services/services.ts';

/** Built assets, in the package that this file is part of, built or not. */
function findPublicDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dir !== dirname(dir)) dir = dirname(dir);
  return join(dir, 'dist', 'public');
}

/** The longest that the headers of a request, and then its body, may take to come. */
const headersDeadlineMs = 60_000;
const defaultBodyDeadlineMs = 300_000;

/** How long requests under way may take to end when the server is told to. */
const closeDeadlineMs = 10_000;
/** How often it is looked whether some have ended. */
const idleCheckMs = 50;

/** When snapshots that outlived their clips' retention are looked for: first after, and then every so often. */
const firstSweepMs = 60_000;
const sweepEveryMs = 60 * 60 * 1000;

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
    ? openRedisStore({ url: settings.redisUrl, durability: settings.redisDurability })
    : await openEmbeddedStore({ file: join(settings.dir, 'store.sqlite') });
  const readers = openRedisReaders(settings.remotes, new LinkCredentials(apiToken));
  const linking = await openLinking({ ...settings, apiToken }, log).catch(async (error) => {
    await store.close();
    throw error;
  });
  const { gateway } = linking;
  const redis = {
    ...{ openParser: openSqlParser, findRedis: readers.findRedis, readsItself: false },
    without: new Map<string, number>(),
    openGateway: async () => gateway?.openIfPossible(log),
  };
  const direct = openDirectWay({ ...settings, readsAtOnce: settings.poolSize, log });
  const databases = settings.databases.map(({ name, url }) =>
    openDatabase({
      name,
      url,
      queue: { size: settings.poolSize, deadlineMs: settings.queueDeadlineMs },
      runDeadlineMs: settings.queryDeadlineMs,
      perRequest: false,
      redis,
      direct,
      log,
    }),
  );
  const hosts = settings.databases.map(({ name, url }) =>
    openLinkHost({ name, ownerUrl: settings.ownerUrls[name] ?? null, clipUrl: url, log }),
  );
  const services = createServices({
    store,
    databases,
    allowUnsafeLogin: settings.allowUnsafeLogin,
    snapshotMaxBytes: settings.snapshotMaxBytes,
    log,
    shareRuns: true,
    scratch: fileScratch(),
    links: {
      hosts,
      remotes: settings.databases,
      redisRemotes: linking.remotes,
      onSettled: () => void gateway?.settle(() => needsGateway(hosts)),
    },
  });
  const server = createSite({ services, apiToken, publicUrl: settings.publicUrl, log }, store);
  try {
    if (gateway && (await needsGateway(hosts))) await gateway.start();
    server.listen(settings.port, settings.host);
    await once(server, 'listening');
  } catch (error) {
    await linking.close();
    await closeParts(databases, store);
    throw error;
  }
  void warnOfStore(store, log);
  void warnOfLogins(services, log);
  const stopSweeping = startSweeping(services.retentions, log);
  return {
    url: urlOf(settings.host, (server.address() as AddressInfo).port),
    get leased() {
      return databases.reduce((sum, database) => sum + database.leased, direct.leased);
    },
    async close() {
      await stopSweeping();
      await closeServer(server);
      await linking.close();
      await closeParts(databases, store);
      await readers.close();
      await direct.close();
    },
  };
}

/**
 * The HTTP server over its parts, not yet listening. `store` is the one that the services have; `bodyDeadlineMs` is
 * the longest that a body may take to come, but for an import's.
 */
export function createSite(
  parts: Parts,
  store: Pick<Store, 'clips'>,
  bodyDeadlineMs = defaultBodyDeadlineMs,
): Server {
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
  // Node's own deadline knows no exception, and headers have none without it unless they are given one.
  return createServer({ requestTimeout: 0, headersTimeout: headersDeadlineMs }, (request, response) => {
    expectBody(request, bodyDeadlineMs);
    if (!sendHot(hot, request, response)) void listener(request, response);
  });
}

/** Closes the connection of a request whose body does not come in time. An import may take as long as it does. */
function expectBody(request: IncomingMessage, deadlineMs: number): void {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if ((length === '0' && coding === undefined) || isImport(request)) return;
  const timer = setTimeout(() => {
    // One that nobody reads does not end, but it has come.
    if (!request.complete) request.socket.destroy();
  }, deadlineMs).unref();
  const stop = () => clearTimeout(timer);
  request.once('end', stop).once('close', stop);
}

function isImport({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && url.split('?', 1)[0] === importPath;
}

/** Says at start what would lose clips: nobody should find out when they are gone. */
async function warnOfStore(store: Store, log: Log): Promise<void> {
  try {
    const { problems } = await store.health();
    for (const { level, message } of problems) {
      const effect = level === 'loses' ? 'the store may lose clips' : 'the store should be looked at';
      log('warn', effect, { problem: message });
    }
  } catch (error) {
    log('warn', 'the store does not answer yet', { cause: toAppError(error).message });
  }
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

/**
 * Enforces the clips' retention from time to time; what fails is logged and tried again at the next time. Returns what
 * ends it, once a sweep under way has stopped. It keeps no process alive.
 */
export function startSweeping(retentions: Pick<Retentions, 'sweep'>, log: Log): () => Promise<void> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout;
  let underWay: Promise<unknown> = Promise.resolve();
  const sweepAfter = (ms: number) => {
    // Several servers on one store do each other no harm; that they rarely sweep at once saves work.
    timer = setTimeout(sweep, ms * (0.75 + Math.random() / 2)).unref();
  };
  const sweep = () => {
    underWay = retentions
      .sweep(stop.signal)
      .catch((error) => {
        log('warn', 'outlived snapshots could not be looked for', { code: toAppError(error).code });
      })
      .then(() => {
        if (!stop.signal.aborted) sweepAfter(sweepEveryMs);
      });
  };
  sweepAfter(firstSweepMs);
  return async () => {
    stop.abort();
    clearTimeout(timer);
    await underWay;
  };
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
