/** Data links in workerd: connections to two databases within one request, watched, and left in the middle. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { postForEvents } from '../support/events.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Observer } from '../support/runs.ts';
import { callApi, openWorkerd } from '../support/runtimes.ts';
import { testToken, waitFor } from '../support/server.ts';

const path = '/api/databases/DATABASE_URL/links';

let local: TestDatabase;
let remote: TestDatabase;
let workerd: Awaited<ReturnType<typeof openWorkerd>>;

beforeAll(async () => {
  local = await createTestDatabase(inject('postgresUrl'));
  remote = await createTestDatabase(inject('postgresUrl'));
  await executeSql(remote.ownerUrl, 'CREATE TABLE users AS SELECT 1 AS id', 'CREATE TABLE orders (id int)');
  await executeSql(
    local.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${local.name}_owner`,
  );
  workerd = await openWorkerd({
    DATABASE_URL: local.readerUrl,
    DATABASE_OWNER_URL: local.ownerUrl,
    WAREHOUSE_URL: remote.readerUrl,
    REDIS_URL: `${inject('redisUrl')}/6`,
    API_TOKEN: testToken,
  });
}, 60_000);
afterAll(async () => {
  await workerd.close();
  await local.drop();
  await remote.drop();
});

const call = (method: string, at: string, body?: unknown) => callApi(workerd, method, at, body);

it('are made, read, refreshed and removed', async () => {
  const made = await (
    await postForEvents(workerd, path, { remote: 'WAREHOUSE_URL', as: 'warehouse' })
  ).rest();
  expect(made.at(-1)).toMatchObject({ name: 'done', data: { name: 'warehouse', tables: 2 } });
  expect(await call('POST', '/api/run', { sql: 'select id from warehouse.users' })).toMatchObject([
    200,
    { values: [[1]] },
  ]);
  await executeSql(remote.ownerUrl, 'ALTER TABLE users RENAME id TO number');
  expect(await call('GET', path)).toMatchObject([200, { links: [{ changedTables: ['users'] }] }]);
  expect(await call('POST', '/api/run', { sql: 'select id from warehouse.users' })).toMatchObject([
    422,
    { code: 'link_outdated' },
  ]);
  expect(await call('POST', `${path}/warehouse/refresh`)).toMatchObject([
    200,
    { added: [{}], removed: [{}] },
  ]);
  expect(await call('DELETE', `${path}/warehouse?confirm=warehouse`)).toEqual([204, null]);
  expect(await call('GET', path)).toEqual([200, { links: [] }]);
});

it('are as they were when a client leaves', async () => {
  await call('POST', path, { remote: 'WAREHOUSE_URL', as: 'warehouse' });
  await executeSql(remote.ownerUrl, 'ALTER TABLE orders ADD total numeric');
  const other = await Observer.open(local.superuserUrl);
  const owners = async (where: string) => {
    // In a transaction the activity stays as it was seen first.
    await other.rows('select pg_stat_clear_snapshot()');
    return (
      await other.rows(`select from pg_stat_activity where usename = '${local.name}_owner' and ${where}`)
    ).length;
  };
  // A run that reads the table keeps the refresh waiting.
  await other.rows('begin');
  await other.rows('select from warehouse.orders');
  const stream = await postForEvents(workerd, `${path}/warehouse/refresh`);
  await waitFor(async () => (await owners(`wait_event_type = 'Lock'`)) === 1, 10_000);
  stream.leave();
  await waitFor(async () => (await owners('true')) === 0, 10_000);
  await other.rows('rollback');
  await other.end();
  expect(await call('GET', path)).toMatchObject([200, { links: [{ changedTables: ['orders'] }] }]);
});
