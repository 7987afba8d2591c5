/** `/api/run`: runs SQL without saving it. */
import { createRoute } from '@hono/zod-openapi';
import { jsonRowEncoder } from '../../formats/json-value.ts';
import { createApi, jsonAnswer, jsonBody, problems, security, withBody } from '../api.ts';
import { RunBody, RunJson } from '../schemas.ts';

export const apiRun = createApi();

apiRun.openapi(
  createRoute({
    method: 'post',
    path: '/api/run',
    tags: ['Run'],
    security,
    summary: 'Run SQL without saving it; at most 1,000 rows',
    middleware: withBody,
    request: { body: jsonBody(RunBody) },
    responses: {
      200: jsonAnswer('The rows', RunJson),
      ...problems(
        'invalid_request',
        'body_too_large',
        'unsupported_media_type',
        'sql_refused',
        'sql_failed',
        'link_outdated',
        'remote_unavailable',
        'unsafe_login',
        'database_not_found',
        'queue_full',
        'run_deadline',
      ),
    },
  }),
  async (c) => {
    const { sql, database } = c.req.valid('json');
    const { columns, rows, truncated, durationMs } = await c.env.parts.services.results.preview(
      sql,
      database,
      c.req.raw.signal,
    );
    const around = {
      fields: columns.map((column) => column.name),
      types: columns.map((column) => column.type),
      rowCount: rows.length,
      truncated,
      durationMs,
    };
    // Written as the JSON format writes them, digit for digit: no value becomes a JavaScript number on its way.
    const encode = jsonRowEncoder(columns, { numbers: 'number' });
    const text = `${JSON.stringify(around).slice(0, -1)},"values":[${rows.map(encode).join(',')}]}`;
    return c.body(text, 200, { 'Content-Type': 'application/json' }) as never;
  },
);
