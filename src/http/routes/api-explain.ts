/** `/api/clips/:id/explain`: what of a clip's query runs on which remote. */
import { createRoute } from '@hono/zod-openapi';
import { summarize } from '../../domain/explanation.ts';
import { createApi, jsonAnswer, problems, security, withoutBody } from '../api.ts';
import { ExplanationJson } from '../link-schemas.ts';
import { ClipParam } from '../schemas.ts';

export const apiExplain = createApi();

apiExplain.openapi(
  createRoute({
    method: 'get',
    path: '/api/clips/{id}/explain',
    tags: ['Clips'],
    security,
    summary: "Run a clip's SQL, throw its rows away and tell what ran where",
    middleware: withoutBody,
    request: { params: ClipParam },
    responses: {
      200: jsonAnswer('What ran where', ExplanationJson),
      ...problems(
        'clip_not_found',
        'database_not_found',
        'sql_refused',
        'sql_failed',
        'link_outdated',
        'remote_unavailable',
        'unsafe_login',
        'queue_full',
        'run_deadline',
      ),
    },
  }),
  async (c) => {
    const { clips, results } = c.env.parts.services;
    const clip = await clips.get(c.req.valid('param').id);
    const explanation = await results.explain(clip, c.req.raw.signal);
    const remoteParts = explanation.remoteParts.map((part) => ({
      ...part,
      tables: [...part.tables],
      work: [...part.work],
    }));
    const { rows, durationMs, plan } = explanation;
    const reductions = [...(explanation.reductions ?? [])];
    return c.json(
      { summary: [...summarize(explanation)], remoteParts, reductions, rows, durationMs, plan },
      200,
    );
  },
);
