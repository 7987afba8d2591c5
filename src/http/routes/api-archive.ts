/** `/api/export` and `/api/import`: every clip as one file, out and in again. Both stream. */
import { createRoute, z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { AppError } from '../../domain/errors.ts';
import { createApi, jsonAnswer, problems, security, withoutBody } from '../api.ts';
import { requireAuthor } from '../auth.ts';
import { openBody } from '../body.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { ImportJson, ImportQuery } from '../schemas.ts';

/** Where a body may be of any size. */
export const importPath = '/api/import';

const mediaType = 'application/x-tar';
const tags = ['Archive'];
const file = { content: { [mediaType]: { schema: z.string().openapi({ format: 'binary' }) } } };

/** Refuses a body that does not say it is a tar file, which also keeps forms of other sites out. */
const requireTar = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== mediaType)
    throw new AppError('unsupported_media_type', `Send the archive with Content-Type: ${mediaType}.`);
  await next();
});

export const apiArchive = createApi();

apiArchive.openapi(
  createRoute({
    method: 'get',
    path: '/api/export',
    tags,
    security,
    summary: 'Get every clip with its revisions and snapshots as one file',
    description:
      'A tar file, described in docs/archive-format.md. `X-Archive-Bytes` tells its size, about. The slugs of all clips stand in it: keep it as you keep the API token.',
    middleware: withoutBody,
    responses: {
      200: { description: 'The archive', ...file },
      ...problems('clip_changed', 'snapshot_damaged'),
    },
  }),
  async (c) => {
    const { aboutBytes, chunks } = await c.env.parts.services.archives.export();
    const day = new Date().toISOString().slice(0, 10);
    const headers = {
      'Content-Type': mediaType,
      'Content-Disposition': `attachment; filename="pgclip-${day}.tar"`,
      'X-Archive-Bytes': String(aboutBytes),
    };
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    return c.body(await openBody(c, chunks), 200, headers);
  },
);

apiArchive.openapi(
  createRoute({
    method: 'post',
    path: importPath,
    tags,
    security,
    summary: 'Bring in the clips of such a file',
    description:
      'Clips keep their ids, slugs, revisions and snapshots. Each is there whole or not at all; one that is there already and is not the same is named in `conflicts` and left alone. When the archive turns out to be wrong in its middle, what was imported before stays.',
    middleware: [requireAuthor, requireTar],
    request: { query: ImportQuery, body: { ...file, required: true } },
    responses: {
      200: jsonAnswer('What was imported', ImportJson),
      ...problems(
        'invalid_request',
        'snapshot_too_large',
        'unsupported_media_type',
        'archive_invalid',
        'store_full',
      ),
    },
  }),
  async (c) => {
    const replace = c.req.valid('query').replace === '1';
    const report = await c.env.parts.services.archives.import(readBody(c), replace);
    return c.json({ ...report, conflicts: [...report.conflicts] }, 200);
  },
);

/** The body as it arrives. A client that leaves is an archive that was cut, and no failure of ours. */
async function* readBody(c: AppContext): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = c.req.raw.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    throw new AppError('archive_invalid', 'The upload broke off.', { cause });
  } finally {
    void discard(reader);
  }
}

/**
 * Reads what nobody wants any more, beside the answer: a client that could not get rid of its body would not come to
 * read why. The server closes the connection when that takes long.
 */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client is gone.
  }
}
