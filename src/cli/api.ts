/**
 * The authoring API as the command line uses it: JSON over fetch, with the token. Turns every failure into one
 * line. Never sends the token to anything but PGCLIP_URL.
 */
import { findToken } from '../config/token.ts';
import type { LinkChange, LinkStatus } from '../domain/data-link.ts';
import type { RedisRead, RemotePart } from '../domain/explanation.ts';
import type { Retention } from '../domain/retention.ts';
import { cleanLines, cleanText } from './table.ts';
import { CliError, type Terminal } from './terminal.ts';

/** A clip, as the API writes it. */
export interface ApiClip {
  readonly id: string;
  readonly slug: string;
  readonly url: string;
  readonly name: string;
  readonly sql: string;
  readonly database: string;
  readonly mode: 'live' | 'frozen';
  readonly revision: number;
  readonly snapshot: ApiSnapshot | null;
  readonly retention: Retention;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A snapshot, as the API writes it. */
export interface ApiSnapshot {
  readonly id: string;
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

/** A database, as the API writes it. */
export interface ApiDatabase {
  readonly name: string;
  readonly reachable: boolean;
  readonly serverVersion: string | null;
  readonly databaseName: string | null;
  readonly login: string | null;
  readonly safe: boolean | null;
  readonly problems: readonly { readonly level: string; readonly message: string }[];
  readonly error: string | null;
}

/** A data link, as the API writes it. */
export interface ApiLink extends LinkStatus {
  /** The tables that the changes are about; null when nobody knows. */
  readonly changedTables: readonly string[] | null;
}

/** What uses a link. */
export interface ApiLinkUses {
  readonly clips: readonly { readonly id: string; readonly name: string; readonly url: string }[];
  readonly dependents: readonly string[];
}

/** What a refresh has changed, or would change. */
export interface ApiRefresh {
  readonly link: ApiLink;
  readonly added: readonly LinkChange[];
  readonly changed: readonly LinkChange[];
  readonly removed: readonly LinkChange[];
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

/** What ran where. */
export interface ApiExplanation {
  readonly summary: readonly string[];
  readonly remoteParts: readonly RemotePart[];
  readonly reductions: readonly RedisRead[];
  readonly rows: number;
  readonly durationMs: number;
  readonly plan: string;
}

/** RFC 9457, with what pgclip adds for SQL. */
export interface Problem {
  readonly status?: number;
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly sqlstate?: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

export interface Api {
  /** Calls `path` (below `/api`) and returns the answer's JSON, undefined for 204. Throws CliError. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** What tells the server who asks: for URLs of its own, nothing for others. */
  credentialsFor(url: URL): Readonly<Record<string, string>>;
  /** Calls `path` with a body and headers of one's own and returns the answer if it is a good one. Throws CliError. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** An API's answer that is a problem. */
export class ApiError extends CliError {
  readonly status: number;
  /** As in docs/errors.md; undefined when it was not pgclip that answered. */
  readonly code: string | undefined;

  constructor(status: number, code: string | undefined, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server's origin, without a trailing slash. Throws CliError when PGCLIP_URL is no URL. */
export function getServerUrl({ env }: Terminal): string {
  const text = env.PGCLIP_URL || 'http://127.0.0.1:3000';
  if (!URL.canParse(text) || !/^https?:/i.test(text))
    throw new CliError('PGCLIP_URL is not an http:// or https:// URL.');
  return text.replace(/\/+$/, '');
}

/** Opens the API of the server at PGCLIP_URL. Throws CliError when there is no token. */
export async function getApi(terminal: Terminal): Promise<Api> {
  const { env, signal } = terminal;
  const server = getServerUrl(terminal);
  const token = env.PGCLIP_TOKEN || env.API_TOKEN || (await findToken(env.PGCLIP_DIR || '.pgclip'));
  if (!token) throw new CliError('there is no token; set PGCLIP_TOKEN to the API_TOKEN of the server.');
  const authorization = `Bearer ${token}`;
  const headers = { authorization, 'content-type': 'application/json' };
  return {
    credentialsFor: (url) => (url.origin === new URL(server).origin ? { authorization } : {}),
    fetch: (path, init = {}) =>
      request(`${server}/api${path}`, { ...init, headers: { ...init.headers, authorization }, signal }),
    async call<T>(method: string, path: string, body?: unknown) {
      const init = { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const response = await request(`${server}/api${path}`, init);
      if (response.status === 204) return undefined as T;
      try {
        return (await response.json()) as T;
      } catch {
        throw new CliError(`${server} answers, but not as pgclip does; see PGCLIP_URL.`);
      }
    },
  };
}

/** Fetches and returns the answer if it is a good one. Throws CliError, ApiError for a bad one. */
export async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new CliError(`no pgclip answers at ${new URL(url).origin}${reasonOf(error)}.`);
  }
  if (response.ok) return response;
  const type = response.headers.get('content-type') ?? '';
  const problem = type.includes('json') ? ((await response.json().catch(() => ({}))) as Problem) : {};
  throw toApiError(response.status, problem);
}

/** The error of a problem. */
export function toApiError(status: number, problem: Problem): ApiError {
  return new ApiError(status, problem.code, describeProblem(status, problem));
}

function reasonOf(error: unknown): string {
  const code = (error as { cause?: { code?: string } }).cause?.code;
  return code ? ` (${code})` : '';
}

/** A problem as one line: what, where, and the hint. */
function describeProblem(status: number, problem: Problem): string {
  const what = problem.detail ?? problem.title ?? `the server answered with status ${status}`;
  const place = [
    problem.line === undefined ? '' : `line ${problem.line}, column ${problem.column ?? 1}`,
    problem.sqlstate === undefined ? '' : `SQLSTATE ${problem.sqlstate}`,
  ]
    .filter(Boolean)
    .join(', ');
  const more = [
    problem.hint === undefined ? '' : `Hint: ${problem.hint}`,
    // What is wrong with the only field may be all that the detail says.
    ...(problem.errors ?? [])
      .filter(({ message }) => !what.includes(message))
      .map(({ path, message }) => `${path || 'body'}: ${message}`),
    status === 401 ? 'See PGCLIP_TOKEN.' : '',
  ];
  // Lines of SQL for an administrator stay lines, to be copied.
  if (problem.code === 'owner_lacks_rights') return cleanLines(what);
  const sentence = `${what.replace(/\.$/, '')}${place === '' ? '' : ` (${place})`}.`;
  return cleanText([sentence, ...more].filter(Boolean).join(' '));
}
