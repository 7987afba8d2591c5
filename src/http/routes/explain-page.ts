/** `/clips/:id/explain`: runs a clip's SQL once and shows what ran where. */
import { Hono } from 'hono';
import { ExplanationPage, type ExplanationPageProps } from '../../../views/explanation.tsx';
import type { Clip } from '../../domain/clip.ts';
import { type AppError, toAppError } from '../../domain/errors.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { html, pageContext, pageHeaders } from '../page.ts';
import { logError } from '../problem.ts';
import { toRunProblem } from '../run-problem.ts';

/** To be mounted where only signed-in users come. */
export const explainPage = new Hono<AppEnv>();

explainPage.get('/clips/:id/explain', async (c) => {
  const clip = await c.env.parts.services.clips.get(c.req.param('id'));
  // Nobody would see what a run is for.
  if (c.req.method === 'HEAD') return c.body(null, 200, { ...pageHeaders, 'Cache-Control': 'no-store' });
  const { outcome, status } = await explain(c, clip);
  return html(c, ExplanationPage({ ...(await pageContext(c)), clip, outcome }), status);
});

interface Explained {
  readonly outcome: ExplanationPageProps['outcome'];
  readonly status: 200 | AppError['status'];
}

async function explain(c: AppContext, clip: Clip): Promise<Explained> {
  try {
    const database = await c.env.parts.services.databases.getSafe(clip.database);
    const explanation = await database.explain(clip.sql, { signal: c.req.raw.signal });
    return { outcome: { kind: 'explained', explanation }, status: 200 };
  } catch (thrown) {
    const error = toAppError(thrown);
    logError(error, c);
    const problem = toRunProblem(error, clip.database, true);
    return { outcome: { kind: 'problem', ...problem }, status: error.status };
  }
}
