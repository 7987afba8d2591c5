/**
 * A server of `src/node.ts` in this process, over a database and a store of its own, with what its log said, and small
 * clients for it: one with the API token, one like a browser. It makes no assertion itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSettings } from '../../src/config/settings.ts';
import type { Log } from '../../src/domain/ports.ts';
import { startServer } from '../../src/node.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

/** The API token of every test server. */
export const testToken = 'token-of-the-http-tests-0123456789';

export interface TestServerOptions {
  /** The superuser's URL of the run's cluster (`inject('postgresUrl')`). */
  readonly postgresUrl: string;
  /** The store's Redis, with a database number that no other test uses. Default: the embedded store. */
  readonly redisUrl?: string;
  /** Config vars on top of DATABASE_URL (the reader's), API_TOKEN, PORT and PGCLIP_DIR; `''` takes one away. */
  readonly env?: (database: TestDatabase) => Readonly<Record<string, string>>;
}

/** A clip as the API gives it. */
export interface ClipAnswer {
  readonly id: string;
  readonly slug: string;
  readonly url: string;
  readonly name: string;
  readonly sql: string;
  readonly database: string;
  readonly mode: 'live' | 'frozen';
  readonly revision: number;
  readonly snapshot: SnapshotAnswer | null;
  readonly retention: { readonly last: number } | { readonly days: number } | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface SnapshotAnswer {
  readonly id: string;
  readonly clipId: string;
  readonly revision: number;
  readonly sql: string;
  readonly database: string;
  readonly takenAt: string;
  readonly serverVersion: string;
  readonly durationMs: number;
  readonly rowCount: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly bytes: number;
  readonly sha256: string;
  readonly url: string;
}

/** An answer read to its end. `body` is the parsed JSON, or undefined when it is none. */
export interface ApiAnswer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: T;
}

export interface TestServer {
  readonly url: string;
  readonly database: TestDatabase;
  /** Every line of the server's log, as text. */
  readonly logged: string[];
  /** Connections that runs hold now. */
  readonly leased: number;
  /** A request to a path of the server, or to a whole URL, without credentials. Follows no redirect. */
  fetch(target: string, init?: RequestInit): Promise<Response>;
  /** A call of the authoring API with the token; `body` is sent as JSON. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>>;
  /** Saves a clip. Throws when it is refused. */
  save(clip: {
    name?: string;
    sql: string;
    database?: string;
    mode?: 'live' | 'frozen';
    retention?: ClipAnswer['retention'];
  }): Promise<ClipAnswer>;
  /** Resolves when no run holds a connection any more; rejects after `deadlineMs`. */
  untilIdle(deadlineMs: number): Promise<void>;
  /** Stops the server and removes its database and store. */
  close(): Promise<void>;
}

/** Starts a server with an empty database and an empty store. */
export async function openTestServer(options: TestServerOptions): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-http-'));
  const database = await createTestDatabase(options.postgresUrl);
  const env = {
    DATABASE_URL: database.readerUrl,
    API_TOKEN: testToken,
    PORT: '0',
    PGCLIP_DIR: dir,
    ...(options.redisUrl ? { REDIS_URL: options.redisUrl } : {}),
    ...options.env?.(database),
  };
  const logged: string[] = [];
  const log: Log = (level, message, fields) => logged.push(JSON.stringify({ level, message, ...fields }));
  const server = await startServer({ settings: parseSettings(env, 'node'), log });

  const send = (target: string, init: RequestInit = {}) =>
    fetch(new URL(target, server.url), { redirect: 'manual', ...init });

  async function call<T>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>> {
    const response = await send(path, {
      method,
      headers: {
        Authorization: `Bearer ${testToken}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return readAnswer<T>(response);
  }

  return {
    url: server.url,
    database,
    logged,
    get leased() {
      return server.leased;
    },
    fetch: send,
    call,
    async save(clip) {
      const { status, text, body } = await call<ClipAnswer>('POST', '/api/clips', { name: 'Clip', ...clip });
      if (status !== 201) throw new Error(`The clip was not saved: ${text}`);
      return body;
    },
    untilIdle: (deadlineMs) => waitFor(() => server.leased === 0, deadlineMs),
    async close() {
      await server.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Reads an answer to its end. */
export async function readAnswer<T>(response: Response): Promise<ApiAnswer<T>> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('Content-Type') ?? '');
  const body = (isJson && text !== '' ? JSON.parse(text) : undefined) as T;
  return { status: response.status, headers: response.headers, text, body };
}

/** Looks again and again until the condition holds; rejects after `deadlineMs`. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`It did not come true within ${deadlineMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A visitor with cookies who sends what a browser would with its own pages' forms. */
export class PageVisitor {
  readonly #server: Pick<TestServer, 'fetch' | 'url'>;
  /** The `Cookie` header to send; empty without any. */
  cookie = '';

  constructor(server: Pick<TestServer, 'fetch' | 'url'>) {
    this.#server = server;
  }

  async get(path: string): Promise<ApiAnswer<undefined>> {
    return this.#read(await this.#server.fetch(path, { headers: this.#headers() }));
  }

  /** Submits a form of one of the server's own pages. */
  async submit(path: string, fields: Readonly<Record<string, string>> = {}): Promise<ApiAnswer<undefined>> {
    const headers = { ...this.#headers(), Origin: this.#server.url, 'Sec-Fetch-Site': 'same-origin' };
    const body = new URLSearchParams(fields);
    return this.#read(await this.#server.fetch(path, { method: 'POST', headers, body }));
  }

  async signIn(): Promise<this> {
    await this.submit('/sign-in', { token: testToken });
    return this;
  }

  #headers(): Record<string, string> {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    return { Accept: accept, ...(this.cookie ? { Cookie: this.cookie } : {}) };
  }

  async #read(response: Response): Promise<ApiAnswer<undefined>> {
    const given = response.headers.getSetCookie()[0];
    if (given) this.cookie = /Max-Age=0/i.test(given) ? '' : (given.split(';')[0] ?? '');
    return readAnswer(response);
  }
}
