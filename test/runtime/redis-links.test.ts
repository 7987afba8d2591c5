/**
 * Links of a Redis in workerd, where there is no gateway and no right to postgres_fdw: made, listed, read by clips,
 * which takes the parser and the sockets that it has there, given a gateway of another process, removed.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { allowLinks, queryRows, readLinkState } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { openRedisSite, type RedisSite } from '../support/redis-links.ts';
import { callApi, openWorkerd } from '../support/runtimes.ts';
import { PageVisitor, testToken } from '../support/server.ts';

const path = '/api/databases/DATABASE_URL/links';
const join = `SELECT w.id, r.value FROM widgets w LEFT JOIN hredis.redis r ON r.key = concat('widget:', w.id) ORDER BY 1`;
const joined = [
  [1, '11'],
  [2, '22'],
  [3, null],
];

let site: RedisSite;
let vars: Record<string, string>;
let workerd: Awaited<ReturnType<typeof openWorkerd>>;

beforeAll(async () => {
  site = await openRedisSite(inject('postgresUrl'), { wrapper: false });
  await site.redis.mset('widget:1', '11', 'widget:2', '22', 'other', 'x');
  await executeSql(site.database.ownerUrl, 'CREATE TABLE widgets AS SELECT generate_series(1, 3) AS id');
  vars = {
    DATABASE_URL: site.database.readerUrl,
    DATABASE_OWNER_URL: site.database.ownerUrl,
    CACHE_URL: site.server.url,
    REDIS_URL: `${inject('redisUrl')}/18`,
    API_TOKEN: testToken,
  };
  workerd = await openWorkerd(vars);
}, 60_000);
afterAll(async () => {
  await workerd?.close();
  await site?.close();
});

const call = (method: string, at: string, body?: unknown) => callApi(workerd, method, at, body);

const run = (sql: string) => call('POST', '/api/run', { sql });

describe('links of a Redis in workerd', () => {
  it('are not made to be written', async () => {
    const body = { remote: 'CACHE_URL', as: 'hredis', writable: true };
    expect(await call('POST', path, body)).toMatchObject([400, { code: 'invalid_request' }]);
  });

  it('are made and listed', async () => {
    // Whoever asks Redis here, it is not the gateway.
    const link = { name: 'hredis', server: null, remoteDatabase: '0', tables: 7 };
    const redis = { prefix: '', writable: false, gateway: false, missedGateway: null };
    expect(await call('POST', path, { remote: 'CACHE_URL', as: 'hredis' })).toMatchObject([
      201,
      { ...link, redis, warnings: [] },
    ]);
    expect(await call('GET', path)).toMatchObject([
      200,
      { links: [{ ...link, redis, changes: [], problems: [] }] },
    ]);
    const visitor = new PageVisitor(workerd);
    await visitor.submit('/sign-in', { token: testToken });
    const page = (await visitor.get('/databases/DATABASE_URL/links/hredis')).text;
    expect(page).toContain('read by pgclip itself, without a gateway');
  });

  it('are joined by clips, again and again', async () => {
    for (let times = 0; times < 3; times++) expect(await run(join)).toMatchObject([200, { values: joined }]);
    const [status, clip] = await call('POST', '/api/clips', { name: 'Views', sql: join, mode: 'frozen' });
    expect([status, clip]).toMatchObject([201, { snapshot: { rowCount: 3 } }]);
    const { id, url } = clip as { id: string; url: string };
    expect(await (await workerd.fetch(`${new URL(url).pathname}.csv`)).text()).toBe(
      'id,value\n1,11\n2,22\n3,\n',
    );
    expect(await call('GET', `/api/clips/${id}/explain`)).toMatchObject([
      200,
      { summary: ['hredis.redis read by 3 keys, by pgclip itself'] },
    ]);
    await call('DELETE', `/api/clips/${id}`);
  });

  it('are refused in words where nobody can answer them', async () => {
    const [status, problem] = await run('SELECT * FROM hredis.redis');
    expect([status, problem]).toMatchObject([422, { code: 'sql_refused' }]);
    expect(JSON.stringify(problem)).toContain('no condition compares its key');
  });

  it('are read through the gateway of another process once it is configured, and removed', async () => {
    const { host, port } = site.gateway.address;
    await allowLinks(site.database);
    await workerd.close();
    workerd = await openWorkerd({ ...vars, GATEWAY_ADDRESS: `${host}:${port}` });
    expect(await call('POST', `${path}/hredis/refresh`)).toMatchObject([
      200,
      { link: { server: 'hredis_server', redis: { gateway: true } }, removed: [] },
    ]);
    expect(await queryRows(site.database.readerUrl, 'SELECT count(*) FROM hredis.redis')).toEqual([['3']]);
    expect(await run(join)).toMatchObject([200, { values: joined }]);
    expect(await run('SELECT count(*) FROM hredis.redis')).toMatchObject([200, { values: [[3]] }]);
    expect(await call('DELETE', `${path}/hredis?confirm=hredis`)).toEqual([204, null]);
    expect((await readLinkState(site.database)).filter(([, name]) => /redis/.test(String(name)))).toEqual([]);
  });
});
