/** The use cases of data links, over a host that keeps its links in memory and answers when it is let. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clip } from '../../src/domain/clip.ts';
import type { DataLink, LinkChange } from '../../src/domain/data-link.ts';
import { AppError } from '../../src/domain/errors.ts';
import type { LinkHost } from '../../src/domain/link-host.ts';
import type { ClipStore, Database, DatabaseStatus } from '../../src/domain/ports.ts';
import type { RedisRemote } from '../../src/domain/redis-remote.ts';
import type { ResultSet, Row } from '../../src/domain/result-set.ts';
import { DataLinks } from '../../src/services/data-links.ts';
import { Databases } from '../../src/services/databases.ts';
import { sampleChange, sampleLink } from '../support/sample-links.ts';

const secret = 'hunter2-of-the-remote';

/** A host that behaves as one does; `differs` is what each link's remote has that it has not. */
class FakeHost implements LinkHost {
  readonly name = 'DATABASE_URL';
  writable = true;
  readonly links = new Map<string, DataLink>();
  readonly differs = new Map<string, readonly LinkChange[] | AppError | 'silent'>();
  dependents: readonly string[] = [];
  readonly asked: string[] = [];

  add(name: string, more: Partial<DataLink> = {}): DataLink {
    const link = sampleLink(this.name, name, more);
    this.links.set(name, link);
    return link;
  }

  async list() {
    this.asked.push('list');
    return [...this.links.values()];
  }

  async create({ name, schema }: { name: string; schema: string }, remote: { name: string }) {
    this.asked.push(`create ${name} of ${remote.name} ${schema}`);
    return { link: this.add(name), changes: [], warnings: [] };
  }

  async compare(name: string): Promise<readonly LinkChange[]> {
    this.asked.push(`compare ${name}`);
    const differs = this.differs.get(name) ?? [];
    if (differs instanceof AppError) throw differs;
    return differs === 'silent' ? new Promise(() => {}) : differs;
  }

  async refresh(name: string) {
    this.asked.push(`refresh ${name}`);
    const changes = await this.compare(name);
    this.differs.delete(name);
    return { link: this.add(name, { refreshedAt: '2026-11-21T09:00:00.000Z' }), changes, warnings: [] };
  }

  async uses(name: string) {
    if (!this.links.has(name)) throw new AppError('link_not_found', 'gone');
    return { dependents: this.dependents };
  }

  async destroy(name: string) {
    this.asked.push(`destroy ${name}`);
    this.links.delete(name);
  }
}

const status = (name: string, more: Partial<DatabaseStatus> = {}): DatabaseStatus => ({
  name,
  reachable: true,
  serverVersion: '18.4',
  databaseName: 'demo',
  login: 'clip_reader',
  safe: true,
  problems: [],
  error: null,
  ...more,
});

const clip = (id: string, sql: string, more: Partial<Clip> = {}) =>
  ({ id, name: id, sql, database: 'DATABASE_URL', createdAt: id, ...more }) as Clip;

/** A Redis, and no gateway through which it could be read. */
const cache: RedisRemote = {
  ...{ name: 'CACHE_URL', database: 0, gateway: null },
  makeLogin: () => ({ user: '', password: '' }),
  seal: () => '',
  check: async () => {},
};

/** Services over the host. `run` is what runs of the local database do. */
function open(
  options: { clips?: readonly Clip[]; remote?: Partial<DatabaseStatus>; run?: Database['run'] } = {},
) {
  const host = new FakeHost();
  const database = (name: string, looked: DatabaseStatus) =>
    ({ name, inspect: async () => looked, run: options.run }) as unknown as Database;
  const databases: Databases = new Databases({
    databases: [
      database('DATABASE_URL', status('DATABASE_URL')),
      database('WAREHOUSE_URL', status('WAREHOUSE_URL', options.remote)),
    ],
    allowUnsafeLogin: false,
    seen: new Map(),
    explainFailure: (...failure) => links.explainFailure(...failure),
  });
  const clips = {
    // Pages of one, so that whoever lists has to turn them.
    async list({ cursor = '0', query = '' }: { cursor?: string; query?: string }) {
      const found = (options.clips ?? []).filter(({ sql }) =>
        sql.toLowerCase().includes(query.toLowerCase()),
      );
      const at = Number(cursor);
      return { clips: found.slice(at, at + 1), next: at + 1 < found.length ? String(at + 1) : null };
    },
  } as unknown as ClipStore;
  const url = `postgres://reader:${secret}@127.0.0.1:1/app-data`;
  const links = new DataLinks({
    hosts: [host],
    databases,
    clips,
    remotes: [
      { name: 'DATABASE_URL', url },
      { name: 'WAREHOUSE_URL', url },
      { name: 'ODD_URL', url: 'postgres://reader@127.0.0.1:1/Odd%20Name' },
      { name: 'BARE_URL', url: 'postgres://sales-team@127.0.0.1:1' },
    ],
    redisRemotes: [cache],
    log: () => {},
    deadlineMs: 50,
  });
  return { host, links, databases };
}

