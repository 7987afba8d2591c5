/** The history of a clip as a person uses it, with scripts and without. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { type ClipAnswer, openTestServer, type TestServer } from '../support/server.ts';

let browser: Browser;
let site: TestServer;

beforeAll(async () => {
  browser = await openBrowser();
  site = await openTestServer({ postgresUrl: inject('postgresUrl') });
});
afterAll(async () => {
  await browser.close();
  await site.close();
});

describe.each([true, false])('with scripts: %s', (javaScriptEnabled) => {
  let visitor: Visitor;
  let clip: ClipAnswer;

  beforeAll(async () => {
    visitor = await openVisitor(browser, { javaScriptEnabled, viewport: { width: 320, height: 640 } });
    await signIn(visitor.page, site);
    clip = await site.save({ name: 'Orders', sql: 'select clock_timestamp() as t', mode: 'frozen' });
    for (let n = 0; n < 3; n++) await site.call('POST', `/api/clips/${clip.id}/freeze`);
  });
  afterAll(() => visitor.close());

  it('is found, compared, thinned out and bounded', async () => {
    const { page } = visitor;
    await page.goto(`${site.url}/clips/${clip.id}`);
    await page.getByRole('link', { name: 'History of all 4 snapshots' }).click();
    await page.getByRole('heading', { level: 1, name: 'History of Orders' }).waitFor();
    const entries = page.locator('.timeline > li');
    expect(await entries.count()).toBe(4);
    expect(await entries.first().textContent()).toContain('Shown');

    await entries.nth(3).getByRole('radio', { name: /^From/ }).check();
    await entries.nth(1).getByRole('radio', { name: /^To/ }).check();
    const idOf = (at: number) => entries.nth(at).getByRole('radio').first().getAttribute('value');
    const [from, to] = [await idOf(3), await idOf(1)];
    const asked = page.waitForRequest((request) => request.url().includes('/diff/'));
    await page.getByRole('button', { name: 'Compare' }).click();
    expect(new URL((await asked).url()).pathname).toBe(`/clips/${clip.id}/snapshots/${from}/diff/${to}`);

    await page.goto(`${site.url}/clips/${clip.id}/history`);
    await entries.nth(2).getByText('Delete', { exact: true }).click();
    await entries.nth(2).getByRole('button', { name: 'Delete the snapshot now' }).click();
    await page.getByText('3 snapshots', { exact: true }).waitFor();

    await page.getByRole('heading', { name: 'Retention' }).click();
    await page.getByLabel('Keep', { exact: true }).selectOption('last');
    await page.getByLabel('How many').fill('none');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('Say how many').waitFor();
    expect(await page.getByLabel('How many').inputValue()).toBe('none');
    await page.getByLabel('How many').fill('1');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('1 snapshot', { exact: true }).waitFor();
    expect(await entries.count()).toBe(1);
    expect(visitor.problems).toEqual([]);
  });
});
