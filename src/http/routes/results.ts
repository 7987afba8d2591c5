/**
 * `/c/:slug`: what whoever has the URL gets. The slug is the secret; the clip's page and every format of it stand
 * behind it, live, frozen, or one snapshot for ever. Sources: RFC 9110 (Accept, ETag, HEAD), Fetch (CORS).
 */
import { createMiddleware } from 'hono/factory';
import type { Clip } from '../../domain/clip.ts';
import { AppError } from '../../domain/errors.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { type Format, parseFormatOptions } from '../../formats/format.ts';
import { findFormat, formats } from '../../formats/registry.ts';
import { createApi } from '../api.ts';
import { cacheHeaders, isKnown } from '../clip-cache.ts';
import { answerClipData } from '../clip-data.ts';
import { clipUrl, snapshotUrl } from '../clip-json.ts';
import { answerClipPage, parsePage } from '../clip-page.ts';
import { type AppContext, type AppEnv, everyClipHeader } from '../context.ts';
import { anyOrigin } from '../cors.ts';
import { chooseMediaType } from '../negotiate.ts';
import { describeResults } from './results-document.ts';

/** The page, as an offer beside the data formats. */
const page = { name: 'html', mediaType: 'text/html; charset=utf-8' } as const;
type Offer = Format | typeof page;

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

results.use(
  '/c/*',
  createMiddleware<AppEnv>(async (c, next) => {
    for (const [name, value] of Object.entries(everyClipHeader)) c.header(name, value);
    await next();
  }),
);

results.options('/c/*', (c) =>
  c.body(null, 204, {
    ...anyOrigin,
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
  const { offer, ...shown } = asked;
  if (offer !== page) {
    const format = offer as Format;
    return answerClipData(c, { ...shown, format, options: parseFormatOptions(format, query) });
  }
  // The page shows more than the snapshot: whatever of the clip may change is in its tag too.
  const variant = [page.name, String(asked.clip.version), String(parsePage(query))];
  const headers = cacheHeaders({ ...shown, variant });
  if (isKnown(headers.ETag, c.req.header('If-None-Match'))) return c.body(null, 304, headers);
  return answerClipPage(c, pageTarget(c, asked), headers);
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