/** What it is refused with. */
async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => new Error('It was not refused.'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw error;
  expect(error.message).not.toContain(secret);
  return error;
}

describe('a new link', () => {
  it('is called as the remote’s database is, - as _, unless it is given a name', async () => {
    const { host, links } = open();
    await links.create('DATABASE_URL', { remote: 'WAREHOUSE_URL' });
    await links.create('DATABASE_URL', { remote: 'BARE_URL', schema: 'Sales' });
    await links.create('DATABASE_URL', { remote: 'ODD_URL', as: 'odd' });
    expect(host.asked).toEqual([
      'create app_data of WAREHOUSE_URL public',
      'create sales_team of BARE_URL Sales',
      'create odd of ODD_URL public',
    ]);
  });

  it('is refused a name that is none before anyone is asked', async () => {
    const { host, links } = open();
    for (const as of ['Warehouse', 'ware-house', '1st', '', 'pg_x', 'a'.repeat(64), 'a b', 'é']) {
      const error = await refusal(links.create('DATABASE_URL', { remote: 'WAREHOUSE_URL', as }));
      expect([as, error.code, error.paths?.[0]?.path]).toEqual([as, 'invalid_request', 'as']);
    }
    const odd = await refusal(links.create('DATABASE_URL', { remote: 'ODD_URL' }));
    expect([odd.code, odd.message]).toEqual(['invalid_request', expect.stringContaining('--as')]);
    expect(host.asked).toEqual([]);
  });

  it.each([
    ['DATABASE_URL', 'remote_refused', /itself/],
    ['NO_URL', 'remote_not_found', /WAREHOUSE_URL, ODD_URL, BARE_URL/],
    ['REDIS_URL', 'remote_refused', /is the store itself.* CACHE_URL/],
  ])('of %s is refused', async (remote, code, message) => {
    const { host, links } = open();
    const error = await refusal(links.create('DATABASE_URL', { remote, as: 'x' }));
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(host.asked).toEqual([]);
  });

  it('of a Redis needs no gateway, unless it is to take changes', async () => {
    const { host, links } = open();
    const error = await refusal(links.create('DATABASE_URL', { remote: 'CACHE_URL', writable: true }));
    expect([error.code, error.paths?.[0]?.path, error.message]).toEqual([
      ...['invalid_request', 'writable'],
      expect.stringContaining('GATEWAY_PORT'),
    ]);
    expect(host.asked).toEqual([]);
    await links.create('DATABASE_URL', { remote: 'CACHE_URL' });
    expect(host.asked).toEqual(['create cache of CACHE_URL public']);
  });

  it('needs the login of the owner', async () => {
    const { host, links } = open();
    host.writable = false;
    host.add('warehouse');
    for (const work of [
      links.create('DATABASE_URL', { remote: 'WAREHOUSE_URL' }),
      links.refresh('DATABASE_URL', 'warehouse'),
      links.destroy('DATABASE_URL', 'warehouse', 'warehouse'),
    ]) {
      const error = await refusal(work);
      expect([error.code, error.message]).toEqual([
        'links_read_only',
        expect.stringContaining('DATABASE_OWNER_URL'),
      ]);
    }
    expect(host.asked).not.toContain('destroy warehouse');
    expect((await links.refresh('DATABASE_URL', 'warehouse', { dryRun: true })).changes).toEqual([]);
  });
});

