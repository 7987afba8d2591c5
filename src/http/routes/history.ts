/** `/clips/:id/history`: the snapshots of a clip on a timeline, what its forms do, and which of them are kept. */
import { type Context, Hono } from 'hono';
import { HistoryPage, type HistoryPageProps } from '../../../views/history.tsx';
import type { Clip } from '../../domain/clip.ts';
import { AppError, type ErrorCode } from '../../domain/errors.ts';
import { maxKeptDays, maxKeptSnapshots, parseRetention } from '../../domain/retention.ts';
import { clipUrl } from '../clip-json.ts';
import { parsePage } from '../clip-page.ts';
import type { AppEnv } from '../context.ts';
import { html, pageContext } from '../page.ts';

const pageSize = 50;

/** To be mounted where only signed-in users come. */
export const history = new Hono<AppEnv>();

type Refused = Pick<HistoryPageProps, 'problem' | 'typed'> & { readonly status: AppError['status'] };

async function show(c: Context<AppEnv>, clip: Clip, page: number, refused?: Refused) {
  const { status = 200, ...said } = refused ?? {};
  const snapshots = await c.env.parts.services.snapshots.list(clip.id);
  const props = { ...(await pageContext(c)), clip, url: clipUrl(c, clip), snapshots, page, pageSize };
  return html(c, HistoryPage({ ...props, ...said }), status);
}

history.get('/clips/:id/history', async (c) => {
  const clip = await c.env.parts.services.clips.get(c.req.param('id'));
  return show(c, clip, parsePage(new URL(c.req.url).searchParams));
});

history.get('/clips/:id/history/compare', async (c) => {
  const clip = await c.env.parts.services.clips.get(c.req.param('id'));
  const [from, to] = [c.req.query('from'), c.req.query('to')];
  if (!from || !to || from === to) {
    const problem = 'Choose two snapshots: one to compare from, another to compare to.';
    return show(c, clip, 1, { problem, status: 400 });
  }
  const ids = [clip.id, from, to].map(encodeURIComponent);
  return c.redirect(`/clips/${ids[0]}/snapshots/${ids[1]}/diff/${ids[2]}`, 303);
});

history.post('/clips/:id/snapshots/:snapshotId/delete', async (c) => {
  const { clips, snapshots } = c.env.parts.services;
  const clip = await clips.get(c.req.param('id'));
  try {
    await snapshots.remove(clip.id, c.req.param('snapshotId'));
  } catch (error) {
    if (!isRefusal(error, 'snapshot_pinned')) throw error;
    return show(c, clip, 1, { problem: error.message, status: error.status });
  }
  return c.redirect(`/clips/${clip.id}/history`, 303);
});

history.post('/clips/:id/retention', async (c) => {
  const { clips } = c.env.parts.services;
  const clip = await clips.get(c.req.param('id'));
  const fields = await c.req.parseBody();
  const [keep, count] = [String(fields.keep ?? ''), String(fields.count ?? '').trim()];
  const retention = parseRetention(keep === 'all' ? keep : `${keep}:${count}`);
  if (retention === undefined) {
    const [snapshots, days] = [maxKeptSnapshots, maxKeptDays].map((max) => max.toLocaleString('en-US'));
    const problem = `Say how many, as a whole number: 1 to ${snapshots} snapshots, or 1 to ${days} days.`;
    return show(c, clip, 1, { problem, typed: { keep, count }, status: 400 });
  }
  await clips.change(clip.id, { retention });
  return c.redirect(`/clips/${clip.id}/history`, 303);
});

function isRefusal(error: unknown, code: ErrorCode): error is AppError {
  return error instanceof AppError && error.code === code;
}
