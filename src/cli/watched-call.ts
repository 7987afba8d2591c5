/**
 * Calls of the API that take long, watched on the command line: how far they are, Ctrl-C that cancels them, and the
 * truth about what became of them when nobody said how they ended.
 */
import { eventsMediaType, type WatchedEnd, watchEvents } from '../domain/server-events.ts';
import { type Api, getApi, type Problem, toApiError } from './api.ts';
import type { WorkLine } from './progress.ts';
import { CliError, type Output, type Terminal } from './terminal.ts';

/** How long it is looked what became of the work. */
const lookMs = 5000;

/** What is watched: a call of the API, and how to learn afterwards what came of it. */
export interface Watched {
  readonly path: string;
  /** Absent: the call takes none. */
  readonly body?: object;
  /** Says what is, as the end of a sentence. */
  look(api: Api): Promise<string>;
  /** The same when the server does not say. */
  readonly unknown: string;
}

/**
 * Makes the call and resolves to what it came to. `start` makes the line that shows how far it is; with `json` there
 * is none. Throws CliError.
 */
export async function watchCall<T, P>(
  terminal: Terminal,
  watched: Watched,
  start: (output: Output) => WorkLine<P>,
  { json }: { readonly json?: boolean },
): Promise<T> {
  const line = start(json ? ({ isTTY: false } as Output) : terminal.stderr);
  const end = await follow(terminal, watched, line.show).finally(line.end);
  if (end.kind === 'done') return end.data as T;
  if (end.kind === 'error') {
    const problem = end.problem as Problem;
    throw toApiError(problem.status ?? 0, problem);
  }
  const truth = await tellTruth(terminal, watched);
  if (!terminal.signal.aborted) throw new CliError(`the connection broke off; ${truth}`);
  terminal.stderr.write(`pgclip: cancelled; ${truth}\n`);
  throw terminal.signal.reason;
}

/** Asks, and follows the work to its end. Throws CliError for what is refused before it begins. */
async function follow<P>(
  terminal: Terminal,
  { path, body }: Watched,
  onProgress: (progress: P) => void,
): Promise<WatchedEnd> {
  const api = await getApi(terminal);
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const init = {
    method: 'POST',
    headers: { accept: eventsMediaType, ...type },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  try {
    const response = await api.fetch(path, init);
    return await watchEvents(response.body ?? new ReadableStream(), onProgress);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    return { kind: 'broken' };
  }
}

async function tellTruth(terminal: Terminal, { look, unknown }: Watched): Promise<string> {
  try {
    // With a signal of its own: that of the terminal may be what ended the watching.
    return await look(await getApi({ ...terminal, signal: AbortSignal.timeout(lookMs) }));
  } catch {
    return unknown;
  }
}
