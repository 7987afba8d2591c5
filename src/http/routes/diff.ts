/** `/api/clips/:id/snapshots/:a/diff/:b`: what changed between two snapshots of a clip, as JSON and CSV. */
import { AppError, type ErrorCode } from '../../domain/errors.ts';
import { csvDiff } from '../../services/diff/csv.ts';
import { type DiffFormat, encodeDiff } from '../../services/diff/encode.ts';
import { jsonDiff } from '../../services/diff/json.ts';
import { createApi, jsonAnswer, problems, security } from '../api.ts';
import { requireAuthor } from '../auth.ts';
import { openBody } from '../body.ts';
import { toSnapshotJson } from '../clip-json.ts';
import { chooseCoding, compress, liveCodings } from '../coding.ts';
import type { AppContext } from '../context.ts';
import { parseDiffKey } from '../diff-key.ts';
import { contentDisposition } from '../disposition.ts';
import { chooseMediaType } from '../negotiate.ts';
import { DiffJson, DiffParam, DiffQuery } from '../schemas.ts';

const formats: readonly DiffFormat[] = [jsonDiff, csvDiff];

export const apiDiff = createApi();

const path = '/api/clips/{id}/snapshots/{a}/diff/{b}';
const inJson = jsonAnswer('The changes', DiffJson);
const inCsv = { description: 'The changes', content: { [csvDiff.mediaType]: { schema: {} } } };
const inEither = { ...inJson, content: { ...inJson.content, ...inCsv.content } };
const refusals: ErrorCode[] = [
  'invalid_option',
  'clip_not_found',
  'snapshot_not_found',
  'format_not_found',
  'diff_too_large',
  'key_not_unique',
  'value_not_representable',
  'snapshot_damaged',
];

// The extension stands within the last part of the path: one route answers what the document has as three.
for (const { tail, as, answer } of [
  { tail: '', as: 'as the Accept header asks', answer: inEither },
  { tail: '.json', as: 'as JSON', answer: inJson },
  { tail: '.csv', as: 'as CSV', answer: inCsv },
]) {
  apiDiff.openAPIRegistry.registerPath({
    method: 'get',
    path: path + tail,
    tags: ['Snapshots'],
    security,
    summary: `What changed from snapshot a to snapshot b, ${as}`,
    request: { params: DiffParam, query: DiffQuery },
    responses: { 200: answer, ...problems(...refusals, ...(tail === '' ? ['not_acceptable' as const] : [])) },
  });
}

apiDiff.get('/api/clips/:id/snapshots/:a/diff/:b', requireAuthor, (c) => {
  const { id, a, b } = c.req.param();
  return answerDiff(c, id, a, b);
});

async function answerDiff(c: AppContext, id: string, a: string, file: string): Promise<Response> {
  const { clips, snapshots, diffs } = c.env.parts.services;
  const { stem, format } = chooseFormat(c, file);
  const key = parseDiffKey(new URL(c.req.url).searchParams);
  const clip = await clips.get(id);
  const [from, to] = await Promise.all([snapshots.get(id, a), snapshots.get(id, stem)]);
  const coding = chooseCoding(c.req.header('Accept-Encoding'), liveCodings);
  const headers: Record<string, string> = {
    Vary: stem === file ? 'Accept, Accept-Encoding' : 'Accept-Encoding',
    'Content-Type': format.mediaType,
    'Content-Disposition': contentDisposition(
      format === jsonDiff ? 'inline' : 'attachment',
      `${clip.name} changes`,
      format.name,
    ),
    ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
  };
  if (c.req.method === 'HEAD') {
    diffs.check(from, to, key);
    return c.body(null, 200, headers);
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, c.req.raw.signal]);
  const opened = await diffs.open(from, to, { key, signal });
  const bytes = encodeDiff(opened, format, (snapshot) => toSnapshotJson(c, clip, snapshot));
  return c.body(await openBody(c, compress(bytes, coding), () => stop.abort()), 200, headers);
}

/**
 * What stands before the extension, and the format: the extension's, or what the client accepts.
 * Throws `format_not_found`, `not_acceptable`.
 */
function chooseFormat(c: AppContext, file: string): { stem: string; format: DiffFormat } {
  const dot = file.lastIndexOf('.');
  if (dot >= 0) {
    const format = formats.find(({ name }) => name === file.slice(dot + 1));
    if (format) return { stem: file.slice(0, dot), format };
    throw new AppError('format_not_found', 'A comparison can be had as .json and .csv.');
  }
  const format = chooseMediaType(c.req.header('Accept'), formats);
  if (format) return { stem: file, format };
  throw new AppError('not_acceptable', 'A comparison can be had as application/json and text/csv.');
}
