/** Every page as such: structure, width, contrast in light and dark, the keyboard, and texts that try to be markup. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { type ClipAnswer, openTestServer, type TestServer } from '../support/server.ts';
import { findContrastProblems, findKeyboardProblems, findStructureProblems } from './audit.ts';

const hostile = '<img src=x onerror=alert(1)>';

/** Everything that a table can be troubled by: NULL, markup, long words and texts, both directions, many columns. */
const wideSql = `select '${hostile}' as "${hostile}", null as nothing, '' as empty,
  'javascript:alert(1)' as script, 'https://example.com/?a=1&b=<i>' as address, '</textarea><script>alert(1)</script>' as "</title>",
  repeat('wörd ', 200) as long, repeat('x', 3000) as word, 'שלום עולם' as rtl, '👩‍👩‍👧 🏳️‍🌈' as emoji,
  '{"a": [1, 2]}'::jsonb as json, array[1, 2] as numbers, 12345678901234567890 as big, now() - now() as span,
  ${Array.from({ length: 20 }, (_, at) => `${at} as column_${at}`).join(', ')}
from generate_series(1, 3) -- ${hostile}`;

let browser: Browser;
let site: TestServer;
let live: ClipAnswer;
let frozen: ClipAnswer;

beforeAll(async () => {
  browser = await openBrowser();
  site = await openTestServer({ postgresUrl: inject('postgresUrl') });
  live = await site.save({ name: hostile, sql: wideSql });
  const first = await site.save({ name: 'Frozen', sql: `${wideSql}\nlimit 1`, mode: 'frozen' });
  await site.call('PATCH', `/api/clips/${first.id}`, { sql: wideSql });
  await site.call('POST', `/api/clips/${first.id}/freeze`);
  await site.call('POST', `/api/clips/${first.id}/freeze`);
  frozen = (await site.call<ClipAnswer>('GET', `/api/clips/${first.id}`)).body;
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

async function submit({ page }: Visitor, sql: string): Promise<void> {
  await page.goto(`${site.url}/clips/new`);
  await page.getByLabel('Name').fill(hostile);
  await page.getByLabel('SQL', { exact: true }).fill(sql);
  await page.getByRole('button', { name: /^Run/ }).click();
  await page.locator('#outcome').waitFor();
}

/** How a signed-in visitor comes to each page; those with `guest` look the same without signing in. */
const pages: Record<string, { guest?: true; open: (visitor: Visitor) => Promise<unknown> }> = {
  'sign-in': { guest: true, open: ({ page }) => page.goto(`${site.url}/sign-in?next=/${hostile}`) },
  'the list of clips': { open: ({ page }) => page.goto(site.url) },
  'a search without result': { open: ({ page }) => page.goto(`${site.url}/?q=${hostile}nowhere`) },
  'a new clip': { open: ({ page }) => page.goto(`${site.url}/clips/new`) },
  'the editor with rows': { open: (visitor) => submit(visitor, wideSql) },
  'the editor with an SQL error': { open: (visitor) => submit(visitor, `select 1,\n  '${hostile}'::int`) },
  'editing a clip': { open: ({ page }) => page.goto(`${site.url}/clips/${live.id}/edit`) },
  "an owner's live clip": { open: ({ page }) => page.goto(`${site.url}/clips/${live.id}`) },
  "an owner's frozen clip": { open: ({ page }) => page.goto(`${site.url}/clips/${frozen.id}`) },
  "a clip's history": { open: ({ page }) => page.goto(`${site.url}/clips/${frozen.id}/history`) },
  'an explained clip': { open: ({ page }) => page.goto(`${site.url}/clips/${live.id}/explain`) },
  'the databases': { open: ({ page }) => page.goto(`${site.url}/databases`) },
  'a public live clip': { guest: true, open: ({ page }) => page.goto(live.url) },
  'a public frozen clip': { guest: true, open: ({ page }) => page.goto(frozen.url) },
  'a snapshot': { guest: true, open: ({ page }) => page.goto(frozen.snapshot?.url ?? '') },
  'a URL that leads nowhere': { guest: true, open: ({ page }) => page.goto(`${site.url}/c/${hostile}`) },
  'the API': { open: ({ page }) => page.goto(`${site.url}/docs`) },
};

const looks = [
  { width: 320, height: 640, colorScheme: 'light' },
  { width: 1280, height: 800, colorScheme: 'dark' },
  { width: 2560, height: 1440, colorScheme: 'light' },
] as const;

describe.each(looks)('$width px wide, $colorScheme', ({ width, height, colorScheme }) => {
  let guest: Visitor;
  let author: Visitor;

  beforeAll(async () => {
    // Nothing may be measured while it still moves.
    const options = { viewport: { width, height }, colorScheme, reducedMotion: 'reduce' } as const;
    guest = await openVisitor(browser, options);
    author = await openVisitor(browser, options);
    await signIn(author.page, site);
  });

  afterAll(async () => {
    await guest.close();
    await author.close();
  });

  it.each(Object.entries(pages))('%s', async (_, { guest: open, open: go }) => {
    const visitor = open ? guest : author;
    await go(visitor);
    const { page } = visitor;
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    // Whatever is folded away has to fit, too, and be read.
    await page.evaluate(() => {
      for (const each of document.querySelectorAll('details')) each.open = true;
    });
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    expect(await findKeyboardProblems(page)).toEqual([]);
    expect(await page.locator('img, [onerror], a[href^="javascript:"], script:not([src])').count()).toBe(0);
    expect(visitor.problems).toEqual([]);
  });

  it('follows the colour scheme of the system', async () => {
    await guest.page.goto(`${site.url}/sign-in`);
    const background = await guest.page.evaluate(
      () => getComputedStyle(document.documentElement).backgroundColor,
    );
    const [red = 0] = background.match(/\d+/g) ?? [];
    expect(Number(red) > 127).toBe(colorScheme === 'light');
  });
});

describe('texts that try to be markup', () => {
  it('are shown as they are', async () => {
    const { page, problems, close } = await openVisitor(browser);
    await page.goto(live.url);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(hostile);
    expect(await page.getByRole('columnheader').nth(1).locator('.name').textContent()).toBe(hostile);
    expect(await page.getByRole('cell').first().textContent()).toBe(hostile);
    expect(await page.locator('pre.sql').textContent()).toBe(wideSql);
    expect(await page.title()).toBe(`${hostile} · pgclip`);
    expect(problems).toEqual([]);
    await close();
  });

  it('would be noticed if they ran', async () => {
    const { page, problems, close } = await openVisitor(browser);
    await page.goto(live.url);
    await Promise.all([
      page.waitForEvent('console'),
      page.evaluate((markup) => document.body.insertAdjacentHTML('beforeend', markup), hostile),
    ]);
    expect(problems.join('\n')).toContain('Content Security Policy');
    await close();
  });
});

describe('the keys of the pages', () => {
  let visitor: Visitor;

  beforeAll(async () => {
    visitor = await openVisitor(browser);
    await signIn(visitor.page, site);
  });

  afterAll(() => visitor.close());

  it('a slash goes to the search field', async () => {
    const { page } = visitor;
    await page.goto(site.url);
    await page.keyboard.press('/');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('q');
    expect(await page.getByLabel('Search names and SQL').inputValue()).toBe('');
  });

  it('Tab indents SQL, and leaves it after Escape', async () => {
    const { page } = visitor;
    await page.goto(`${site.url}/clips/new`);
    const sql = page.getByLabel('SQL', { exact: true });
    await sql.press('Tab');
    await sql.pressSequentially('select 1');
    expect(await sql.inputValue()).toBe('  select 1');
    await sql.press('Escape');
    await sql.press('Tab');
    expect(await sql.evaluate((element) => element === document.activeElement)).toBe(false);
    expect(await sql.inputValue()).toBe('  select 1');
  });

  it('the tabs of the lines to paste turn with the arrows', async () => {
    const { page } = visitor;
    await page.goto(live.url);
    await page.getByRole('radio', { name: 'Google Sheets' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    const pane = page.locator('.pane').filter({ visible: true });
    expect(await pane.locator('code').textContent()).toBe(`curl --fail -OJ '${live.url}.csv'`);
  });
});
