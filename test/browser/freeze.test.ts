/** Freezing in place: a person sees how far it has come, cancels it, and is told the truth when it fails. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { closeGate, type Gate, rowsAroundGate, waitAtGate } from '../support/gate.ts';
import { type ClipAnswer, openTestServer, type TestServer, waitFor } from '../support/server.ts';
import { findContrastProblems, findStructureProblems } from './audit.ts';

let browser: Browser;
let site: TestServer;
let gate: Gate;
let author: Visitor;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  site = await openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: () => ({ SNAPSHOT_MAX_BYTES: '2000000' }),
  });
  gate = await closeGate(site.database.superuserUrl);
  author = await openVisitor(browser, { viewport: { width: 320, height: 640 } });
  page = author.page;
  await signIn(page, site);
});
afterAll(async () => {
  await author.close();
  await browser.close();
  await gate.end();
  await site.close();
});
afterEach(async () => {
  expect(await findStructureProblems(page)).toEqual([]);
  expect(await findContrastProblems(page)).toEqual([]);
  expect(author.problems.splice(0)).toEqual([]);
});

const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
const current = async (id: string) => (await site.call<ClipAnswer>('GET', `/api/clips/${id}`)).body;
const progress = () => page.getByRole('progressbar', { name: 'Freezing the clip' });

/** Opens the clip's page; its own run of the SQL passes the gate. */
async function show(clip: ClipAnswer): Promise<void> {
  await gate.open();
  await page.goto(`${site.url}/clips/${clip.id}`);
  await gate.close();
}

it('shows rows, bytes and time, and is cancelled by a button', async () => {
  const clip = await site.save({ sql: rowsAroundGate(20_000) });
  await show(clip);
  expect(await progress().isVisible()).toBe(false);
  await press('Freeze');
  await page.getByText(/^\d\d,\d{3} rows · \S+ [kM]B · \d+ s$/).waitFor();
  expect(await progress().isVisible()).toBe(true);
  expect(await page.getByRole('status').textContent()).toMatch(/^Freezing: /);
  expect(await page.getByRole('button', { name: 'Freeze', exact: true }).isVisible()).toBe(false);
  expect(await findStructureProblems(page)).toEqual([]);
  expect(await findContrastProblems(page)).toEqual([]);

  await press('Cancel');
  await waitFor(async () => (await gate.observer.busy()) === 0, 1000);
  await page.getByRole('button', { name: 'Freeze', exact: true }).waitFor();
  expect(await progress().isVisible()).toBe(false);
  expect(await page.getByRole('status').textContent()).toBe('The clip is as it was.');
  expect(await page.getByRole('alert').count()).toBe(0);
  expect(await current(clip.id)).toEqual(clip);
});

it('is there while the rows of the page still come', async () => {
  // Rows of 8 KB fill Postgres's buffer, so that the first ones leave it.
  const clip = await site.save({
    sql: `select repeat('x', 8000) as t from generate_series(1, 20) union all select ${waitAtGate}`,
  });
  await page.goto(`${site.url}/clips/${clip.id}`, { waitUntil: 'commit' });
  // The page's own script: it is run once, and awaited here.
  await page.evaluate("import('/assets/client.js').then(() => {})");
  await press('Freeze');
  await progress().waitFor();
  await press('Cancel');
  await page.getByRole('button', { name: 'Freeze', exact: true }).waitFor();
  expect(await current(clip.id)).toEqual(clip);
  await gate.open();
  await page.waitForLoadState();
  await gate.close();
});

it('leads to the frozen page at the end, and refreshes it', async () => {
  const clip = await site.save({ sql: rowsAroundGate(20_000) });
  await show(clip);
  await press('Freeze');
  await waitFor(async () => (await gate.waiting()) === 1, 3000);
  await gate.open();
  await page
    .getByText(/^Frozen \d{4}-/)
    .first()
    .waitFor();
  const first = (await current(clip.id)).snapshot?.id;
  await press('Refresh snapshot');
  await waitFor(async () => (await current(clip.id)).snapshot?.id !== first, 5000);
  await page.locator(`[data-pinned="${(await current(clip.id)).snapshot?.id}"]`).waitFor();
  await gate.close();
});

it('says in place what went wrong', async () => {
  const clip = await site.save({ sql: 'select 1 / (40000 - n) as q from generate_series(1, 50000) n' });
  await show(clip);
  await press('Freeze');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toBe('The query failed while it randivision by zero');
  expect(await page.getByRole('button', { name: 'Freeze', exact: true }).isVisible()).toBe(true);

  const large = await site.save({ sql: rowsAroundGate(50_000) });
  await show(large);
  await press('Freeze');
  await alert.waitFor();
  expect(await alert.textContent()).toContain('The clip stays as it was.');
  expect((await current(large.id)).mode).toBe('live');
});

it('says that the clip is as it was when the connection breaks off', async () => {
  const clip = await site.save({ sql: rowsAroundGate(20_000) });
  await show(clip);
  await page.route('**/freeze', (route) =>
    route.fulfill({
      headers: { 'Content-Type': 'text/event-stream' },
      body: 'event: progress\ndata: {"rows":7,"bytes":70}\n\n',
    }),
  );
  await press('Freeze');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  expect(await alert.textContent()).toBe('The connection broke offThe clip is as it was. Try again.');
  await page.unrouteAll();
});
