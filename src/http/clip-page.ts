/**
 * A clip's page, for its owner and for whoever has its URL: some rows of a result set, sent as they come, never the
 * whole of a huge one. A run that fails before its first row is told on the page, where the rows would stand.
 */
import { type ClipFrameProps, ClipProblemPage, type Origin, renderClipPage } from '../../views/clip.tsx';
import type { Clip } from '../domain/clip.ts';
import { AppError, toAppError } from '../domain/errors.ts';
import type { ResultSet } from '../domain/result-set.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { formats } from '../formats/registry.ts';
import { isAuthor } from './auth.ts';
import { openBody } from './body.ts';
import type { AppContext } from './context.ts';
import { html, pageContext, pageHeaders } from './page.ts';
import { logError } from './problem.ts';
import { toRunProblem } from './run-problem.ts';

const pageSize = 100;
/** Behind it a page is not what one looks for: downloads have every row. */
const maxPage = 1_000_000;

/** What the page shows. */
export interface ClipPageTarget {
  readonly clip: Clip;
  /** Absolute, without an extension. */
  readonly url: string;
  /** The snapshot to show instead of running the clip. */
  readonly snapshot: Snapshot | null;
  /** For one snapshot's own page: where the clip is. */
  readonly clipUrl?: string;
  readonly owner?: ClipFrameProps['owner'];
}

/** `?page=` of a URL. Throws `invalid_option`, also for any other option. */
export function parsePage(query: URLSearchParams): number {
  for (const name of query.keys()) {
    if (name !== 'page')
      throw new AppError('invalid_option', 'The page takes the option ?page=, and no other.');
  }
  const text = query.get('page') ?? '1';
  const page = /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 0;
  if (query.getAll('page').length > 1 || page < 1 || page > maxPage) {
    throw new AppError(
      'invalid_option',
      `?page= takes one whole number from 1 to ${maxPage.toLocaleString('en-US')}.`,
    );
  }
  return page;
}

/** Answers with the page; `headers` are added to its own. HEAD gets them after a look at the SQL, without a run. */
export async function answerClipPage(
  c: AppContext,
  target: ClipPageTarget,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const page = parsePage(new URL(c.req.url).searchParams);
  if (c.req.method === 'HEAD') {
    if (!target.snapshot) await c.env.parts.services.results.check(target.clip);
    return c.body(null, 200, { ...pageHeaders, ...headers });
  }
  const frame: ClipFrameProps = {
    ...(await pageContext(c, target.owner !== undefined)),
    clip: target.clip,
    url: target.url,
    formats,
    owner: target.owner,
  };
  const stop = new AbortController();
  const startedMs = performance.now();
  let result: ResultSet;
  try {
    result = await openRows(c, target, page, stop);
  } catch (thrown) {
    const error = toAppError(thrown);
    logError(error, c);
    const problem = toRunProblem(error, target.clip.database, isAuthor(c));
    return html(c, ClipProblemPage({ ...frame, problem }), error.status);
  }
  const total = target.snapshot?.rowCount ?? null;
  const text = renderClipPage(
    {
      ...frame,
      columns: result.columns,
      origin: originOf(target, result, performance.now() - startedMs),
      place: { page, pageSize, total },
    },
    result.batches,
  );
  const body = await openBody(c, encodeText(text), () => stop.abort());
  return c.body(body, 200, { ...pageHeaders, ...headers });
}

function openRows(
  c: AppContext,
  target: ClipPageTarget,
  page: number,
  stop: AbortController,
): Promise<ResultSet> | ResultSet {
  const { results } = c.env.parts.services;
  // One row more than is shown tells whether there is a next page.
  const rows = { offset: (page - 1) * pageSize, limit: pageSize + 1 };
  if (target.snapshot) return results.openSnapshot(target.snapshot, rows);
  return results.openLive(target.clip, { ...rows, signal: AbortSignal.any([stop.signal, c.req.raw.signal]) });
}

function originOf(target: ClipPageTarget, result: ResultSet, tookMs: number): Origin {
  const { snapshot, clipUrl } = target;
  if (!snapshot) return { kind: 'live', ranAt: result.ranAt, tookMs };
  return clipUrl === undefined ? { kind: 'frozen', snapshot } : { kind: 'snapshot', snapshot, clipUrl };
}

async function* encodeText(text: AsyncIterable<string>): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  for await (const part of text) yield encoder.encode(part);
}
