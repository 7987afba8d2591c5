/**
 * Freezing on the command line: the progress while the snapshot is taken, Ctrl-C that cancels it, and the truth about
 * the clip when nobody said how it ended.
 */
import {
  eventsMediaType,
  type FreezeProgress,
  type WatchedEnd,
  watchEvents,
} from '../domain/server-events.ts';
import { type Api, type ApiClip, type ApiSnapshot, getApi, type Problem, toApiError } from './api.ts';
import { startFreezeLine } from './progress.ts';
import { CliError, type Output, type Terminal } from './terminal.ts';

/** How long it is looked what became of the clip. */
const lookMs = 5000;

/** What is watched: a call of the API, and how to learn afterwards what came of it. */
interface Watched {
  readonly path: string;
  readonly body: object;
  /** Says what is, as the end of a sentence. */
  look(api: Api): Promise<string>;
}

/** Freezes the clip; `clip` is as it was before. Throws CliError. */
export function watchFreeze(
  terminal: Terminal,
  clip: ApiClip,
  options: { readonly json?: boolean },
): Promise<ApiSnapshot> {
  const look = async (api: Api) => {
    const now = await api.call<ApiClip>('GET', `/clips/${clip.id}`);
    const same = now.snapshot?.id === clip.snapshot?.id;
    return same ? 'the clip is as it was.' : 'the clip shows another snapshot than before.';
  };
  return watch(terminal, { path: `/clips/${clip.id}/freeze`, body: {}, look }, options);
}

/** Saves a clip that is frozen from the start. Throws CliError. */
export function watchCreation(
  terminal: Terminal,
  body: object,
  options: { readonly json?: boolean },
): Promise<ApiClip> {
  const look = async () => 'unless `pgclip clips` lists it, the clip was not saved.';
  return watch(terminal, { path: '/clips', body, look }, options);
}

async function watch<T>(terminal: Terminal, watched: Watched, { json }: { json?: boolean }): Promise<T> {
  const line = startFreezeLine(json ? ({ isTTY: false } as Output) : terminal.stderr);
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
async function follow(
  terminal: Terminal,
  { path, body }: Watched,
  onProgress: (progress: FreezeProgress) => void,
): Promise<WatchedEnd> {
  const api = await getApi(terminal);
  const headers = { accept: eventsMediaType, 'content-type': 'application/json' };
  try {
    const response = await api.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    return await watchEvents(response.body ?? new ReadableStream(), onProgress);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
    return { kind: 'broken' };
  }
}

async function tellTruth(terminal: Terminal, { look }: Watched): Promise<string> {
  try {
    // With a signal of its own: that of the terminal may be what ended the watching.
    return await look(await getApi({ ...terminal, signal: AbortSignal.timeout(lookMs) }));
  } catch {
    return 'the server does not say now what became of the clip; `pgclip show` tells it later.';
  }
}
