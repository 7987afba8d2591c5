/** The main job as people do it, with and without JavaScript: from signing in to a URL that someone else opens. */
import { readFile } from 'node:fs/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { openTestServer, type TestServer } from '../support/server.ts';
import { findContrastProblems, findStructureProblems } from './audit.ts';

const wrongSql =
  "select n,\n       nn * 2 as twice,\n       'row ' || n as label\nfrom generate_series(1, 250) n";
const rightSql = wrongSql.replace('nn', 'n');

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(() => browser.close());

/** Follows a download link to its end; the bytes as the browser kept them. */
async function download(page: Page, name: string): Promise<{ bytes: Buffer; fileName: string }> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name, exact: true }).click(),
  ]);
  return { bytes: await readFile(await file.path()), fileName: file.suggestedFilename() };
}

/** The texts of the last row, its number first. */
function rowText(rows: Locator): Promise<string[]> {
  return rows.getByRole('row').last().locator('th, td').allTextContents();
}

async function fetchBytes(url: string): Promise<Buffer> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

describe.each([
  ['with JavaScript', { javaScriptEnabled: true }],
  ['without JavaScript, on a phone', { javaScriptEnabled: false, viewport: { width: 320, height: 640 } }],
])('%s', (_, options) => {
  let site: TestServer;
  let author: Visitor;
  let reader: Visitor;
  let page: Page;
  let publicUrl: string;

  beforeAll(async () => {
    site = await openTestServer({ postgresUrl: inject('postgresUrl') });
    author = await openVisitor(browser, options);
    reader = await openVisitor(browser, options);
    page = author.page;
  });

  afterAll(async () => {
    await author.close();
    await reader.close();
    await site.close();
  });

  afterEach(async () => {
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    expect([...author.problems.splice(0), ...reader.problems.splice(0)]).toEqual([]);
  });

  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const shownUrl = () => page.getByLabel('Public URL', { exact: true }).inputValue();

  it('refuses a wrong token and takes the right one', async () => {
    await page.goto(site.url);
    await page.getByLabel('API token').fill('not the token at all');
    await press('Sign in');
    expect(await page.getByRole('alert').textContent()).toBe('That is not the API token.');
    await signIn(page, site);
    expect(await page.getByRole('heading', { name: 'No clips yet' }).isVisible()).toBe(true);
  });

  it('shows an SQL error at its line and keeps what was typed', async () => {
    await page.getByRole('link', { name: 'Make the first clip' }).click();
    await page.getByLabel('Name').fill('Twice <& "as" much');
    await page.getByLabel('SQL', { exact: true }).fill(wrongSql);
    await page.getByRole('button', { name: /^Run/ }).click();
    const problem = page.getByRole('region', { name: 'Problem' });
    expect(await problem.locator('.message').textContent()).toContain('column "nn" does not exist');
    expect(await problem.locator('.failed .number').textContent()).toBe('2');
    expect(await problem.locator('.failed .caret').textContent()).toBe('n');
    expect(await page.getByLabel('SQL', { exact: true }).inputValue()).toBe(wrongSql);
    expect(await page.getByLabel('Name').inputValue()).toBe('Twice <& "as" much');
  });

  it('shows the rows under the mended query', async () => {
    await page.getByLabel('SQL', { exact: true }).fill(rightSql);
    if (options.javaScriptEnabled) await page.getByLabel('SQL', { exact: true }).press('Control+Enter');
    else await page.getByRole('button', { name: /^Run/ }).click();
    const rows = page.getByRole('region', { name: 'Rows of the run' });
    expect(await rows.getByRole('row').count()).toBe(251);
    expect(await rowText(rows)).toEqual(['250', '250', '500', 'row 250']);
    expect(await page.getByLabel('SQL', { exact: true }).inputValue()).toBe(rightSql);
  });

  it('saves the clip and shows its public URL', async () => {
    await press('Save clip');
    await page.getByRole('heading', { level: 1, name: 'Twice <& "as" much' }).waitFor();
    publicUrl = await shownUrl();
    expect(publicUrl).toMatch(new RegExp(`^${site.url}/c/[\\w-]{22}$`));
    const copy = page.getByRole('button', { name: 'Copy the public URL' });
    expect(await copy.isVisible()).toBe(options.javaScriptEnabled);
    if (!options.javaScriptEnabled) return;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await copy.click();
    await page.getByRole('status').filter({ hasText: 'Copied' }).waitFor({ state: 'attached' });
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(publicUrl);
  });

  it('gives whoever has the URL the table, its pages, its SQL and its downloads', async () => {
    const { page: public_ } = reader;
    await public_.goto(publicUrl);
    expect(await public_.getByRole('heading', { level: 1 }).textContent()).toBe('Twice <& "as" much');
    expect(await public_.getByText('Rows 1–100, more follow').isVisible()).toBe(true);
    await public_.getByRole('link', { name: 'Next' }).click();
    expect(await public_.getByText('Rows 101–200, more follow').isVisible()).toBe(true);
    const rows = public_.getByRole('region', { name: /^Rows of/ });
    expect(await rowText(rows)).toEqual(['200', '200', '400', 'row 200']);
    expect(await public_.locator('pre.sql').textContent()).toBe(rightSql);
    expect(await public_.getByRole('link', { name: 'Edit' }).count()).toBe(0);
    expect(await findStructureProblems(public_)).toEqual([]);
    const csv = await download(public_, 'CSV');
    expect(csv.fileName).toMatch(/\.csv$/);
    expect(csv.bytes.equals(await fetchBytes(`${publicUrl}.csv`))).toBe(true);
    expect(csv.bytes.toString().split('\n', 3)).toEqual(['n,twice,label', '1,2,row 1', '2,4,row 2']);
  });

  it('freezes the clip and thaws it again', async () => {
    await press('Freeze');
    await page.getByText(/^Frozen \d{4}-/).waitFor();
    const { page: public_ } = reader;
    await public_.goto(publicUrl);
    expect(await public_.getByText('Rows 1–100 of 250').isVisible()).toBe(true);
    const excel = await download(public_, 'Excel');
    expect(excel.fileName).toMatch(/\.xlsx$/);
    expect(excel.bytes.equals(await fetchBytes(`${publicUrl}.xlsx`))).toBe(true);
    expect(excel.bytes.subarray(0, 2).toString()).toBe('PK');
    await page.locator('.history a').first().click();
    expect(await page.getByText('This is one snapshot of the clip').isVisible()).toBe(true);
    await page.goBack();
    await press('Thaw');
    await page.getByText('Ran just now').waitFor();
  });

  it('edits the clip, and the same URL shows the new revision', async () => {
    await page.getByRole('link', { name: 'Edit', exact: true }).click();
    expect(await page.getByLabel('SQL', { exact: true }).inputValue()).toBe(rightSql);
    await page.getByLabel('SQL', { exact: true }).fill("\nselect 'second' as revision");
    await press('Save');
    await page.getByText('Revision 2').first().waitFor();
    await reader.page.goto(publicUrl);
    expect(await reader.page.locator('pre.sql').textContent()).toBe("\nselect 'second' as revision");
    expect(await reader.page.getByRole('cell', { name: 'second' }).isVisible()).toBe(true);
  });

  it('rotates the URL, and the old one is gone', async () => {
    await page.getByText('Rotate the URL', { exact: true }).click();
    await press('Rotate the URL now');
    await expect.poll(shownUrl).not.toBe(publicUrl);
    const gone = await reader.page.goto(publicUrl);
    expect(gone?.status()).toBe(404);
    expect(await reader.page.getByRole('heading', { level: 1 }).textContent()).toBe('There is no such clip');
    expect(await findStructureProblems(reader.page)).toEqual([]);
    publicUrl = await shownUrl();
    expect((await reader.page.goto(publicUrl))?.status()).toBe(200);
  });

  it('finds clips by name and SQL in the list', async () => {
    await site.save({ name: 'Another', sql: 'select 42 as answer' });
    await page.getByRole('link', { name: 'Clips', exact: true }).click();
    expect(await page.locator('.clips .name').allTextContents()).toEqual(['Another', 'Twice <& "as" much']);
    await page.getByLabel('Search names and SQL').fill('ANSWER');
    await page.getByLabel('Search names and SQL').press('Enter');
    await page.waitForURL(/\?q=ANSWER$/);
    expect(await page.locator('.clips .name').allTextContents()).toEqual(['Another']);
    await page.getByLabel('Search names and SQL').fill('<nowhere>');
    await press('Search');
    expect(await page.getByText('No clip has <nowhere> in its name').isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Show all clips' }).click();
  });

  it('deletes the clip, and its URL is gone', async () => {
    await page.getByRole('link', { name: 'Twice <& "as" much', exact: true }).click();
    await page.getByText('Delete the clip', { exact: true }).click();
    await press('Delete the clip now');
    await page.getByRole('heading', { level: 1, name: 'Clips' }).waitFor();
    expect(await page.locator('.clips .name').allTextContents()).toEqual(['Another']);
    expect((await reader.page.goto(publicUrl))?.status()).toBe(404);
  });

  it('signs out', async () => {
    await press('Sign out');
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.goto(site.url);
    expect(new URL(page.url()).pathname).toBe('/sign-in');
  });
});
