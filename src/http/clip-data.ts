/**
 * A clip in a data format as an answer: live or frozen, compressed when the client takes that, and with HEAD its
 * headers after a look whether there would be a body.
 */
import type { Clip } from '../domain/clip.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Format, FormatOptions } from '../formats/format.ts';
import { openBody } from './body.ts';
import { cacheHeaders, digestHeaders, isKnown } from './clip-cache.ts';
import { type Coding, chooseCoding, compress, liveCodings } from './coding.ts';
import { type AppContext, everyClipHeader, everyHeader } from './context.ts';
import { anyOrigin } from './cors.ts';
import { contentDisposition } from './disposition.ts';

/** Formats that browsers show rather than keep. */
const shown = new Set(['json', 'ndjson', 'xml']);

/** What is asked for. */
export interface ClipData {
  readonly clip: Clip;
  /** The snapshot to show, or null to run. */
  readonly snapshot: Snapshot | null;
  /** True at the URL of one snapshot. */
  readonly forEver: boolean;
  readonly format: Format;
  readonly options: FormatOptions;
}

export async function answerClipData(c: AppContext, data: ClipData): Promise<Response> {
  const { clip, snapshot, format, options } = data;
  const stored = snapshot !== null && Object.keys(options).length === 0;
  const coding = codingOf(c, format, stored);
  const given = new URLSearchParams(Object.entries(options).sort()).toString();
  const variant = [format.name, given, coding === 'identity' ? '' : coding];
  const headers: Record<string, string> = { ...anyOrigin, ...cacheHeaders({ ...data, variant }) };
  const byAccept = !c.req.path.endsWith(`.${format.name}`);
  headers.Vary = byAccept ? 'Accept, Accept-Encoding' : 'Accept-Encoding';
  if (isKnown(headers.ETag, c.req.header('If-None-Match'))) return c.body(null, 304, headers);
  headers['Content-Type'] = format.mediaType;
  headers['Content-Disposition'] = contentDisposition(
    shown.has(format.name) ? 'inline' : 'attachment',
    clip.name,
    format.name,
  );
  if (coding !== 'identity') headers['Content-Encoding'] = coding;
  if (c.req.method === 'HEAD') {
    if (!snapshot) await c.env.parts.services.results.check(clip);
    else if (stored) Object.assign(headers, await digestOf(c, snapshot, format, coding));
    return c.body(null, 200, headers);
  }
  return snapshot && stored
    ? answerStored(c, { ...data, snapshot }, coding, headers)
    : answerEncoded(c, data, coding, headers);
}

function codingOf(c: AppContext, format: Format, stored: boolean): Coding {
  if (format.compressed) return 'identity';
  // A snapshot is kept as gzip, and handed out so.
  return chooseCoding(c.req.header('Accept-Encoding'), stored ? ['gzip'] : liveCodings);
}

async function answerStored(
  c: AppContext,
  { clip, snapshot, format, forEver }: ClipData & { snapshot: Snapshot },
  coding: Coding,
  headers: Record<string, string>,
): Promise<Response> {
  const stored = coding === 'gzip' ? 'gzip' : 'identity';
  const { length, bytes, sha256 } = await c.env.parts.services.results.openFrozen(snapshot, format, stored);
  Object.assign(headers, digestHeaders(sha256, coding));
  if (length !== null) headers['Content-Length'] = String(length);
  if (bytes instanceof Uint8Array) {
    // The URL of one snapshot holds whatever the clip does, and its caches need not ask: it is not worth a place.
    if (!forEver) keepHot(c, clip, headers, bytes);
    return c.body(bytes as Uint8Array<ArrayBuffer>, 200, headers);
  }
  return c.body(await openBody(c, bytes), 200, headers);
}

/** What GET would say, as far as that is known without making the bytes. */
async function digestOf(
  c: AppContext,
  snapshot: Snapshot,
  format: Format,
  coding: Coding,
): Promise<Record<string, string>> {
  if (coding !== 'identity') return {};
  return digestHeaders(await c.env.parts.services.results.findFrozenSha256(snapshot, format), coding);
}

function keepHot(c: AppContext, clip: Clip, headers: Record<string, string>, body: Uint8Array): void {
  // What `Accept` chose is no matter of the URL alone.
  if (headers.Vary !== 'Accept-Encoding') return;
  const { pathname, search } = new URL(c.req.url);
  c.env.hotAnswers?.keep(
    { url: pathname + search, acceptEncoding: c.req.header('Accept-Encoding') },
    {
      slug: clip.slug,
      clipId: clip.id,
      version: clip.version,
      snapshotId: clip.snapshotId,
      // As the app sends them: names in lower case, in their order.
      headers: Object.fromEntries(new Headers({ ...everyHeader, ...everyClipHeader, ...headers })),
      body,
    },
  );
}

async function answerEncoded(
  c: AppContext,
  { clip, snapshot, format, options }: ClipData,
  coding: Coding,
  headers: Record<string, string>,
): Promise<Response> {
  const { results } = c.env.parts.services;
  const stop = new AbortController();
  const result = snapshot
    ? results.openSnapshot(snapshot)
    : await results.openLive(clip, {
        nestedJson: format.nestedJson,
        signal: AbortSignal.any([stop.signal, c.req.raw.signal]),
      });
  const body = await openBody(c, compress(format.encode(result, options), coding), () => stop.abort());
  return c.body(body, 200, headers);
}
