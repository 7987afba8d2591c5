/**
 * The server on Cloudflare Workers: the same app, with connections that live as long as one request, since sockets
 * can't cross requests. What is shared between requests is plain data.
 */
import pgParser from '../dist/pg-parser.wasm';
import { openDatabase } from './adapters/postgres/database.ts';
import { openLinkHost } from './adapters/postgres/links/host.ts';
import { WorkersSocket } from './adapters/postgres/workers-socket.ts';
import { openRedisStore } from './adapters/redis/store.ts';
import { parseSettings, type Settings } from './config/settings.ts';
import type { Log, Store } from './domain/ports.ts';
import { createApp } from './http/app.ts';
import type { Parts } from './http/context.ts';
import { createLog } from './http/log.ts';
import { LinkCredentials } from './linking/credentials.ts';
import { openRedisReaders, type RedisReaders } from './linking/redis-readers.ts';
import { remotesWithoutGateway } from './linking/redis-remotes.ts';
import { openParser, type SqlParser } from './reduction/sql-parser.ts';
import type { SeenLogins } from './services/databases.ts';
import { Retentions } from './services/retention.ts';
import { createServices } from './services/services.ts';

/** Vars and bindings, as wrangler.toml names them. */
export interface WorkerEnv {
  readonly HYPERDRIVE?: { readonly connectionString: string };
  readonly [name: string]: unknown;
}

/** What the runtime lends to a request. */
export interface RequestContext {
  waitUntil(work: Promise<unknown>): void;
  passThroughOnException(): void;
  readonly props: never;
}

const app = createApp();
const seenLogins: SeenLogins = new Map();
const log: Log = createLog((line) => console.log(line));

const without = new Map<string, number>();
let parser: SqlParser | undefined;

/** One for the isolate. Two requests may open one each: none waits for what belongs to another. */
async function openSqlParser(): Promise<SqlParser> {
  parser ??= await openParser(pgParser);
  return parser;
}

export default {
  async fetch(request: Request, env: WorkerEnv, context: RequestContext): Promise<Response> {
    let settings: Settings;
    try {
      settings = parseSettings(varsOf(env), 'workers');
    } catch (error) {
      console.error(error instanceof Error ? error.message : error);
      return new Response('pgclip is not configured. The log of the Worker says what is missing.\n', {
        status: 500,
      });
    }
    const { redisUrl, redisDurability: durability } = settings;
    const store = openRedisStore({ url: redisUrl ?? '', durability, perRequest: true });
    const readers = openRedisReaders(settings.remotes, getCredentials(settings.apiToken ?? ''));
    const close = async () => {
      await Promise.all([store.close(), readers.close()]);
    };
    try {
      const parts = openParts(settings, store, readers, context);
      const underWay: Promise<unknown>[] = [];
      const outlive = (work: Promise<unknown>) => void underWay.push(work);
      const answered = Promise.resolve(app.fetch(request, { parts, outlive }, context));
      // What a client that left has begun is still ended well.
      context.waitUntil(answered.catch(() => {}));
      return whenSent(await answered, context, async () => {
        await Promise.allSettled(underWay);
        await close();
      });
    } catch (error) {
      context.waitUntil(close());
      throw error;
    }
  },

  /** A Cron Trigger (see wrangler.toml): removes snapshots that outlived the retention of their clips. */
  async scheduled(_event: unknown, env: WorkerEnv): Promise<void> {
    const { redisUrl } = parseSettings(varsOf(env), 'workers');
    const store = openRedisStore({ url: redisUrl ?? '', perRequest: true });
    try {
      await new Retentions({ store, log }).sweep();
    } finally {
      await store.close();
    }
  },
};

/** Of the last token that was asked for: their key takes long to make, and is made when it is first needed. */
let credentials: { readonly token: string; readonly made: LinkCredentials } | undefined;

function getCredentials(token: string): LinkCredentials {
  if (credentials?.token !== token) credentials = { token, made: new LinkCredentials(token) };
  return credentials.made;
}

/** The vars as an environment; Hyperdrive's address is DATABASE_URL where none is set. */
function varsOf(env: WorkerEnv): Record<string, string> {
  const vars: Record<string, string> = {};
  if (env.HYPERDRIVE) vars.DATABASE_URL = env.HYPERDRIVE.connectionString;
  for (const [name, value] of Object.entries(env)) if (typeof value === 'string') vars[name] = value;
  return vars;
}

function openParts(settings: Settings, store: Store, readers: RedisReaders, context: RequestContext): Parts {
  // Sockets to Redis are open already, and a gateway may be far away or none.
  const redis = { openParser: openSqlParser, findRedis: readers.findRedis, readsItself: true, without };
  const socket = (config: { readonly ssl?: unknown }) => new WorkersSocket(Boolean(config.ssl)) as never;
  const databases = settings.databases.map(({ name, url }) =>
    openDatabase({
      name,
      url,
      queue: { size: settings.poolSize, deadlineMs: settings.queueDeadlineMs },
      runDeadlineMs: settings.queryDeadlineMs,
      perRequest: true,
      socket,
      background: (work) => context.waitUntil(work),
      redis,
      log,
    }),
  );
  const services = createServices({
    store,
    databases,
    allowUnsafeLogin: settings.allowUnsafeLogin,
    snapshotMaxBytes: settings.snapshotMaxBytes,
    log,
    shareRuns: false,
    seenLogins,
    links: {
      hosts: settings.databases.map(({ name, url }) =>
        openLinkHost({ name, ownerUrl: settings.ownerUrls[name] ?? null, clipUrl: url, socket, log }),
      ),
      remotes: settings.databases,
      redisRemotes: remotesWithoutGateway(settings, getCredentials(settings.apiToken ?? '')),
    },
  });
  return { services, apiToken: settings.apiToken ?? '', publicUrl: settings.publicUrl, log };
}

/** The same response; `done` is called once its body is sent, broken off or not wanted any more. */
function whenSent(response: Response, context: RequestContext, done: () => Promise<void>): Response {
  if (!response.body) {
    context.waitUntil(done());
    return response;
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const sent = response.body.pipeTo(writable).catch(() => {});
  context.waitUntil(sent.then(done));
  // Bodies with a Content-Encoding are compressed already; the runtime would do it again.
  const init: ResponseInit & { encodeBody: 'manual' } = {
    status: response.status,
    headers: response.headers,
    encodeBody: 'manual',
  };
  return new Response(readable, init);
}