describe('the list', () => {
  it('says what each remote has changed', async () => {
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({})]);
    expect(await links.list('DATABASE_URL')).toMatchObject([
      { name: 'warehouse', changes: [sampleChange({})] },
    ]);
    expect(await links.list('WAREHOUSE_URL')).toEqual([]);
    expect((await refusal(links.list('NO_URL'))).code).toBe('database_not_found');
  });

  it('says which remotes can’t be asked, and waits for none', async () => {
    const { host, links } = open();
    host.add('away');
    host.differs.set('away', new AppError('remote_unavailable', 'The remote does not answer.'));
    host.add('silent');
    host.differs.set('silent', 'silent');
    host.add('forgotten', { remote: 'OLD_URL' });
    host.add('well', { problems: [{ level: 'warn', message: 'of its own' }] });
    const [away, silent, forgotten, well] = await links.list('DATABASE_URL');
    expect(away).toMatchObject({
      changes: null,
      problems: [{ level: 'broken', message: /does not answer/ }],
    });
    expect(silent).toMatchObject({ changes: null, problems: [{ level: 'broken', message: /in time/ }] });
    expect(forgotten).toMatchObject({ changes: null, problems: [{ level: 'broken', message: /OLD_URL/ }] });
    expect(well).toMatchObject({ changes: [], problems: [{ level: 'warn', message: 'of its own' }] });
  });

  it('says once what keeps a link from being compared', async () => {
    const { host, links } = open();
    host.add('taken', { problems: [{ level: 'broken', message: 'Its name is taken.' }] });
    host.differs.set('taken', new AppError('link_name_taken', 'Its name is taken.'));
    const [link] = await links.list('DATABASE_URL');
    expect([link?.changes, link?.problems.map(({ message }) => message)]).toEqual([
      null,
      ['Its name is taken.'],
    ]);
  });

  it('warns of a remote’s login that may write', async () => {
    const problems = [
      { level: 'refuse', message: 'It may write into orders.' },
      { level: 'warn', message: 'It may create temporary tables.' },
    ] as const;
    const { host, links } = open({ remote: { safe: false, problems } });
    host.add('warehouse');
    const [link] = await links.list('DATABASE_URL');
    expect(link?.problems).toEqual([
      { level: 'warn', message: expect.stringMatching(/WAREHOUSE_URL may do more.*write into orders/) },
    ]);
    expect(link?.problems[0]?.message).not.toContain('temporary');
  });

  it('asks no remote when it is not to', async () => {
    const { host, links } = open();
    host.add('warehouse');
    expect(await links.list('DATABASE_URL', { compare: false })).toMatchObject([
      { changes: null, problems: [] },
    ]);
    expect(host.asked).toEqual(['list']);
  });
});

describe('a link', () => {
  it('that is not there is told from those that are', async () => {
    const { host, links } = open();
    host.add('warehouse');
    for (const work of [links.get('DATABASE_URL', 'x'), links.refresh('DATABASE_URL', 'x')]) {
      const error = await refusal(work);
      expect([error.code, error.message]).toEqual(['link_not_found', expect.stringContaining('warehouse')]);
    }
  });

  it('is refreshed, or only compared', async () => {
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({})]);
    const told = await links.refresh('DATABASE_URL', 'warehouse', { dryRun: true });
    expect(told).toMatchObject({ link: { refreshedAt: /^2026-11-20/ }, changes: [sampleChange({})] });
    expect(host.asked).not.toContain('refresh warehouse');
    const done = await links.refresh('DATABASE_URL', 'warehouse');
    expect(done).toMatchObject({ link: { refreshedAt: /^2026-11-21/ }, changes: [sampleChange({})] });
    expect(await links.get('DATABASE_URL', 'warehouse')).toMatchObject({ changes: [] });
  });

  it('whose remote is not configured any more can’t be refreshed, but removed', async () => {
    const { host, links } = open();
    host.add('old', { remote: 'OLD_URL' });
    const error = await refusal(links.refresh('DATABASE_URL', 'old'));
    expect([error.code, error.message]).toEqual(['remote_not_found', expect.stringContaining('OLD_URL')]);
    await links.destroy('DATABASE_URL', 'old', 'old');
    expect(host.links.size).toBe(0);
  });

  it('is used by clips whose SQL names it or what depends on it', async () => {
    const { host, links } = open({
      clips: [
        clip('1', 'select * from warehouse.users'),
        clip('2', 'select * from WAREHOUSE . "Users"'),
        clip('3', 'select * from "Warehouse".users'),
        clip('4', "select 'warehouse.users' -- warehouse.users"),
        clip('5', 'select warehouse from shops'),
        clip('6', 'table paying'),
        clip('7', 'table public.paying'),
        clip('8', 'table other.paying'),
        clip('9', 'table warehouse.users', { database: 'WAREHOUSE_URL' }),
        clip('A', 'table "Odd ""one"""'),
        clip('B', 'select * from warehouse.users, public.paying', { mode: 'frozen' }),
      ],
    });
    host.add('warehouse');
    host.dependents = ['view public.paying', 'materialized view public."Odd ""one"""'];
    const { clips, dependents } = await links.uses('DATABASE_URL', 'warehouse');
    expect(clips.map(({ id }) => id)).toEqual(['B', 'A', '7', '6', '2', '1']);
    expect(dependents).toEqual(host.dependents);
  });

  it('is removed only when its name is given, and says what uses it', async () => {
    const { host, links } = open({ clips: [clip('1', 'table warehouse.users')] });
    host.add('warehouse');
    host.dependents = ['view public.paying', 'view public.sums'];
    for (const confirm of [undefined, '', 'warehouses']) {
      const error = await refusal(links.destroy('DATABASE_URL', 'warehouse', confirm));
      expect([error.code, error.message]).toEqual([
        'link_not_confirmed',
        expect.stringContaining('1 clip and 2 views use warehouse'),
      ]);
    }
    expect((await refusal(links.destroy('DATABASE_URL', 'x', undefined))).code).toBe('link_not_found');
    expect(host.asked).not.toContain('destroy warehouse');
    await links.destroy('DATABASE_URL', 'warehouse', 'warehouse');
    expect(host.asked).toContain('destroy warehouse');
  });
});

