/** `/api/clips`: saving, finding, changing and removing clips. */
import { createRoute } from '@hono/zod-openapi';
import { WriteProgress } from '../../services/snapshot-rows.ts';
import { createApi, jsonAnswer, jsonBody, problems, security, withBody, withoutBody } from '../api.ts';
import { toClipJson } from '../clip-json.ts';
import { answerWithEvents, eventsAnswer, wantsEvents } from '../event-stream.ts';
import {
  ClipJson,
  ClipParam,
  ClipPatchBody,
  ClipsJson,
  ClipsQuery,
  NewClipBody,
  RevisionsJson,
} from '../schemas.ts';

const pageSize = 50;
const tags = ['Clips'];
const runProblems = [
  'sql_refused',
  'sql_failed',
  'link_outdated',
  'remote_unavailable',
  'unsafe_login',
  'database_not_found',
  'queue_full',
  'run_deadline',
  'snapshot_too_large',
  'store_full',
] as const;

export const apiClips = createApi();

apiClips.openapi(
  createRoute({
    method: 'post',
    path: '/api/clips',
    tags,
    security,
    summary: 'Save a clip, after Postgres has accepted its SQL',
    middleware: withBody,
    request: { body: jsonBody(NewClipBody) },
    responses: {
      200: eventsAnswer('the clip'),
      201: jsonAnswer('The clip', ClipJson),
      ...problems('invalid_request', 'body_too_large', 'unsupported_media_type', ...runProblems),
    },
  }),
  async (c) => {
    const input = c.req.valid('json');
    const create = async (signal: AbortSignal, progress?: WriteProgress) =>
      toClipJson(c, await c.env.parts.services.clips.create(input, signal, progress));
    if (!wantsEvents(c)) return c.json(await create(c.req.raw.signal), 201);
    return answerWithEvents(c, new WriteProgress(), create) as never;
  },
);

apiClips.openapi(
  createRoute({
    method: 'get',
    path: '/api/clips',
    tags,
    security,
    summary: 'List clips, newest first',
    middleware: withoutBody,
    request: { query: ClipsQuery },
    responses: { 200: jsonAnswer('A page of clips', ClipsJson), ...problems('invalid_request') },
  }),
  async (c) => {
    const { q, cursor, limit = pageSize } = c.req.valid('query');
    const page = await c.env.parts.services.clips.list({
      limit,
      ...(q ? { query: q } : {}),
      ...(cursor ? { cursor } : {}),
    });
    return c.json(
      { clips: await Promise.all(page.clips.map((clip) => toClipJson(c, clip))), next: page.next },
      200,
    );
  },
);

apiClips.openapi(
  createRoute({
    method: 'get',
    path: '/api/clips/{id}',
    tags,
    security,
    summary: 'Get a clip',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 200: jsonAnswer('The clip', ClipJson), ...problems('clip_not_found') },
  }),
  async (c) =>
    c.json(await toClipJson(c, await c.env.parts.services.clips.get(c.req.valid('param').id)), 200),
);

apiClips.openapi(
  createRoute({
    method: 'patch',
    path: '/api/clips/{id}',
    tags,
    security,
    summary: 'Change a clip, all or nothing',
    description:
      'SQL or database that differ make a new revision. A frozen clip goes on showing its snapshot.',
    middleware: withBody,
    request: { params: ClipParam, body: jsonBody(ClipPatchBody) },
    responses: {
      200: jsonAnswer('The clip', ClipJson),
      ...problems(
        'invalid_request',
        'clip_not_found',
        'clip_changed',
        'body_too_large',
        'unsupported_media_type',
        ...runProblems,
      ),
    },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const clip = await c.env.parts.services.clips.change(id, c.req.valid('json'), {
      signal: c.req.raw.signal,
    });
    return c.json(await toClipJson(c, clip), 200);
  },
);

apiClips.openapi(
  createRoute({
    method: 'delete',
    path: '/api/clips/{id}',
    tags,
    security,
    summary: 'Remove a clip, its revisions and its snapshots',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 204: { description: 'It is gone' }, ...problems('clip_not_found') },
  }),
  async (c) => {
    await c.env.parts.services.clips.remove(c.req.valid('param').id);
    return c.body(null, 204);
  },
);

apiClips.openapi(
  createRoute({
    method: 'get',
    path: '/api/clips/{id}/revisions',
    tags,
    security,
    summary: 'List every SQL text of a clip, newest first',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 200: jsonAnswer('The revisions', RevisionsJson), ...problems('clip_not_found') },
  }),
  async (c) => {
    const revisions = await c.env.parts.services.clips.revisions(c.req.valid('param').id);
    return c.json({ revisions: [...revisions] }, 200);
  },
);

apiClips.openapi(
  createRoute({
    method: 'post',
    path: '/api/clips/{id}/rotate',
    tags,
    security,
    summary: 'Give a clip a new URL; the old one is dead at once',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 200: jsonAnswer('The clip', ClipJson), ...problems('clip_not_found', 'clip_changed') },
  }),
  async (c) =>
    c.json(await toClipJson(c, await c.env.parts.services.clips.rotate(c.req.valid('param').id)), 200),
);
