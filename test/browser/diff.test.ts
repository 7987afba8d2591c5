/** What changed between two snapshots, as a person sees it: found, picked, swapped, with and without differences. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { openTestServer, type SnapshotAnswer, type TestServer } from '../support/server.ts';
import { findContrastProblems, findKeyboardProblems, findStructureProblems } from './audit.ts';

const hostile = '<img src=x onerror=alert(1)>';

/** `version` 1 and 2 differ in some rows, values and columns; 3 has the columns of 1 and the rows of 2. */
const sqlOf = (
  version: number,
) => `select n as id, case when n % 4 = 0 then 'Customer ' || n * ${version} else '${hostile}' end as customer,
  case n % 3 when 0 then null when 1 then '' else repeat('wörd ', 60) || ${version} end as note,
  (n * 12.5 * ${version === 1 ? 1 : 2})::numeric(10, 2) as total, n % 2 = ${version % 2} as paid, repeat('x', 300) as word,
  ${Array.from({ length: 8 }, (_, at) => `${at} as column_${at}`).join(', ')}${version === 2 ? ', \'new\' as "a,b"' : `, ${version} as gone`}
  from generate_series(${version === 1 ? '1, 20' : '5, 24'}) n`;

let browser: Browser;
let site: TestServer;
let path: string;
let ids: string[];

beforeAll(async () => {
  browser = await openBrowser();
  site = await openTestServer({ postgresUrl: inject('postgresUrl') });
  const clip = await site.save({ name: `Orders ${hostile}`, sql: sqlOf(1) });
  ids = [];
  for (const version of [1, 2, 3]) {
    await site.call('PATCH', `/api/clips/${clip.id}`, { sql: sqlOf(version) });
    ids.push((await site.call<SnapshotAnswer>('POST', `/api/clips/${clip.id}/freeze`)).body.id);
  }
  path = `${site.url}/clips/${clip.id}/snapshots`;
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

const url = (from: number, to: number, query = '') => `${path}/${ids[from]}/diff/${ids[to]}${query}`;

const looks = [
  { width: 320, height: 640, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
  { width: 2560, height: 1440, colorScheme: 'light' },
] as const;

describe.each(looks)('$width px wide, $colorScheme', ({ width, height, colorScheme }) => {
  let visitor: Visitor;

  beforeAll(async () => {
    visitor = await openVisitor(browser, {
      viewport: { width, height },
      colorScheme,
      reducedMotion: 'reduce',
    });
    await signIn(visitor.page, site);
  });
  afterAll(() => visitor.close());

  it.each([
    ['with differences', () => url(0, 1)],
    ['without', () => url(0, 0)],
    ['with a key that is none', () => url(0, 1, '?key=paid')],
    ['with whole rows', () => url(0, 2, '?key=id&key=total')],
  ])('%s', async (_, target) => {
    const { page } = visitor;
    await page.goto(target());
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    await page.evaluate(() => {
      for (const each of document.querySelectorAll('details')) each.open = true;
    });
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    expect(await findKeyboardProblems(page)).toEqual([]);
    expect(await page.locator('img, [onerror]').count()).toBe(0);
    expect(visitor.problems).toEqual([]);
  });
});

describe.each([true, false])('scripts: %s', (javaScriptEnabled) => {
  let visitor: Visitor;

  beforeAll(async () => {
    visitor = await openVisitor(browser, { javaScriptEnabled });
    await signIn(visitor.page, site);
  });
  afterAll(() => visitor.close());

  const totals = (page: Visitor['page']) => page.locator('.diff-totals dd').allTextContents();

  it('the key that was found is said, another picked, and the two swapped', async () => {
    const { page } = visitor;
    await page.goto(url(0, 1));
    expect(await totals(page)).toEqual(['4', '4', '16', '0']);
    const matching = page.locator('.diff-key summary');
    expect(await matching.textContent()).toBe(
      'Rows are matched by id, which tells all of them apart · pick another key',
    );
    expect(await page.getByRole('note').allTextContents()).toEqual([
      'Only “To” has the column a,b. What both have is compared.',
      'Only “From” has the column gone. What both have is compared.',
    ]);
    await matching.click();
    await page.getByLabel('paid').check();
    await page.getByRole('button', { name: 'Compare' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('Several rows have the same key');
    await page.getByLabel('paid').uncheck();
    await page.getByLabel('total').check();
    await page.getByLabel('id', { exact: true }).check();
    await page.getByRole('button', { name: 'Compare' }).click();
    expect(await matching.textContent()).toBe('Rows are matched by id, total · pick another key');
    expect(await totals(page)).toEqual(['20', '20', '0', '0']);
    await page.getByRole('link', { name: 'Swap the two' }).click();
    expect(page.url()).toBe(url(1, 0, '?key=id%2Ctotal'));
    expect(await totals(page)).toEqual(['20', '20', '0', '0']);
  });

  it('a changed row shows the values before and after, near where they differ', async () => {
    const { page } = visitor;
    await page.goto(url(0, 1));
    const row = page.locator('tr.changed').first();
    expect(await row.getByRole('rowheader').textContent()).toBe('Changed');
    expect(await row.locator('del').allTextContents()).toEqual([
      expect.stringMatching(/^….*wörd 1$/),
      '62.50',
      'true',
    ]);
    expect(await row.locator('ins').allTextContents()).toEqual([
      expect.stringMatching(/^….*wörd 2$/),
      '125.00',
      'false',
    ]);
  });

  it('a column that one of them has shows its value, and in a row of the other that there is none', async () => {
    const { page } = visitor;
    await page.goto(url(0, 1));
    const lonely = (kind: string) => page.locator(`tr.${kind}`).first().locator('td:nth-last-child(-n + 2)');
    expect(await lonely('changed').allTextContents()).toEqual(['new', '1']);
    for (const [kind, values] of [
      ['added', ['new', '']],
      ['removed', ['', '1']],
    ] as const) {
      expect(await lonely(kind).allTextContents()).toEqual(values);
      expect(await page.locator(`tr.${kind}`).first().locator('.absent').count()).toBe(1);
    }
    await page.getByRole('link', { name: 'History', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: /^History of Orders/ }).waitFor();
  });

  it('the whole can be downloaded', async () => {
    const { page } = visitor;
    await page.goto(url(0, 1));
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'CSV' }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/changes\.csv$/);
    expect(await download.failure()).toBe(null);
  });
});
