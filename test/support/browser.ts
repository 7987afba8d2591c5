/**
 * A real Chromium, and visitors whose pages are watched for whatever a person would only see in the console.
 * It makes no assertion itself.
 */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type TestServer, testToken } from './server.ts';

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Debian's Chromium; to be closed. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args });
}

export interface Visitor {
  readonly page: Page;
  /** What went wrong in the visitor's pages: errors and warnings of the console, failed requests, dialogs. */
  readonly problems: string[];
  close(): Promise<void>;
}

/** Opens a page without cookies. */
export async function openVisitor(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(5_000);
  const problems: string[] = [];
  watch(page, problems);
  return { page, problems, close: () => context.close() };
}

function watch(page: Page, problems: string[]): void {
  const documents = new Set<string>();
  page.on('request', (request) => {
    if (request.isNavigationRequest()) documents.add(request.url());
  });
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    // Chromium also logs the status of a document that is meant to be an error page.
    const isDocument = documents.has(message.location().url);
    if (isDocument && message.text().startsWith('Failed to load resource')) return;
    problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? '';
    // What becomes a download is no navigation any more.
    if (reason !== 'net::ERR_ABORTED') problems.push(`request: ${request.url()} ${reason}`);
  });
  page.on('response', (response) => {
    if (!response.request().isNavigationRequest() && response.status() >= 400)
      problems.push(`response: ${response.status()} ${response.url()}`);
  });
  page.on('dialog', async (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
}

/** Signs in through the form. */
export async function signIn(page: Page, server: Pick<TestServer, 'url'>): Promise<void> {
  await page.goto(`${server.url}/sign-in`);
  await page.getByLabel('API token').fill(testToken);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Clips' }).waitFor();
}
