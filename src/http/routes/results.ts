/**
 * `/c/:slug`: what whoever has the URL gets. The slug is the secret; the clip's page and every format of it stand
 * behind it, live, frozen, or one snapshot for ever. Sources: RFC 9110 (Accept, ETag, HEAD), Fetch (CORS).
 */
import { createMiddleware } from 'hono/factory';
import type { Clip } from '../../domain/clip.ts';
import { maxNameLength } from '../../domain/clip.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { type Format, type FormatOptions, parseFormatOptions } from '../../formats/format.ts';
import { findFormat, formats } from '../../formats/registry.ts';
import { createApi } from '../api.ts';
import { openBody } from '../body.ts';
import { clipUrl, snapshotUrl } from '../clip-json.ts';
import { answerClipPage, parsePage } from '../clip-page.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { contentDisposition } from '../disposition.ts';
import { chooseMediaType } from '../negotiate.ts';
import { pageHeaders } from '../page.ts';
import { logError } from '../problem.ts';
import { describeResults } from './results-document.ts';

/** The page, as an offer beside the data formats. */
const page = { name: 'html', mediaType: 'text/html; charset=utf-8' } as const;
type Offer = Format | typeof page;

/** Formats that browsers show rather than keep. */
const shown = new Set(['json', 'ndjson', 'xml']);

/** What a URL asks for. */
interface Asked {
  readonly clip: Clip;
  readonly offer: Offer;
  /** The snapshot to show, or null to run. */
  readonly snapshot: Snapshot | null;
  /** True at the URL of one snapshot. */
  readonly forEver: boolean;
}

export const results = createApi();
describeResults(results.openAPIRegistry);

/** Headers of every answer at a clip's URL, errors too. */
const clipHeaders = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  c.header('X-Robots-Tag', 'noindex');
  if (!c.res.headers.get('Content-Type')?.startsWith('text/html')) {
    c.header('Access-Control-Allow-Origin', '*');
    c.header('Access-Control-Expose-Headers', 'Content-Disposition, ETag, Retry-After');
  }
});
results.use('/c/*', clipHeaders);

results.options('/c/*', (c) =>
  c.body(null, 204, {
    Allow: 'GET, HEAD, OPTIONS',
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
    'Access-Control-Allow-Headers': 'Accept, If-None-Match, Cache-Control',
    'Access-Control-Max-Age': '86400',
  }),
);

results.get('/c/:file', async (c) => {
  const { services } = c.env.parts;
  const { stem, offer } = chooseOffer(c, c.req.param('file'));
  const clip = await services.clips.getBySlug(stem);
  const snapshot = clip.mode === 'frozen' ? await services.results.getPinned(clip) : null;
  return answer(c, { clip, offer, snapshot, forEver: false });
});

results.get('/c/:slug/s/:file', async (c) => {
  const { services } = c.env.parts;
  const { stem, offer } = chooseOffer(c, c.req.param('file'));
  const clip = await services.clips.getBySlug(c.req.param('slug'));
  const snapshot = await services.snapshots.get(clip.id, stem);
  return answer(c, { clip, offer, snapshot, forEver: true });
});

/**
 * What stands before the extension, and the format: the extension's, or what the client accepts.
 * Throws `format_not_found`, `not_acceptable`.
 */
function chooseOffer(c: AppContext, file: string): { stem: string; offer: Offer } {
  const dot = file.lastIndexOf('.');
  if (dot >= 0) {
    const name = file.slice(dot + 1);
    const offer = name === page.name ? page : findFormat(name);
    if (offer) return { stem: file.slice(0, dot), offer };
    throw new AppError(
      'format_not_found',
      `A clip can be had as ${[...formats, page].map((each) => `.${each.name}`).join(', ')}.`,
    );
  }
  c.header('Vary', 'Accept');
  const offer = chooseMediaType<Offer>(c.req.header('Accept'), [...formats, page]);
  if (offer) return { stem: file, offer };
  const types = [...formats, page].map((each) => each.mediaType.split(';')[0]);
  throw new AppError('not_acceptable', `A clip can be had as ${types.join(', ')}.`);
}

