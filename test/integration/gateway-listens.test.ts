/** When a server's gateway listens: from the first link that goes through it until the last one is gone. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { allowLinks } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type ClipAnswer, openTestServer, type TestServer, waitFor } from '../support/server.ts';

let redis: RedisServer;
let server: TestServer;
let [port, otherPort] = [0, 0];
const links = '/api/databases/DATABASE_URL/links';

/** Below those that the system gives to others by itself, so that it stays free. */
async function findFreePort(): Promise<number> {
  const found = randomInt(15_000, 30_000);
  return (await listens(found)) ? findFreePort() : found;
}

async function listens(at: number): Promise<boolean> {
  const socket = connect(at, '127.0.0.1');
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

const open = (env: Record<string, string>) =>
  openTestServer({
    postgresUrl: inject('postgresUrl'),
    env: ({ ownerUrl }) => ({
      ...{ CACHE_URL: redis.url, DATABASE_OWNER_URL: ownerUrl },
      ...{ GATEWAY_PORT: String(port), GATEWAY_HOST: '127.0.0.1', ...env },
    }),
  });
/** Another pgclip over the database of the first one, behind the same address. */
const openBeside = (env: Record<string, string> = {}) =>
  open({
    ...{ GATEWAY_PORT: String(otherPort), GATEWAY_ADDRESS: `127.0.0.1:${port}` },
    ...{ DATABASE_URL: server.database.readerUrl, DATABASE_OWNER_URL: server.database.ownerUrl, ...env },
  });
const create = (as: string, more: object = {}) =>
  server.call('POST', links, { remote: 'CACHE_URL', as, ...more });
const destroy = (name: string) => server.call('DELETE', `${links}/${name}?confirm=${name}`);

beforeAll(async () => {
  redis = await startRedis();
  [port, otherPort] = [await findFreePort(), await findFreePort()];
  server = await open({});
  await allowLinks(server.database);
});
afterAll(async () => {
  await server?.close();
  await redis?.stop();
});

it('not before there is a link, nor for one of a Postgres, nor after one that could not be made', async () => {
  expect(await listens(port)).toBe(false);
  expect(await server.call('GET', '/api/databases')).toMatchObject({ status: 200 });
  expect(await listens(port)).toBe(false);
  await executeSql(server.database.ownerUrl, 'CREATE SCHEMA taken');
  expect(await create('taken')).toMatchObject({ status: 409 });
  await waitFor(async () => !(await listens(port)), 10_000);
});

it('from the first link to the last', async () => {
  expect(await create('one')).toMatchObject({ status: 201, body: { redis: { gateway: true } } });
  expect(await listens(port)).toBe(true);
  expect(await create('two', { prefix: 'app:' })).toMatchObject({ status: 201 });
  await destroy('one');
  expect(await create('taken')).toMatchObject({ status: 409 });
  expect(await listens(port)).toBe(true);
  await destroy('two');
  await waitFor(async () => !(await listens(port)), 10_000);
  // Its port was let go, so that it can have it again.
  expect(await create('one')).toMatchObject({ status: 201, body: { redis: { gateway: true } } });
  expect(await listens(port)).toBe(true);
});

it('from its start, where there is a link, and where the database can’t tell', async () => {
  const beside = await openBeside();
  expect(await listens(otherPort)).toBe(true);
  await beside.close();
  expect(await listens(otherPort)).toBe(false);
  const alone = await open({
    ...{ GATEWAY_PORT: String(otherPort), DATABASE_URL: 'postgres://reader:pw@127.0.0.1:1/none' },
    DATABASE_OWNER_URL: '',
  });
  expect(await listens(otherPort)).toBe(true);
  await alone.close();
});

it('not for a link that is read without it, however it is looked at', async () => {
  await destroy('one');
  const without = await openBeside({ GATEWAY_PORT: '', GATEWAY_ADDRESS: '' });
  expect(await without.call('POST', links, { remote: 'CACHE_URL', as: 'one' })).toMatchObject({
    ...{ status: 201, body: { redis: { gateway: false } } },
  });
  await without.close();
  const beside = await openBeside({ GATEWAY_ADDRESS: '' });
  try {
    const { body } = await beside.call<{ links: object[] }>('GET', links);
    expect(body.links[0]).toMatchObject({ problems: [], changes: [{}, { kind: 'server' }, {}] });
    expect(await listens(otherPort)).toBe(false);
    expect(await beside.call('POST', `${links}/one/refresh`)).toMatchObject({
      ...{ status: 200, body: { link: { redis: { gateway: true } } } },
    });
    expect(await listens(otherPort)).toBe(true);
  } finally {
    await beside.close();
  }
  expect(await server.call('POST', `${links}/one/refresh`)).toMatchObject({ status: 200 });
});

it('once another pgclip has made a link and a clip reads it', async () => {
  await destroy('one');
  const beside = await openBeside();
  try {
    expect(await listens(otherPort)).toBe(false);
    await create('one');
    const sql = `SELECT value FROM one.redis WHERE key = 'a'`;
    // A database is believed to have no linked Redis for some seconds.
    await waitFor(async () => {
      const { status, body } = await beside.call<ClipAnswer>('POST', '/api/clips', { name: 'A', sql });
      if (status !== 201) return false;
      await beside.fetch(`${new URL(body.url).pathname}.json`);
      return listens(otherPort);
    }, 20_000);
  } finally {
    await beside.close();
  }
});

it('and a port that is taken keeps nothing but links of Redis from being made', async () => {
  const taken = createServer().listen(otherPort, '127.0.0.1');
  await once(taken, 'listening');
  const other = await open({ GATEWAY_PORT: String(otherPort) });
  try {
    await allowLinks(other.database);
    expect(await other.call('POST', links, { remote: 'CACHE_URL', as: 'one' })).toMatchObject({
      ...{ status: 422, body: { code: 'remote_refused' } },
      text: expect.stringMatching(/gateway can't be started: port \d+ of 127\.0\.0\.1 is taken/),
    });
    taken.close();
    await once(taken, 'close');
    expect(await other.call('POST', links, { remote: 'CACHE_URL', as: 'one' })).toMatchObject({
      status: 201,
    });
  } finally {
    taken.close();
    await other.close();
  }
});
