/** Databases, data links and explanations as a person uses them: with scripts and without, and how they look. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LinkChange } from '../../src/domain/data-link.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { LinkWork } from '../../src/domain/link-host.ts';
import { openBrowser, openVisitor, signIn, type Visitor } from '../support/browser.ts';
import { type LinkSite, openLinkSite } from '../support/link-site.ts';
import { findContrastProblems, findKeyboardProblems, findStructureProblems } from './audit.ts';

const hostile = '<img src=x onerror=alert(1)>';
const longName = 'a_name_that_goes_on_and_on_until_it_has_all_sixty_three_letters';

let browser: Browser;
let site: LinkSite;
/** One that has a Redis to link. Who is signed in at the other is here as well. */
let redisSite: LinkSite;

beforeAll(async () => {
  browser = await openBrowser();
  site = await openLinkSite();
  redisSite = await openLinkSite({ redis: true });
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await redisSite.close();
});
beforeEach(() => {
  for (const { host } of [site, redisSite]) {
    for (const each of [host.links, host.differs, host.failures]) each.clear();
    Object.assign(host, { dependents: [], warnings: [], onWork: async () => {} });
  }
});

const change = (part: Partial<LinkChange>): LinkChange => ({
  change: 'added',
  kind: 'column',
  name: 'users.plan',
  table: 'users',
  detail: 'text',
  ...part,
});