async function answer(c: AppContext, asked: Asked): Promise<Response> {
  const query = new URL(c.req.url).searchParams;
  const options =
    asked.offer === page
      ? { page: String(parsePage(query)) }
      : parseFormatOptions(asked.offer as Format, query);
  const headers: Record<string, string> = cacheHeaders(asked, options);
  if (headers.ETag && isKnown(headers.ETag, c.req.header('If-None-Match'))) return c.body(null, 304, headers);
  if (asked.offer === page) {
    if (c.req.method === 'HEAD') return head(c, asked, { ...pageHeaders, ...headers });
    return answerClipPage(c, pageTarget(c, asked), headers);
  }
  const format = asked.offer as Format;
  headers['Content-Type'] = format.mediaType;
  headers['Content-Disposition'] = contentDisposition(
    shown.has(format.name) ? 'inline' : 'attachment',
    asked.clip.name.slice(0, maxNameLength),
    format.name,
  );
  if (asked.snapshot && format.name === 'csv' && Object.keys(options).length === 0) {
    headers['Content-Length'] = String(asked.snapshot.bytes);
  }
  if (c.req.method === 'HEAD') return head(c, asked, headers);
  return answerRows(c, asked, { format, options, headers });
}

function pageTarget(c: AppContext, { clip, snapshot, forEver }: Asked) {
  if (!forEver || !snapshot) return { clip, snapshot, url: clipUrl(c, clip) };
  return {
    clip: { ...clip, sql: snapshot.sql, database: snapshot.database, revision: snapshot.revision },
    snapshot,
    url: snapshotUrl(c, clip, snapshot.id),
    clipUrl: clipUrl(c, clip),
  };
}

/** The headers alone, after a look whether there would be a body: a live clip's SQL is checked, not run. */
async function head(c: AppContext, asked: Asked, headers: Record<string, string>): Promise<Response> {
  if (!asked.snapshot) await c.env.parts.services.results.check(asked.clip);
  return c.body(null, 200, headers);
}

async function answerRows(
  c: AppContext,
  asked: Asked,
  wanted: { format: Format; options: FormatOptions; headers: Record<string, string> },
): Promise<Response> {
  const { results: service } = c.env.parts.services;
  const stop = new AbortController();
  const result = asked.snapshot
    ? service.openSnapshot(asked.snapshot)
    : await service.openLive(asked.clip, {
        nestedJson: wanted.format.nestedJson,
        signal: AbortSignal.any([stop.signal, c.req.raw.signal]),
      });
  const body = await openBody(wanted.format.encode(result, wanted.options), {
    onCancel: () => stop.abort(),
    onError: (error) => logError(toAppError(error), c),
  });
  return c.body(body, 200, wanted.headers);
}

/**
 * How long who may keep the answer. A frozen clip's may be kept by any cache, which must ask before it uses it, so
 * that a rotated or deleted URL dies at once.
 */
function cacheHeaders(
  { clip, offer, snapshot, forEver }: Asked,
  options: FormatOptions,
): Record<string, string> {
  if (!snapshot) return { 'Cache-Control': 'no-store' };
  const given = new URLSearchParams(Object.entries(options).sort()).toString();
  // The page shows more than the snapshot: whatever of the clip may change is in its tag too.
  const around = offer === page ? `-${clip.version}` : '';
  return {
    ETag: `"${snapshot.sha256.slice(0, 32)}-${snapshot.id}-${offer.name}${around}${given ? `-${given}` : ''}"`,
    'Cache-Control': forEver ? 'private, max-age=31536000, immutable' : 'public, no-cache',
  };
}

/** Whether the client has it already. Source: RFC 9110, 13.1.2 "If-None-Match". */
function isKnown(etag: string, ifNoneMatch: string | undefined): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === etag);
}
