/** `/clips/:id/snapshots/:a/diff/:b`: the page that shows signed-in users what changed between two snapshots. */
import { Hono } from 'hono';
import { DiffPage, type DiffPageProps } from '../../../views/diff.tsx';
import { type ErrorCode, errorTable, toAppError } from '../../domain/errors.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { isShared, matchColumns } from '../../services/diff/columns.ts';
import { lonelyColumns } from '../../services/diff/encode.ts';
import { takeFirst } from '../../services/diff/first-changes.ts';
import { requireSignedIn } from '../auth.ts';
import { snapshotUrl } from '../clip-json.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { parseDiffKey, writeDiffKey } from '../diff-key.ts';
import { html, pageContext, pageHeaders } from '../page.ts';

const maxShown = 200;

/** What is told on the page itself, over the form that picks another key. */
const toldHere: ReadonlySet<ErrorCode> = new Set(['invalid_option', 'key_not_unique', 'diff_too_large']);

export const diffPage = new Hono<AppEnv>();
diffPage.use('/clips/*', requireSignedIn);

diffPage.get('/clips/:id/snapshots/:a/diff/:b', async (c) => {
  const { clips, snapshots, diffs } = c.env.parts.services;
  const clip = await clips.get(c.req.param('id'));
  const [from, to] = await Promise.all([
    snapshots.get(clip.id, c.req.param('a')),
    snapshots.get(clip.id, c.req.param('b')),
  ]);
  const query = new URL(c.req.url).searchParams;
  if (c.req.method === 'HEAD') {
    diffs.check(from, to, parseDiffKey(query));
    return c.body(null, 200, { ...pageHeaders, 'Cache-Control': 'no-store' });
  }
  const columns = matchColumns(from.columns, to.columns);
  const side = (snapshot: Snapshot) => ({ snapshot, url: snapshotUrl(c, clip, snapshot.id) });
  const frame = { ...(await pageContext(c)), clip, from: side(from), to: side(to), columns };
  let outcome: DiffPageProps['outcome'];
  let key: readonly string[] | undefined;
  try {
    key = parseDiffKey(query);
    outcome = await compare(c, from, to, key);
  } catch (thrown) {
    const { code, message, status } = toAppError(thrown);
    if (!toldHere.has(code)) throw thrown;
    const problem = { kind: 'problem', title: errorTable[code].title, detail: message } as const;
    return html(
      c,
      DiffPage({ ...frame, ...linksOf(c, undefined), keys: keysOf(columns, key), outcome: problem }),
      status,
    );
  }
  return html(c, DiffPage({ ...frame, ...linksOf(c, key), keys: keysOf(columns, key), outcome }));
});

async function compare(
  c: AppContext,
  from: Snapshot,
  to: Snapshot,
  key: readonly string[] | undefined,
): Promise<DiffPageProps['outcome']> {
  const diff = await c.env.parts.services.diffs.open(from, to, { key, signal: c.req.raw.signal });
  try {
    const changes = await takeFirst(diff, maxShown);
    return {
      kind: 'diff',
      key: diff.key,
      changes,
      summary: diff.summary,
      lonely: lonelyColumns(diff.columns),
    };
  } finally {
    await diff.close();
  }
}

/** The columns that may be picked, as the form has them. */
function keysOf(
  columns: ReturnType<typeof matchColumns>,
  key: readonly string[] | undefined,
): DiffPageProps['keys'] {
  return columns.filter(isShared).map((column) => ({
    name: column.key,
    value: writeDiffKey([column.key]),
    picked: key?.includes(column.key) ?? false,
  }));
}

/** The same comparison the other way round, and as a file. */
function linksOf(
  c: AppContext,
  key: readonly string[] | undefined,
): Pick<DiffPageProps, 'path' | 'swapped' | 'files'> {
  const [id = '', a = '', b = ''] = ['id', 'a', 'b'].map((name) =>
    encodeURIComponent(c.req.param(name) ?? ''),
  );
  const query = key ? `?key=${encodeURIComponent(writeDiffKey(key))}` : '';
  const api = `/api/clips/${id}/snapshots/${a}/diff/${b}`;
  return {
    path: `/clips/${id}/snapshots/${a}/diff/${b}`,
    swapped: `/clips/${id}/snapshots/${b}/diff/${a}${query}`,
    files: { csv: `${api}.csv${query}`, json: `${api}.json${query}` },
  };
}
