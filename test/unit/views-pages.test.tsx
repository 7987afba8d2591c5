import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/domain/result-set.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { type ClipPageProps, renderClipPage } from '../../views/clip.tsx';
import { ClipsPage } from '../../views/clips.tsx';
import { EditorPage } from '../../views/editor.tsx';
import { ErrorPage } from '../../views/error.tsx';
import { SignInPage } from '../../views/sign-in.tsx';

const viewer = { signedIn: false };
const props: ClipPageProps = {
  viewer,
  clip: { name: '<Orders> <!--rows-->', sql: 'select 1', database: 'SECRET_URL', mode: 'live', revision: 2 },
  url: 'https://clips.test/c/slug',
  formats: [{ name: 'csv', title: 'CSV', mediaType: 'text/csv' }],
  columns: [{ name: 'n', type: 'integer', kind: 'int' }],
  origin: { kind: 'live', ranAt: '2026-11-21T12:03:05.211Z', tookMs: 84 },
  place: { page: 2, pageSize: 3, total: null },
};

const numbers = (...values: number[]): Row[] => values.map((value) => [String(value)]);

async function* give(batches: readonly Row[][], events: string[] = []): AsyncGenerator<readonly Row[]> {
  try {
    for (const batch of batches) {
      events.push('asked');
      yield batch;
    }
  } finally {
    events.push('closed');
  }
}

async function wholePage(pieces: AsyncIterable<string>): Promise<string> {
  let html = '';
  for await (const piece of pieces) html += piece;
  return html;
}

describe('renderClipPage', () => {
  it('sends the head before it asks for rows, and each batch as it comes', async () => {
    const events: string[] = [];
    const page = renderClipPage(props, give([numbers(1), numbers(2)], events));
    expect((await page.next()).value).toMatch(/^<!doctype html><html[\s\S]*<tbody>\n$/);
    expect(events).toEqual([]);
    expect((await page.next()).value).toBe('<tr><th scope="row">4</th><td class="num">1</td></tr>\n');
    expect((await page.next()).value).toContain('<th scope="row">5</th>');
    expect((await page.next()).value).toMatch(/^<\/tbody><\/table>[\s\S]*<\/html>$/);
  });

  it('does not show the row that tells of more', async () => {
    const events: string[] = [];
    const html = await wholePage(renderClipPage(props, give([numbers(1, 2), numbers(3, 4)], events)));
    expect(html).toContain('Rows 4–6, more follow');
    expect(html).toContain('href="?page=3"');
    expect(html).not.toContain('<th scope="row">7</th>');
    expect(events.at(-1)).toBe('closed');
  });

  it.each([
    [numbers(1, 2, 3), 'Rows 4–6 of 6'],
    [numbers(1), 'Row 4 of 4'],
    [[], 'There are no rows on this page.'],
  ])('knows the total at the end', async (rows, text) => {
    const html = await wholePage(renderClipPage(props, give([rows])));
    expect(html).toContain(text);
    expect(html).not.toContain('rel="next"');
    expect(html).toContain('href="?"');
  });

  it('escapes names, and is not fooled by one that looks like its own mark', async () => {
    const html = await wholePage(renderClipPage(props, give([numbers(1)])));
    expect(html).toContain('&lt;Orders&gt; &lt;!--rows--&gt;');
    expect(html).not.toContain('<!--');
  });

  it('shows nothing that needs a sign-in, and not the database, to whoever has the URL', async () => {
    const html = await wholePage(renderClipPage(props, give([numbers(1)])));
    expect(html).not.toContain('<form');
    expect(html).not.toContain('SECRET_URL');
  });

  it('passes on what the rows throw', async () => {
    async function* failing(): AsyncGenerator<readonly Row[]> {
      yield numbers(1);
      throw new Error('the run failed');
    }
    await expect(wholePage(renderClipPage(props, failing()))).rejects.toThrow('the run failed');
  });

  it('abandons the rows when it is abandoned', async () => {
    const events: string[] = [];
    const page = renderClipPage(props, give([numbers(1), numbers(2)], events));
    await page.next();
    await page.next();
    await page.return();
    expect(events).toEqual(['asked', 'closed']);
  });

  it('shows a frozen clip with its snapshot’s facts and SQL', async () => {
    const snapshot: Snapshot = {
      id: 's1',
      clipId: 'c1',
      revision: 1,
      sql: 'select 0',
      database: 'SECRET_URL',
      takenAt: '2026-11-21T08:15:00.000Z',
      rowCount: 1204,
      columns: props.columns,
      bytes: 81_000,
      sha256: 'ab'.repeat(32),
      serverVersion: '18.4',
      durationMs: 1234,
      crc32: 0,
      deflatedBytes: 0,
      chunkRows: [1204],
      chunkBytes: [900],
      besideBytes: [],
    };
    const owner = { id: 'c1', revisions: [], snapshots: [snapshot], pinnedId: 's1' };
    const clip = { ...props.clip, mode: 'frozen' as const };
    const page = renderClipPage({ ...props, clip, owner, origin: { kind: 'frozen', snapshot } }, give([]));
    const html = await wholePage(page);
    for (const text of ['2026-11-21 08:15 UTC', '1,204 rows', '81 kB', snapshot.sha256])
      expect(html).toContain(text);
    expect(html).toContain('select</span> <span class="sql-number">0');
    expect(html).toContain('action="/clips/c1/thaw"');
    expect(html).toContain('href="https://clips.test/c/slug/s/s1"');
    expect(html).toContain('at revision 2');
  });
});

describe('pages', () => {
  const form = { name: '"<n>"', database: 'B_URL', sql: '\n</textarea><b>', mode: 'live' as const };

  it('keeps what was typed, with its first empty line', () => {
    const html = String(<EditorPage viewer={viewer} databases={['A_URL', 'B_URL']} form={form} />);
    expect(html).toContain('value="&quot;&lt;n&gt;&quot;"');
    expect(html).toContain('>\n\n&lt;/textarea&gt;&lt;b&gt;</textarea>');
    expect(html).toMatch(/value="B_URL" selected/);
  });

  it('never carries an inline style, script or handler', () => {
    const pages = [
      <EditorPage viewer={viewer} databases={['A_URL']} form={form} />,
      <ClipsPage viewer={{ signedIn: true }} clips={[]} query="" next={null} paged={false} />,
      <SignInPage viewer={viewer} next="/" error="No." />,
      <ErrorPage viewer={viewer} status={401} title="T" detail="D" code="unauthorized" next="/?a=1&b" />,
    ];
    for (const page of pages)
      expect(String(page)).not.toMatch(/ style=| on[a-z]+=|<script(?! type="module" async="" src=)/);
  });

  it('leads from a 401 to the sign-in page and back', () => {
    const html = String(
      <ErrorPage viewer={viewer} status={401} title="T" detail="D" code="unauthorized" next="/?a=1&b" />,
    );
    expect(html).toContain('href="/sign-in?next=%2F%3Fa%3D1%26b"');
  });

  it('keeps the search when it goes to older clips', () => {
    const clip = {
      id: 'c1',
      name: 'n',
      mode: 'live' as const,
      database: 'A_URL',
      revision: 1,
      updatedAt: '2026-11-21T08:15:00.000Z',
      url: 'https://clips.test/c/slug',
    };
    const html = String(<ClipsPage viewer={viewer} clips={[clip]} query="a&b" next="x=y" paged={false} />);
    expect(html).toContain('href="/?q=a%26b&amp;cursor=x%3Dy"');
  });
});
