import { describe, expect, it } from 'vitest';
import type { LinkChange, LinkStatus } from '../../src/domain/data-link.ts';
import type { Explanation } from '../../src/domain/explanation.ts';
import type { DatabaseStatus } from '../../src/domain/ports.ts';
import { DatabasesPage, type ListedDatabase } from '../../views/databases.tsx';
import { ExplanationPage, type ExplanationPageProps } from '../../views/explanation.tsx';
import { LinkPage, type LinkPageProps } from '../../views/link.tsx';

const hostile = '<img src=x>';
const context = { viewer: { signedIn: true } };

const status: DatabaseStatus = {
  name: 'DATABASE_URL',
  reachable: true,
  serverVersion: '18.4',
  databaseName: hostile,
  login: 'reader',
  safe: true,
  problems: [],
  error: null,
};
const typed = { remote: 'ARCHIVE_URL', as: '"Wrong"', schema: 'sales', prefix: '', writable: false };
const link: LinkStatus = {
  name: 'warehouse',
  database: 'DATABASE_URL',
  remote: 'WAREHOUSE_URL',
  redis: null,
  remoteDatabase: hostile,
  remoteSchema: hostile,
  server: 'warehouse_server',
  createdAt: '2026-11-20T08:15:00.000Z',
  refreshedAt: '2026-11-21T09:00:00.000Z',
  tables: 12,
  problems: [],
  changes: [],
};
const change = (part: Partial<LinkChange>): LinkChange => ({
  change: 'added',
  kind: 'column',
  name: 'users.plan',
  table: 'users',
  detail: null,
  ...part,
});

