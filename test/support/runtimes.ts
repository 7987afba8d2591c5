/** The same app where it runs: Node in this process and workerd, over one database and one Redis. */
import { fileURLToPath } from 'node:url';
import { createTestHarness } from 'wrangler';
import { openTestServer, type TestServer, testToken } from './server.ts';

export interface Runtime {
  /** A request to a path, without credentials. Follows no redirect. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** What was logged so far. */
  logs(): string;
}

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Starts workerd with these vars, from wrangler.toml; needs the built assets. To be closed. */
export async function openWorkerd(
  vars: Readonly<Record<string, string>>,
): Promise<Runtime & { readonly url: string; close(): Promise<void> }> {
  const harness = createTestHarness({
    root: project,
    workers: [{ configPath: './wrangler.toml', vars: { ...vars } }],
  });
  const { url } = await harness.listen();
  return {
    url: url.origin,
    fetch: (path, init = {}) => fetch(new URL(path, url), { redirect: 'manual', ...init }),
    logs: () => JSON.stringify(harness.getLogs()),
    close: () => harness.close(),
  };
}

/** A call of the authoring API with the token; `body` is sent as JSON. Returns the status and what the answer's JSON says. */
export async function callApi(
  runtime: Pick<Runtime, 'fetch'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<[number, unknown]> {
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const response = await runtime.fetch(path, {
    method,
    headers: { Authorization: `Bearer ${testToken}`, ...type },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return [response.status, text === '' ? null : JSON.parse(text)];
}

export interface BothRuntimes {
  readonly node: Runtime;
  readonly workerd: Runtime & { readonly url: string };
  /** The Node server, with the database that both use. */
  readonly server: TestServer;
  close(): Promise<void>;
}

/** Starts both. */
export async function openBoth(postgresUrl: string, redisUrl: string): Promise<BothRuntimes> {
  const publicUrl = 'https://clips.example.com';
  const server = await openTestServer({ postgresUrl, redisUrl, env: () => ({ PUBLIC_URL: publicUrl }) });
  const workerd = await openWorkerd({
    DATABASE_URL: server.database.readerUrl,
    REDIS_URL: redisUrl,
    API_TOKEN: testToken,
    PUBLIC_URL: publicUrl,
  });
  return {
    node: { fetch: server.fetch, logs: () => server.logged.join('\n') },
    workerd,
    server,
    async close() {
      await workerd.close();
      await server.close();
    },
  };
}
