/**
 * A real Chromium before a real server: a site with a database and an empty store of its own, and visitors whose
 * pages are watched for whatever a person would only see in the console. It makes no assertion itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { parseSettings } from '../../src/config/settings.ts';
import { startServer } from '../../src/node.ts';
import { createTestDatabase } from './postgres.ts';

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

export interface SavedClip {
  readonly id: string;
  readonly slug: string;
  readonly url: string;
}

export interface Site {
  readonly url: string;
  readonly token: string;
  /** Saves a clip as the API's users do. */
  saveClip(clip: { name: string; sql: string; mode?: 'live' | 'frozen' }): Promise<SavedClip>;
  /** Stops the server and removes its database and store. */
  close(): Promise<void>;
}

/** Starts a server with an empty database and an empty store. `postgresUrl` is the superuser's. */
export async function openSite(postgresUrl: string): Promise<Site> {
  const token = 'token-of-the-browser-tests';
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-site-'));
  const database = await createTestDatabase(postgresUrl);
  const env = { DATABASE_URL: database.readerUrl, API_TOKEN: token, PORT: '0', PGCLIP_DIR: dir };
  const server = await startServer({ settings: parseSettings(env, 'node'), log: () => {} });
  return {
    url: server.url,
    token,
    async saveClip(clip) {
      const response = await fetch(`${server.url}/api/clips`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        body: JSON.stringify(clip),
      });
      if (response.status !== 201) throw new Error(`The clip was not saved: ${await response.text()}`);
      return (await response.json()) as SavedClip;
    },
    async close() {
      await server.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
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
  page.setDefaultTimeout(10_000);
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
export async function signIn(page: Page, site: Site): Promise<void> {
  await page.goto(`${site.url}/sign-in`);
  await page.getByLabel('API token').fill(site.token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Clips' }).waitFor();
}
