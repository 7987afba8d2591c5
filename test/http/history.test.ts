/** The page of a clip's history, by its links and forms alone. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import {
  type ClipAnswer,
  openTestServer,
  PageVisitor,
  type SnapshotAnswer,
  type TestServer,
} from '../support/server.ts';

let server: TestServer;
let visitor: PageVisitor;

beforeAll(async () => {
  server = await openTestServer({ postgresUrl: inject('postgresUrl') });
  visitor = await new PageVisitor(server).signIn();
  await executeSql(server.database.ownerUrl, 'create table counter as select 1 as n');
});
afterAll(() => server.close());

const count = (n: number) => executeSql(server.database.ownerUrl, `update counter set n = ${n}`);
const sql = "select 'row ' || i as t from counter, generate_series(1, n) i";
const historyOf = ({ id }: ClipAnswer) => `/clips/${id}/history`;
const freeze = async (clip: ClipAnswer) =>
  (await server.call<SnapshotAnswer>('POST', `/api/clips/${clip.id}/freeze`)).body;
const current = async (clip: ClipAnswer) =>
  (await server.call<ClipAnswer>('GET', `/api/clips/${clip.id}`)).body;
/** The text of each entry of the timeline, without markup. */
const entriesOf = (html: string) =>
  (/<ol class="timeline">([\s\S]*)<\/ol>/.exec(html)?.[1] ?? '')
    .split(/<li><div class="(?:choices|entry)">/)
    .slice(1)
    .map((entry) => entry.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '));

async function clipWithHistory() {
  await count(10);
  const clip = await server.save({ name: 'With <history>', sql, mode: 'frozen' });
  const taken = [clip.snapshot as SnapshotAnswer];
  await count(22);
  taken.unshift(await freeze(clip));
  taken.unshift(await freeze(clip));
  await server.call('PATCH', `/api/clips/${clip.id}`, { sql: `${sql} where i > 3 -- <b>` });
  taken.unshift(await freeze(clip));
  return { clip, taken, ids: taken.map(({ id }) => id) };
}

it('shows every snapshot, newest first, with what is different from the one before', async () => {
  const { clip, taken, ids } = await clipWithHistory();
  const page = await visitor.get(historyOf(clip));
  expect([page.status, page.headers.get('Cache-Control')]).toEqual([200, 'no-store']);
  expect(page.text).toContain('History of With &lt;history&gt;');
  expect(page.text).not.toContain('<b>');
  const entries = entriesOf(page.text);
  expect(entries).toHaveLength(4);
  expect(entries[0]).toMatch(/Shown.*19 rows \(−3\).*Revision 2 after 1.*where/);
  expect(entries[1]).toMatch(/22 rows [^(].*same data.*Revision 1 /);
  expect(entries[2]).toMatch(/22 rows \(\+12\)/);
  expect(entries[2]).not.toMatch(/same data|Shown|Delete now/);
  expect(entries[3]).toMatch(/10 rows [^(].*Revision 1 .*generate_series/);
  expect(entries[3]).not.toContain('Compare with the one before');
  for (const { url, sha256 } of taken) {
    expect(page.text).toContain(`href="${url}"`);
    expect(page.text).toContain(sha256.slice(0, 12));
  }
  const diffs = [...page.text.matchAll(/href="([^"]*\/diff\/[^"]*)"/g)].map(([, href]) => href);
  const diffOf = (from: number, to: number) => `/clips/${clip.id}/snapshots/${ids[from]}/diff/${ids[to]}`;
  expect(diffs).toEqual([diffOf(1, 0), diffOf(2, 1), diffOf(3, 2)]);
  expect((await visitor.get(`/clips/${clip.id}`)).text).toContain(`href="${historyOf(clip)}"`);
});

it('leads from two chosen snapshots to what changed between them', async () => {
  const { clip, ids } = await clipWithHistory();
  const compare = (query: string) => visitor.get(`${historyOf(clip)}/compare?${query}`);
  const chosen = await compare(`from=${ids[3]}&to=${ids[0]}`);
  const diff = `/clips/${clip.id}/snapshots/${ids[3]}/diff/${ids[0]}`;
  expect([chosen.status, chosen.headers.get('Location')]).toEqual([303, diff]);
  const odd = await compare(`from=..%2F..&to=${encodeURIComponent('//evil.example')}`);
  expect(odd.headers.get('Location')).toBe(`/clips/${clip.id}/snapshots/..%2F../diff/%2F%2Fevil.example`);
  for (const query of ['', `from=${ids[0]}`, `to=${ids[0]}`, `from=${ids[0]}&to=${ids[0]}`]) {
    const refused = await compare(query);
    expect([query, refused.status]).toEqual([query, 400]);
    expect(refused.text).toContain('Choose two snapshots: one to compare from');
  }
});

it('deletes a snapshot, and says why it does not delete the one that is shown', async () => {
  const { clip, ids } = await clipWithHistory();
  const remove = (id: string) => visitor.submit(`/clips/${clip.id}/snapshots/${id}/delete`);
  expect((await visitor.get(historyOf(clip))).text).not.toContain(`${ids[0]}/delete`);
  const pinned = await remove(ids[0] ?? '');
  expect(pinned.status).toBe(409);
  expect(pinned.text).toContain('The clip shows this snapshot. Thaw the clip');
  expect(entriesOf(pinned.text)).toHaveLength(4);
  const removed = await remove(ids[2] ?? '');
  expect([removed.status, removed.headers.get('Location')]).toEqual([303, historyOf(clip)]);
  expect((await remove(ids[2] ?? '')).status).toBe(404);
  expect(entriesOf((await visitor.get(historyOf(clip))).text)).toHaveLength(3);
  expect((await server.fetch(`${clip.url}/s/${ids[2]}.csv`)).status).toBe(404);
});

it('sets what is kept, and keeps what was typed when that can not be', async () => {
  const { clip, ids } = await clipWithHistory();
  const keep = (fields: Record<string, string>) => visitor.submit(`/clips/${clip.id}/retention`, fields);
  expect((await visitor.get(historyOf(clip))).text).toContain('All snapshots are kept.');
  for (const fields of [
    { keep: 'last', count: '0' },
    { keep: 'days', count: '"x' },
    { keep: 'other', count: '1' },
    {},
  ]) {
    const refused = await keep(fields as Record<string, string>);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('1 to 10,000 snapshots, or 1 to 36,500 days');
    if ('count' in fields) expect(refused.text).toContain(`value="${fields.count?.replace('"', '&quot;')}"`);
    expect((await current(clip)).retention).toBeNull();
  }
  expect((await keep({ keep: 'last', count: ' 2 ' })).headers.get('Location')).toBe(historyOf(clip));
  const page = await visitor.get(historyOf(clip));
  expect(page.text).toContain('Keeps the newest 2, and the one that the clip shows.');
  expect(page.text).toMatch(/value="last" selected/);
  expect(entriesOf(page.text)).toHaveLength(2);
  expect(page.text).not.toContain(ids[2]);
  await keep({ keep: 'all', count: 'ignored' });
  expect((await current(clip)).retention).toBeNull();
});

it('pages through fifty at a time', async () => {
  const clip = await server.save({ sql: 'select 1 as one', mode: 'frozen' });
  for (let n = 0; n < 51; n++) await freeze(clip);
  const [first, second, third] = await Promise.all(
    ['', '?page=2', '?page=3'].map((query) => visitor.get(historyOf(clip) + query)),
  );
  expect(entriesOf(first?.text ?? '')).toHaveLength(50);
  expect(first?.text).toContain('Page 1 of 2');
  // The last of a page knows the one before it, which stands on the next.
  expect(entriesOf(first?.text ?? '').at(-1)).toContain('same data');
  expect(entriesOf(second?.text ?? '')).toHaveLength(2);
  expect(entriesOf(third?.text ?? '')).toHaveLength(0);
  expect(third?.text).toContain('There are no snapshots on this page.');
  expect((await visitor.get(`${historyOf(clip)}?page=0`)).status).toBe(400);
  const owner = await visitor.get(`/clips/${clip.id}`);
  expect(owner.text).toContain('History of all 52 snapshots');
  expect(owner.text.match(/\/s\/\w{12}"/g)).toHaveLength(10);
});

it('of a clip without snapshots says so, and offers nothing to compare', async () => {
  const clip = await server.save({ sql: 'select 1' });
  const page = await visitor.get(historyOf(clip));
  expect(page.text).toContain('No snapshot yet');
  expect(page.text).not.toContain('Compare');
});

it('is for signed-in users, and its forms for our own pages', async () => {
  const { clip, ids } = await clipWithHistory();
  const stranger = new PageVisitor(server);
  for (const path of [historyOf(clip), `${historyOf(clip)}/compare`]) {
    const answer = await stranger.get(path);
    expect([answer.status, answer.headers.get('Location')]).toEqual([
      303,
      `/sign-in?next=${encodeURIComponent(path)}`,
    ]);
  }
  for (const action of ['retention', `snapshots/${ids[3]}/delete`]) {
    const url = `/clips/${clip.id}/${action}`;
    expect((await stranger.submit(url, { keep: 'last', count: '1' })).headers.get('Location')).toBe(
      '/sign-in',
    );
    const forged = await server.fetch(url, {
      method: 'POST',
      headers: { Cookie: visitor.cookie, Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
      body: new URLSearchParams({ keep: 'last', count: '1' }),
    });
    expect(forged.status).toBe(403);
  }
  expect(await current(clip)).toMatchObject({ retention: null });
  expect(entriesOf((await visitor.get(historyOf(clip))).text)).toHaveLength(4);
  for (const path of ['/clips/none/history', '/clips/none/history/compare?from=a&to=b'])
    expect((await visitor.get(path)).status).toBe(404);
});

it('tells of the fingerprint on the pages of what is frozen; the database only to its owner', async () => {
  const { clip, taken } = await clipWithHistory();
  const shown = taken[0] as SnapshotAnswer;
  const owner = await visitor.get(`/clips/${clip.id}`);
  const guest = new PageVisitor(server);
  const [open, one] = [await guest.get(clip.url), await guest.get(shown.url)];
  for (const { text } of [owner, open, one]) {
    for (const fact of [shown.sha256, shown.takenAt, shown.serverVersion, '<dd>19</dd>', '<dd>129 B</dd>'])
      expect(text).toContain(fact);
    expect(text).toContain(`curl -fsS &#39;${shown.url}.csv&#39; | sha256sum`);
  }
  expect(owner.text).toContain('<dt>Database</dt>');
  for (const { text } of [open, one]) expect(text).not.toContain('DATABASE_URL');
});