describe('a run that fails', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  /** What was learnt of links is not believed any more. */
  const later = () => vi.setSystemTime(Date.now() + 6_000);

  const failure = (sqlstate: string, more: { remoteSql?: string; hint?: string } = {}) =>
    new AppError('sql_failed', 'The query failed.', { sql: { sqlstate, message: 'of Postgres', ...more } });
  const sql = 'select plan from warehouse.users';

  it.each([
    ['names the link', '22P02', 'table warehouse.sums', undefined],
    ['names a changed column of it', '42703', 'select plan from warehouse.paying', undefined],
    ['names a view over it', '22P02', 'table public.paying', undefined],
    ['names a changed table alone', '42P01', 'table users', undefined],
    ['asks the remote for what it lacks', '42703', 'table hidden', 'SELECT plan FROM public.users'],
  ])('says that the link is outdated when its SQL %s', async (_, sqlstate, text, remoteSql) => {
    const { host, links } = open();
    host.add('other');
    host.add('warehouse');
    host.differs.set('warehouse', [
      sampleChange({}),
      sampleChange({ name: 'orders', kind: 'table', table: null }),
    ]);
    host.dependents = ['view public.paying'];
    const error = failure(sqlstate, { hint: 'of Postgres', ...(remoteSql ? { remoteSql } : {}) });
    const explained = await links.explainFailure('DATABASE_URL', error, text);
    expect(explained.code).toBe('link_outdated');
    expect(explained.message).not.toMatch(/warehouse|users|plan|DATABASE_URL/);
    expect(explained.sql).toEqual({
      ...error.sql,
      hint: 'Refresh the link: pgclip links refresh DATABASE_URL warehouse (2 of its tables have changed on the remote since 2026-11-20).',
    });
  });

  it('since its remote has moved says so, and not when that is only away', async () => {
    const away = new AppError('remote_unavailable', 'away', { sql: { sqlstate: '08001', message: 'x' } });
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({})]);
    expect(await links.explainFailure('DATABASE_URL', away, sql)).toBe(away);
    later();
    host.differs.set('warehouse', [sampleChange({ kind: 'login', name: 'reader', table: null })]);
    const explained = await links.explainFailure('DATABASE_URL', away, 'table hidden');
    expect([explained.code, explained.sql?.hint]).toEqual([
      'link_outdated',
      "Refresh the link: pgclip links refresh DATABASE_URL warehouse (changed since 2026-11-20: the remote's login).",
    ]);
  });

  it('says so when the rights to all of it are gone', async () => {
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({ kind: 'rights', name: 'warehouse', table: null })]);
    const denied = failure('42501');
    expect((await links.explainFailure('DATABASE_URL', denied, sql)).code).toBe('link_outdated');
    expect(await links.explainFailure('DATABASE_URL', denied, 'table secrets')).toBe(denied);
  });

  it('is not blamed on a link that only is reached in another way now', async () => {
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({ kind: 'server', name: 'warehouse_server', table: null })]);
    for (const sqlstate of ['42703', '22P02']) {
      const own = failure(sqlstate);
      expect(await links.explainFailure('DATABASE_URL', own, sql)).toBe(own);
      later();
    }
    const gone = sampleChange({ change: 'added', kind: 'server', name: 'warehouse_server', table: null });
    host.differs.set('warehouse', [gone]);
    expect((await links.explainFailure('DATABASE_URL', failure('42P01'), sql)).code).toBe('link_outdated');
  });

  it('blames the link that its SQL names, of several that have changed', async () => {
    const { host, links } = open();
    for (const name of ['other', 'warehouse']) {
      host.add(name);
      host.differs.set(name, [sampleChange({})]);
    }
    const explained = await links.explainFailure('DATABASE_URL', failure('42703'), sql);
    expect(explained.sql?.hint).toContain('refresh DATABASE_URL warehouse');
  });

  it('is what it is when nothing has changed, the remote is away, or the mistake is its own', async () => {
    const { host, links } = open();
    host.add('warehouse');
    const own = failure('42703');
    expect(await links.explainFailure('DATABASE_URL', own, sql)).toBe(own);
    later();
    host.differs.set('warehouse', new AppError('remote_unavailable', 'away'));
    expect(await links.explainFailure('DATABASE_URL', own, sql)).toBe(own);
    // It is back, which is seen soon.
    host.differs.set('warehouse', [sampleChange({})]);
    expect(await links.explainFailure('DATABASE_URL', own, sql)).toBe(own);
    later();
    host.differs.set('warehouse', [sampleChange({})]);
    for (const text of ['select nme from fruit', 'select nme from warehouse.fruit'])
      expect(await links.explainFailure('DATABASE_URL', own, text)).toBe(own);
    const unfitting = failure('22P02', { remoteSql: 'SELECT x::int FROM public.fruit' });
    expect(await links.explainFailure('DATABASE_URL', unfitting, 'table fruit')).toBe(unfitting);
    expect((await links.explainFailure('DATABASE_URL', own, sql)).code).toBe('link_outdated');
    expect(await links.explainFailure('WAREHOUSE_URL', own, sql)).toBe(own);
  });

  it('asks a remote once for many', async () => {
    const { host, links } = open();
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({})]);
    await Promise.all(
      Array.from({ length: 20 }, () => links.explainFailure('DATABASE_URL', failure('42703'), sql)),
    );
    expect(host.asked).toEqual(['list', 'compare warehouse']);
    later();
    await links.explainFailure('DATABASE_URL', failure('42703'), sql);
    expect(host.asked).toHaveLength(4);
    // A refresh is believed at once.
    await links.refresh('DATABASE_URL', 'warehouse');
    const again = failure('42703');
    expect(await links.explainFailure('DATABASE_URL', again, sql)).toBe(again);
  });

  it('is explained wherever it fails: before its first row, and in its middle', async () => {
    const failing = open({ run: async () => Promise.reject(failure('42703')) });
    const breaking = open({
      run: async () => {
        async function* batches(): AsyncGenerator<readonly Row[]> {
          yield [['1']];
          throw failure('22P02');
        }
        return { batches: batches(), columns: [], close: async () => {} } as unknown as ResultSet;
      },
    });
    for (const { host } of [failing, breaking]) {
      host.add('warehouse');
      host.differs.set('warehouse', [sampleChange({})]);
    }
    const run = async ({ databases }: ReturnType<typeof open>) =>
      (await databases.getSafe('DATABASE_URL')).run(sql);
    expect((await refusal(run(failing))).code).toBe('link_outdated');
    const batches = (await run(breaking)).batches[Symbol.asyncIterator]();
    expect(await batches.next()).toEqual({ done: false, value: [['1']] });
    expect((await refusal(batches.next())).code).toBe('link_outdated');
  });

  it.each([
    ['a division by zero', failure('22012', { remoteSql: 'SELECT 1/0' })],
    ['an error of another kind', new AppError('run_deadline', 'too long')],
    ['no error of ours', new Error('odd')],
  ])('asks nobody about %s', async (_, error) => {
    const { host, databases } = open({ run: async () => Promise.reject(error) });
    host.add('warehouse');
    host.differs.set('warehouse', [sampleChange({})]);
    const run = (await databases.getSafe('DATABASE_URL')).run(sql);
    await expect(run).rejects.toBe(error);
    expect(host.asked).toEqual([]);
  });

  it('leaves a run in its middle as its reader does', async () => {
    let ended = false;
    const { databases } = open({
      run: async () => {
        async function* batches(): AsyncGenerator<readonly Row[]> {
          try {
            for (;;) yield [['1']];
          } finally {
            ended = true;
          }
        }
        return { batches: batches(), columns: [], close: async () => {} } as unknown as ResultSet;
      },
    });
    const result = await (await databases.getSafe('DATABASE_URL')).run(sql);
    for await (const batch of result.batches) {
      expect(batch).toEqual([['1']]);
      break;
    }
    expect(ended).toBe(true);
  });
});
