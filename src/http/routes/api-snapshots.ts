/** `/api/clips/:id/…`: freezing and thawing a clip, and its snapshots. */
import { createRoute } from '@hono/zod-openapi';
import { WriteProgress } from '../../services/snapshot-rows.ts';
import { createApi, jsonAnswer, problems, security, withoutBody } from '../api.ts';
import { toClipJson, toSnapshotJson } from '../clip-json.ts';
import { answerWithEvents, eventsAnswer, wantsEvents } from '../event-stream.ts';
import { ClipJson, ClipParam, SnapshotJson, SnapshotParam, SnapshotsJson } from '../schemas.ts';

const tags = ['Snapshots'];

export const apiSnapshots = createApi();

apiSnapshots.openapi(
  createRoute({
    method: 'post',
    path: '/api/clips/{id}/freeze',
    tags,
    security,
    summary: 'Take a snapshot and pin the clip to it',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: {
      200: eventsAnswer('the snapshot'),
      201: jsonAnswer('The snapshot', SnapshotJson),
      ...problems(
        'clip_not_found',
        'sql_refused',
        'sql_failed',
        'link_outdated',
        'remote_unavailable',
        'unsafe_login',
        'queue_full',
        'run_deadline',
        'snapshot_too_large',
        'store_full',
      ),
    },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const { clips, snapshots } = c.env.parts.services;
    const freeze = async (signal: AbortSignal, progress?: WriteProgress) => {
      const { clip, snapshot } = await snapshots.freeze(id, signal, progress);
      return toSnapshotJson(c, clip, snapshot);
    };
    if (!wantsEvents(c)) return c.json(await freeze(c.req.raw.signal), 201);
    // What is not there needs no stream to say so.
    await clips.get(id);
    return answerWithEvents(c, new WriteProgress(), freeze) as never;
  },
);

apiSnapshots.openapi(
  createRoute({
    method: 'post',
    path: '/api/clips/{id}/thaw',
    tags,
    security,
    summary: 'Make a clip live again; its snapshots stay',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 200: jsonAnswer('The clip', ClipJson), ...problems('clip_not_found', 'clip_changed') },
  }),
  async (c) =>
    c.json(await toClipJson(c, await c.env.parts.services.clips.thaw(c.req.valid('param').id)), 200),
);

apiSnapshots.openapi(
  createRoute({
    method: 'get',
    path: '/api/clips/{id}/snapshots',
    tags,
    security,
    summary: 'List the snapshots of a clip, newest first',
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: { 200: jsonAnswer('The snapshots', SnapshotsJson), ...problems('clip_not_found') },
  }),
  async (c) => {
    const { services } = c.env.parts;
    const clip = await services.clips.get(c.req.valid('param').id);
    const snapshots = await services.snapshots.list(clip.id);
    return c.json({ snapshots: snapshots.map((snapshot) => toSnapshotJson(c, clip, snapshot)) }, 200);
  },
);

apiSnapshots.openapi(
  createRoute({
    method: 'delete',
    path: '/api/clips/{id}/snapshots/{snapshotId}',
    tags,
    security,
    summary: 'Remove a snapshot, unless the clip shows it',
    middleware: withoutBody,
    request: { params: SnapshotParam },
    responses: {
      204: { description: 'It is gone' },
      ...problems('clip_not_found', 'snapshot_not_found', 'snapshot_pinned'),
    },
  }),
  async (c) => {
    const { id, snapshotId } = c.req.valid('param');
    await c.env.parts.services.snapshots.remove(id, snapshotId);
    return c.body(null, 204);
  },
);