/** The text of a page without markup, its white space as one space. */
const textOf = (html: string) =>
  html
    .replace(/<[^>]*>/g, ' ')
    .replace(/&quot;|&#39;/g, "'")
    .replace(/\s+/g, ' ');

describe('the page of databases', () => {
  const listed: ListedDatabase = { status, links: [link], writable: true, remotes: ['WAREHOUSE_URL'] };
  const draw = async (part: Partial<ListedDatabase> = {}) =>
    String(await DatabasesPage({ ...context, databases: [{ ...listed, ...part }] }));

  it('shows server, login and links, and leads to each of them', async () => {
    const html = await draw();
    expect(html).not.toContain(hostile);
    expect(html).toContain('href="/databases/DATABASE_URL/links/warehouse"');
    expect(textOf(html)).toMatch(/DATABASE_URL Safe login PostgreSQL 18.4 database .* login reader/);
    expect(textOf(html)).toMatch(/warehouse Up to date WAREHOUSE_URL .* 12 tables/);
    expect(html).toContain('aria-current="page">Databases');
  });

  it.each<[Partial<LinkStatus>, RegExp]>([
    [{ changes: [change({})] }, /warehouse Changed .* 1 changed on the remote since 2026-11-21/],
    [{ changes: null }, /warehouse Not compared/],
    [{ changes: null, problems: [{ level: 'broken', message: 'Gone.' }] }, /warehouse Broken .* Gone\./],
    [{ problems: [{ level: 'warn', message: 'It may write.' }] }, /warehouse Up to date .* It may write\./],
  ])('says how a link is: %o', async (part, text) => {
    expect(textOf(await draw({ links: [{ ...link, ...part }] }))).toMatch(text);
  });

  it.each<[string, Partial<ListedDatabase>, string]>([
    ['no links', { links: [] }, 'Nothing is linked into this database.'],
    ['links that can not be seen', { links: null, linksProblem: 'It is away.' }, 'It is away.'],
    ['no owner', { writable: false }, 'set DATABASE_OWNER_URL to a login that owns the database'],
    ['nothing to link', { remotes: [] }, 'There is no other database and no Redis to link.'],
    ['an unsafe login', { status: { ...status, safe: false } }, 'DATABASE_URL Unsafe login'],
    [
      'a database that is away',
      { status: { ...status, reachable: false, safe: null, error: 'It is down.' }, links: null },
      'Not reachable It is down.',
    ],
  ])('says what there is to say of %s', async (_, part, text) => {
    const html = await draw(part);
    expect(textOf(html)).toContain(text);
    expect(html.includes('action="/databases"')).toBe(
      !['no owner', 'nothing to link', 'links that can not be seen', 'a database that is away'].includes(_),
    );
  });

  it('says at once what is wrong with a login, and how to get a better one', async () => {
    const problems = [
      { level: 'refuse', message: 'It is a superuser.' },
      { level: 'warn', message: 'It may create schemas.' },
      { level: 'refuse', message: 'It may write to tables.' },
    ] as const;
    const html = await draw({ status: { ...status, safe: false, problems } });
    expect(textOf(html)).toMatch(/more than read: It is a superuser\. It may write to tables\. This makes/);
    expect(html).toMatch(/data-copy-source[^>]*>npx pgclip databases harden DATABASE_URL</);
    expect(html.match(/class="note/g)).toHaveLength(2);
    const warned = await draw({ status: { ...status, problems: problems.slice(1, 2) } });
    expect(textOf(warned)).toContain('It may create schemas.');
    expect(warned).not.toContain('harden');
  });

  it('has words when there is no database at all', async () => {
    expect(String(await DatabasesPage({ ...context, databases: [] }))).toContain('No database yet');
  });

  it('keeps what was typed, and ties an error to its field', async () => {
    const remotes = ['ARCHIVE_URL', 'WAREHOUSE_URL'];
    const html = await draw({
      remotes,
      refused: { typed, problem: null, errors: { as: 'The name is wrong.' } },
    });
    expect(html).toMatch(/<details class="new-link" open/);
    expect(html).toMatch(/<option value="ARCHIVE_URL" selected/);
    expect(html).toContain('value="&quot;Wrong&quot;"');
    expect(html).toContain('value="sales"');
    expect(html).toMatch(/aria-invalid="true" aria-describedby="(link-0-as-error)"[^>]*>.*<p id="\1"/);
  });

  it('asks of a Redis what only a Redis has, when there is one', async () => {
    const remotes = ['WAREHOUSE_URL', 'CACHE_URL'];
    expect(await draw({ remotes })).not.toMatch(/name="(prefix|writable)"|Redis/);
    const redisRemotes = ['CACHE_URL'];
    const html = await draw({ remotes, redisRemotes });
    expect(html).toMatch(
      /<optgroup label="Postgres"><option value="WAREHOUSE_URL">.*<optgroup label="Redis" class="redis"><option value="CACHE_URL">/,
    );
    expect(html).toMatch(/class="field of-redis">.*name="prefix"/);
    expect(await draw({ remotes: redisRemotes, redisRemotes })).not.toContain('label="Postgres"');
    expect(html).not.toMatch(/name="writable"[^>]* checked/);
    const errors = { writable: 'It needs a gateway.' };
    const refused = { typed: { ...typed, prefix: 'app:', writable: true }, problem: null, errors };
    const again = await draw({ remotes, redisRemotes, refused });
    expect(again).toContain('value="app:"');
    expect(again).toMatch(/name="writable"[^>]* checked[^>]* aria-describedby="(link-0-writable-error)"/);
    expect(again).toMatch(/<p id="link-0-writable-error"[^>]*>It needs a gateway\.</);
  });

  it('gives SQL for an administrator apart from its words, so that it can be copied', async () => {
    const detail =
      "The owner's login demo lacks rights:\nIt may not do this: GRANT CREATE ON DATABASE a TO b;\nCREATE EXTENSION postgres_fdw;\nThat is all.";
    const html = await draw({
      refused: { typed, problem: { title: 'No', detail }, errors: {} },
    });
    const code = [...html.matchAll(/data-copy-source[^>]*>([^<]*)</g)].map(([, text]) => text);
    expect(code).toEqual(['GRANT CREATE ON DATABASE a TO b;\nCREATE EXTENSION postgres_fdw;']);
    expect(textOf(html)).toMatch(/lacks rights: It may not do this: GRANT .* Copy That is all\./);
  });
});

describe('the page of a link', () => {
  const draw = async (part: Partial<LinkPageProps> = {}) =>
    String(
      await LinkPage({ ...context, link, writable: true, uses: { clips: [], dependents: [] }, ...part }),
    );

  it('says what it is, and that there is nothing to do', async () => {
    const html = await draw();
    const text = textOf(html);
    expect(html).not.toContain(hostile);
    for (const fact of ['warehouse_server', '12 tables', '2026-11-20 08:15 UTC', '2026-11-21 09:00 UTC'])
      expect(text).toContain(fact);
    expect(text).toContain('The link is as its remote.');
    expect(text).toContain('No clip and no view uses it.');
  });

  it.each([
    [
      { prefix: 'app:', writable: true, gateway: true, missedGateway: null },
      'Redis database 1, keys app:*, writable',
    ],
    [
      { prefix: '', writable: false, gateway: false, missedGateway: null },
      'Redis database 1, read by pgclip itself',
    ],
  ])('says of a Redis what of it is there: %o', async (redis, text) => {
    const parts = { remote: 'CACHE_URL', remoteDatabase: '1', redis };
    const drawn = textOf(await draw({ link: { ...link, ...parts, tables: 7 } }));
    expect(drawn).toContain(text);
    expect(drawn).toContain('7 tables: redis , hashes , lists , sets , zsets , streams , keys');
    expect(textOf(await draw({ link: { ...link, ...parts, tables: 6 } }))).toMatch(/ 6 tables Created/);
  });

  it('lists what a refresh would do; the definition of a lost view can be opened', async () => {
    const changes = [
      change({ name: hostile, detail: 'text' }),
      change({ change: 'changed', name: 'orders.id', detail: 'integer → bigint' }),
      change({ change: 'removed', kind: 'dependent', name: 'view public.paying', detail: 'SELECT 1' }),
    ];
    const html = await draw({ link: { ...link, changes } });
    expect(html).not.toContain(hostile);
    expect(textOf(html)).toMatch(
      /Added 1 .*column .* text Changed 1 .*column orders.id integer → bigint Removed 1 view public.paying SELECT 1 Copy/,
    );
  });

  it('folds a long list', async () => {
    const changes = Array.from({ length: 60 }, (_, at) => change({ name: `t.column_${at}` }));
    const html = await draw({ link: { ...link, changes } });
    expect(textOf(html)).toContain('45 more');
    expect(html.match(/t\.column_/g)).toHaveLength(60);
    expect(html.indexOf('<summary>45 more')).toBeGreaterThan(html.indexOf('t.column_14<'));
    expect(html.indexOf('<summary>45 more')).toBeLessThan(html.indexOf('t.column_15<'));
  });

  it('says what was done, warnings too', async () => {
    const report = { link, changes: [change({})], warnings: ['A table was left out.'] };
    expect(textOf(await draw({ done: { what: 'refreshed', report } }))).toMatch(
      /The link is refreshed Added 1 column users.plan A table was left out\./,
    );
    expect(textOf(await draw({ done: { what: 'made', report } }))).toMatch(
      /The link is made 12 tables can be read as warehouse.table from now on\. A table was left out\./,
    );
    const nothing = { what: 'refreshed', report: { link, changes: [], warnings: [] } } as const;
    expect(textOf(await draw({ done: nothing }))).toContain('Nothing had changed.');
  });

  it('shows what uses it, and what its removal would hit', async () => {
    const clips = Array.from({ length: 12 }, (_, at) => ({
      id: `id${at}`,
      name: `Clip ${at}`,
      mode: at === 0 ? ('frozen' as const) : ('live' as const),
    }));
    const html = await draw({ uses: { clips, dependents: [`view public."${hostile}"`] } });
    expect(html).not.toContain(hostile);
    expect(html).toContain('href="/clips/id11"');
    expect(textOf(html)).toMatch(/Clip 0 Frozen Clip 1 Clip 2/);
    expect(textOf(html)).toMatch(/12 clips use it: .*Clip 9 and 2 more\. Live ones fail/);
    expect(textOf(html)).toMatch(/This goes with it: view public/);
  });

  it('opens the removal that was refused, with what was typed', async () => {
    const html = await draw({ typed: 'ware"house', refused: { title: 'No', detail: 'Not confirmed.' } });
    expect(html).toMatch(/<details class="confirm" open/);
    expect(html).toContain('value="ware&quot;house"');
    expect(html.match(/role="alert"/g)).toHaveLength(1);
  });

  it('offers nothing to change without the owner', async () => {
    const html = await draw({ writable: false });
    expect(html).not.toContain('action="/databases');
    expect(textOf(html)).toContain('set DATABASE_OWNER_URL to a login');
  });
});

describe('the page of an explanation', () => {
  const clip: ExplanationPageProps['clip'] = {
    id: 'abc',
    name: hostile,
    mode: 'live',
    sql: 'select 1',
    database: 'DATABASE_URL',
  };
  const explanation: Explanation = {
    remoteParts: [
      {
        link: 'warehouse',
        server: 'warehouse_server',
        tables: ['warehouse.orders', 'warehouse.users'],
        work: ['join'],
        rows: 1204,
        times: 1,
        sql: `SELECT '${hostile}'`,
      },
    ],
    rows: 204,
    durationMs: 84,
    plan: `Foreign Scan ${hostile}`,
  };
  const draw = async (part: Partial<ExplanationPageProps> = {}) =>
    String(await ExplanationPage({ ...context, clip, outcome: { kind: 'explained', explanation }, ...part }));

  it('says what ran where, with the SQL of the remote and the plan', async () => {
    const html = await draw();
    const text = textOf(html);
    expect(html).not.toContain(hostile);
    expect(text).toContain('2 tables joined on warehouse, 1,204 rows fetched');
    expect(text).toMatch(/On warehouse Tables warehouse.orders , warehouse.users Done there read, joined/);
    expect(text).toContain('204 rows 84 ms DATABASE_URL');
    expect(text).toContain('Foreign Scan');
    expect(text).not.toContain('The clip is frozen');
  });

  it('says of a query without remotes that there was none', async () => {
    const html = await draw({
      outcome: { kind: 'explained', explanation: { ...explanation, remoteParts: [] } },
    });
    expect(html).toContain('Everything ran in the database itself.');
    expect(html).not.toContain('What the remotes were asked');
  });

  it('says what was read of a linked Redis', async () => {
    const read = { relation: 'hredis.redis', reads: 'everything', keys: null, handedOver: false } as const;
    const reductions = [{ ...read, reason: `it depends on ${hostile}` }];
    const html = await draw({ outcome: { kind: 'explained', explanation: { ...explanation, reductions } } });
    expect(html).not.toContain(hostile);
    expect(textOf(html)).toContain('hredis.redis not reduced to keys: it depends on');
  });

  it('says of a frozen clip that this is not its snapshot', async () => {
    expect(textOf(await draw({ clip: { ...clip, mode: 'frozen' } }))).toContain('The clip is frozen');
  });

  it('shows an error as the editor does, with what the remote was asked', async () => {
    const sql = {
      sqlstate: '42703',
      message: 'no column',
      hint: 'Refresh.',
      remoteSql: 'SELECT gone',
      line: 1,
    };
    const html = await draw({ outcome: { kind: 'problem', title: 'It failed', detail: 'x', sql } });
    expect(textOf(html)).toMatch(
      /It failed no column Hint: Refresh\. 1 select 1 The remote was asked: SELECT gone/,
    );
    const plain = await draw({ outcome: { kind: 'problem', title: 'Busy', detail: 'Try again.' } });
    expect(textOf(plain)).toContain('Busy Try again.');
  });
});
