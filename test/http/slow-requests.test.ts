/** Requests that come slowly or never: a stranger can't keep connections open with them, and an import may take its time. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/embedded/store.ts';
import type { Store } from '../../src/domain/ports.ts';
import { createSite } from '../../src/node.ts';
import { createServices } from '../../src/services/services.ts';

const apiToken = 'token-of-this-test';
let store: Store;
let site: Server;

beforeAll(async () => {
  store = await openEmbeddedStore({ file: ':memory:' });
  const log = () => {};
  const services = createServices({
    store,
    databases: [],
    allowUnsafeLogin: false,
    snapshotMaxBytes: 1e6,
    shareRuns: true,
    log,
  });
  site = createSite({ services, apiToken, publicUrl: null, log }, store, 100);
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
});
afterAll(async () => {
  site.close();
  site.closeAllConnections();
  await store.close();
});

/** Sends the head of a request and the first byte of its body of ten. */
async function begin(head: string): Promise<Socket> {
  const socket = connect((site.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(`${head}\r\nHost: x\r\nContent-Length: 10\r\n\r\nx`);
  return socket;
}

it('headers have a deadline', () => {
  expect(site.headersTimeout).toBeGreaterThan(0);
  expect(site.headersTimeout).toBeLessThanOrEqual(60_000);
});

it('a body that does not come ends its connection, but for that of an import', async () => {
  const headers = `Authorization: Bearer ${apiToken}\r\nContent-Type: application/x-tar`;
  const importing = await begin(`POST /api/import HTTP/1.1\r\n${headers}`);
  const answered = once(importing, 'data');
  for (const path of ['/sign-in', '/api/import/else']) {
    const slow = await begin(`POST ${path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded`);
    slow.resume();
    await once(slow, 'close');
  }
  expect(importing.closed).toBe(false);
  importing.write('123456789');
  expect(String((await answered)[0])).toContain(' 422 ');
  importing.destroy();
});