describe.each([true, false])('with scripts: %s', (javaScriptEnabled) => {
  let visitor: Visitor;
  let page: Page;

  beforeAll(async () => {
    visitor = await openVisitor(browser, { javaScriptEnabled, viewport: { width: 320, height: 640 } });
    page = visitor.page;
    await signIn(page, site);
  });
  afterAll(() => visitor.close());

  const linkIt = async (name: string) => {
    await page.getByText('Link another database', { exact: true }).click();
    await page.getByLabel('Database to link').selectOption('WAREHOUSE_URL');
    await page.getByLabel('Name (optional)').fill(name);
    await page.getByRole('button', { name: 'Link it' }).click();
  };

  it('a database is linked, refreshed and removed', async () => {
    await page.getByRole('link', { name: 'Databases' }).click();
    site.host.failures.set('create', new AppError('link_name_taken', 'There is a schema sales already.'));
    await linkIt('sales');
    await page.getByRole('alert').getByText('There is a schema sales already.').waitFor();
    const name = page.getByLabel('Name (optional)');
    expect(await name.inputValue()).toBe('sales');
    expect(await page.getByLabel('Database to link').inputValue()).toBe('WAREHOUSE_URL');
    site.host.failures.clear();
    await name.fill('shop');
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.getByRole('heading', { level: 1, name: 'shop' }).waitFor();

    site.host.differs.set('shop', [change({})]);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByRole('heading', { name: 'The link is refreshed' }).waitFor();
    expect(await page.locator('.change-lists').textContent()).toBe('Added 1column users.plan text');
    expect(new URL(page.url()).pathname).toBe('/databases/DATABASE_URL/links/shop');

    await page.getByText('Remove the link', { exact: true }).click();
    await page.getByLabel('Type shop to confirm').fill('ship');
    await page.getByRole('button', { name: 'Remove the link now' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByLabel('Type shop to confirm').inputValue()).toBe('ship');
    await page.getByLabel('Type shop to confirm').fill('shop');
    await page.getByRole('button', { name: 'Remove the link now' }).click();
    await page.getByText('Nothing is linked into this database.').first().waitFor();
    expect(site.host.links.size).toBe(0);
    expect(visitor.problems).toEqual([]);
  });

  it('a new link that warns of something says so on its page, which can be loaded again', async () => {
    site.host.warnings = ['The table payroll was left out.'];
    await page.goto(`${site.url}/databases`);
    await linkIt('shop');
    await page.getByText('The table payroll was left out.').waitFor();
    if (javaScriptEnabled) await page.reload();
    else await page.goto(`${site.url}/databases/DATABASE_URL/links/shop`);
    await page.getByRole('heading', { level: 1, name: 'shop' }).waitFor();
    expect(await page.getByText('The table payroll was left out.').count()).toBe(0);
    expect(visitor.problems).toEqual([]);
  });
});

describe.each([true, false])('a Redis, with scripts: %s', (javaScriptEnabled) => {
  let visitor: Visitor;
  let page: Page;

  beforeAll(async () => {
    visitor = await openVisitor(browser, { javaScriptEnabled, viewport: { width: 320, height: 640 } });
    page = visitor.page;
    await signIn(page, redisSite);
  });
  afterAll(() => visitor.close());

  it('is asked for what only it has, and linked', async () => {
    await page.goto(`${redisSite.url}/databases`);
    await page.getByText('Link another database or a Redis', { exact: true }).click();
    const [schema, prefix] = [
      page.getByLabel('Schema of the remote'),
      page.getByLabel('Keys that begin with'),
    ];
    const writable = page.getByRole('checkbox', { name: 'Writable by SQL, never by clips' });
    const seen = async () => [await schema.isVisible(), await prefix.isVisible(), await writable.isVisible()];
    expect(await seen()).toEqual([true, false, false]);
    const remote = page.getByLabel('Database or Redis');
    await remote.selectOption('CACHE_URL');
    expect(await seen()).toEqual([false, true, true]);
    await prefix.fill('app:');
    await writable.check();

    // What is wrong is told, though its field was hidden.
    await remote.selectOption('WAREHOUSE_URL');
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.getByRole('alert').getByText('The prefix is for a Redis').waitFor();
    expect([await prefix.inputValue(), ...(await seen())]).toEqual(['app:', true, true, false]);
    await remote.selectOption('CACHE_URL');
    expect(await writable.isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.getByRole('heading', { level: 1, name: 'cache' }).waitFor();
    expect(await page.locator('.link-facts').textContent()).toContain(
      'CACHE_URL, Redis database 0, keys app:*, writable',
    );
    expect(visitor.problems).toEqual([]);
  });
});

describe('while a link is made', () => {
  let visitor: Visitor;
  let page: Page;

  beforeAll(async () => {
    visitor = await openVisitor(browser, { viewport: { width: 320, height: 640 } });
    page = visitor.page;
    await signIn(page, site);
  });
  afterAll(() => visitor.close());

  it('one sees how far it is, and can cancel it', async () => {
    const working = Promise.withResolvers<LinkWork>();
    const aborted = Promise.withResolvers<never>();
    site.host.onWork = (work) => {
      work.onProgress?.({ step: 'making tables', done: 1200, total: 3400 });
      work.signal?.addEventListener('abort', () =>
        aborted.reject(new AppError('run_cancelled', 'Cancelled.')),
      );
      working.resolve(work);
      return aborted.promise;
    };
    aborted.promise.catch(() => {});
    await page.goto(`${site.url}/databases`);
    await page.getByText('Link another database', { exact: true }).click();
    await page.getByLabel('Database to link').selectOption('WAREHOUSE_URL');
    await page.getByRole('button', { name: 'Link it' }).click();
    const bar = page.getByRole('progressbar', { name: 'Linking the database' });
    await page.getByText('Making tables: 1,200 of 3,400').waitFor();
    expect(await bar.evaluate((element: HTMLProgressElement) => [element.value, element.max])).toEqual([
      1200, 3400,
    ]);
    expect(await page.getByRole('button', { name: 'Link it' }).isVisible()).toBe(false);
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);

    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect(aborted.promise).rejects.toThrow('Cancelled.');
    expect((await working.promise).signal?.aborted).toBe(true);
    await bar.waitFor({ state: 'hidden' });
    expect(site.host.links.size).toBe(0);
    expect(visitor.problems).toEqual([]);
  });

  it('is told when it has lost its session', async () => {
    site.host.add('shop');
    await page.goto(`${site.url}/databases/DATABASE_URL/links/shop`);
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByLabel('API token').waitFor();
  });
});

/** How each page comes to look as it does. */
const pages: Record<string, (page: Page) => Promise<unknown>> = {
  'databases without links': (page) => page.goto(`${site.url}/databases`),
  'databases with one link': (page) => {
    site.host.add('shop');
    return page.goto(`${site.url}/databases`);
  },
  'databases with twelve links, one of them broken': (page) => {
    for (let at = 0; at < 10; at++) site.host.add(`shop_${at}`);
    site.host.add(longName, { remoteDatabase: hostile, remote: `${longName}_URL`.toUpperCase() });
    site.host.add('broken', {
      remoteDatabase: null,
      problems: [
        { level: 'broken', message: `The server ${hostile} is gone.` },
        { level: 'warn', message: 'Look at it: GRANT USAGE ON SCHEMA broken TO reader;' },
      ],
    });
    site.host.differs.set('shop_3', [change({})]);
    return page.goto(`${site.url}/databases`);
  },
  'a refused link': async (page) => {
    const failure = `Rights are missing.\nIt may not: GRANT CREATE ON DATABASE ${longName} TO ${longName};`;
    site.host.failures.set('create', new AppError('owner_lacks_rights', failure));
    await page.goto(`${site.url}/databases`);
    await page.getByText('Link another database', { exact: true }).click();
    await page.getByLabel('Database to link').selectOption('ARCHIVE_URL');
    await page.getByRole('button', { name: 'Link it' }).click();
    await page.getByRole('alert').waitFor();
  },
  'a Redis that is to be linked': async (page) => {
    await page.goto(`${redisSite.url}/databases`);
    await page.getByText('Link another database or a Redis', { exact: true }).click();
    await page.getByLabel('Database or Redis').selectOption('CACHE_URL');
  },
  'a linked Redis': (page) => {
    const redis = { prefix: `${hostile}:`, writable: true, gateway: false, missedGateway: null };
    redisSite.host.add('hredis', {
      remote: 'CACHE_URL',
      remoteDatabase: '15',
      redis,
      server: null,
      tables: 7,
    });
    return page.goto(`${redisSite.url}/databases/DATABASE_URL/links/hredis`);
  },
  'a link with sixty changes': (page) => {
    site.host.add(longName, { remoteSchema: hostile });
    const changes = Array.from({ length: 60 }, (_, at) =>
      change({
        change: (['added', 'changed', 'removed'] as const)[at % 3] as LinkChange['change'],
        name: at % 5 === 0 ? `${longName}.${longName}` : `users.column_${at}`,
        detail: at % 3 === 1 ? 'character varying(20) → character varying(255)' : null,
      }),
    );
    const view = change({
      change: 'removed',
      kind: 'dependent',
      name: `view ${hostile}`,
      detail: 'SELECT 1',
    });
    site.host.differs.set(longName, [...changes, view]);
    site.host.dependents = [`view public.${longName}`, `view ${hostile}`];
    return page.goto(`${site.url}/databases/DATABASE_URL/links/${longName}`);
  },
  'a refreshed link': async (page) => {
    site.host.add('shop', { problems: [{ level: 'warn', message: 'The login of SHOP_URL may write.' }] });
    site.host.differs.set('shop', [change({})]);
    site.host.warnings = [`${hostile} was left out.`];
    await page.goto(`${site.url}/databases/DATABASE_URL/links/shop`);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await page.getByRole('heading', { name: 'The link is refreshed' }).waitFor();
  },
  'an explanation': async (page) => {
    const id = await site.save({ name: hostile, sql: `select * from ${longName}.${longName}` });
    const part = {
      link: longName,
      server: `${longName}_server`,
      tables: [`${longName}.${longName}`, `shop."${hostile}"`],
      work: ['join', 'sort'],
      rows: 1204,
      times: 40,
      sql: `SELECT ${'r1.column, '.repeat(40)} FROM "${hostile}" r1`,
    } as const;
    site.databases.DATABASE_URL.explain = async () => ({
      remoteParts: [part, { ...part, link: 'shop', times: 1 }],
      rows: 204,
      durationMs: 84,
      plan: `Foreign Scan ${'x'.repeat(400)} ${hostile}\n`.repeat(60),
    });
    await page.goto(`${site.url}/clips/${id}/explain`);
  },
};

const looks = [
  { width: 320, height: 640, colorScheme: 'light' },
  { width: 768, height: 900, colorScheme: 'dark' },
  { width: 1440, height: 900, colorScheme: 'light' },
] as const;

describe.each(looks)('$width px wide, $colorScheme', ({ width, height, colorScheme }) => {
  let visitor: Visitor;

  beforeAll(async () => {
    const options = { viewport: { width, height }, colorScheme, reducedMotion: 'reduce' } as const;
    visitor = await openVisitor(browser, options);
    await signIn(visitor.page, site);
  });
  afterAll(() => visitor.close());

  it.each(Object.entries(pages))('%s', async (_, open) => {
    const { page } = visitor;
    await open(page);
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    await page.evaluate(() => {
      for (const each of document.querySelectorAll('details')) each.open = true;
      // What was refused has the focus, and the walk with the Tab key begins at the top.
      document.querySelector<HTMLElement>('.skip')?.focus();
    });
    expect(await findStructureProblems(page)).toEqual([]);
    expect(await findContrastProblems(page)).toEqual([]);
    await page.keyboard.press('Shift+Tab');
    expect(await findKeyboardProblems(page)).toEqual([]);
    expect(await page.locator('img, [onerror], script:not([src])').count()).toBe(0);
    expect(visitor.problems).toEqual([]);
  });
});
