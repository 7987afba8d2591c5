/** The pages of signed-in users: the list of clips, a clip for its owner, what its buttons do, and the databases. */
import { Hono } from 'hono';
import { ClipsPage } from '../../../views/clips.tsx';
import { requireSignedIn } from '../auth.ts';
import { clipUrl } from '../clip-json.ts';
import { answerClipPage } from '../clip-page.ts';
import type { AppEnv } from '../context.ts';
import { html, pageContext } from '../page.ts';
import { explainPage } from './explain-page.ts';
import { history } from './history.ts';
import { linkPages } from './link-pages.ts';

const pageSize = 50;

export const pages = new Hono<AppEnv>();
pages.use('/', requireSignedIn);
pages.use('/clips/*', requireSignedIn);
pages.use('/databases/*', requireSignedIn);
for (const routes of [history, explainPage, linkPages]) pages.route('/', routes);

pages.get('/', async (c) => {
  const query = c.req.query('q')?.trim() ?? '';
  const cursor = c.req.query('cursor');
  const page = await c.env.parts.services.clips.list({
    limit: pageSize,
    ...(query ? { query } : {}),
    ...(cursor ? { cursor } : {}),
  });
  return html(
    c,
    ClipsPage({
      ...(await pageContext(c)),
      clips: page.clips.map((clip) => ({ ...clip, url: clipUrl(c, clip) })),
      query,
      next: page.next,
      paged: cursor !== undefined,
    }),
  );
});

pages.get('/clips/:id', async (c) => {
  const { services } = c.env.parts;
  const clip = await services.clips.get(c.req.param('id'));
  const [revisions, snapshots] = await Promise.all([
    services.clips.revisions(clip.id),
    services.snapshots.list(clip.id),
  ]);
  const snapshot = clip.mode === 'frozen' ? await services.results.getPinned(clip) : null;
  const owner = { id: clip.id, revisions, snapshots, pinnedId: clip.snapshotId };
  return answerClipPage(c, { clip, snapshot, url: clipUrl(c, clip), owner }, { 'Cache-Control': 'no-store' });
});

pages.post('/clips/:id/freeze', async (c) => {
  const { clip } = await c.env.parts.services.snapshots.freeze(c.req.param('id'), c.req.raw.signal);
  return c.redirect(`/clips/${clip.id}`, 303);
});

pages.post('/clips/:id/thaw', async (c) => {
  const clip = await c.env.parts.services.clips.thaw(c.req.param('id'));
  return c.redirect(`/clips/${clip.id}`, 303);
});

pages.post('/clips/:id/rotate', async (c) => {
  const clip = await c.env.parts.services.clips.rotate(c.req.param('id'));
  return c.redirect(`/clips/${clip.id}`, 303);
});

pages.post('/clips/:id/delete', async (c) => {
  await c.env.parts.services.clips.remove(c.req.param('id'));
  return c.redirect('/', 303);
});
