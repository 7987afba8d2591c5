/**
 * The pages of the demo's shop, on a port of their own: a list of its widgets, and a page for each, whose every opening
 * is counted. Plain `node:http`; nothing that a visitor sends is shown.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Counters } from './counters.ts';
import { type Widget, widgets } from './widgets.ts';

/** A running shop. */
export interface Shop {
  readonly url: string;
  close(): Promise<void>;
}

/** Opens the shop on any free port of 127.0.0.1. */
export async function openShop(counters: Pick<Counters, 'count'>): Promise<Shop> {
  const server = createServer((request, response) => {
    void answer(counters, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  counters: Pick<Counters, 'count'>,
  { method, url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, page: string) => {
    response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
    response.end(page);
  };
  const id = /^\/widgets\/([1-9]\d{0,3})$/.exec(url ?? '')?.[1];
  const widget = widgets[Number(id) - 1];
  if (method !== 'GET') return send(405, pageOf('Only to be looked at', ''));
  if (url === '/') return send(200, listPage());
  if (!widget) return send(404, pageOf('No such widget', backLink));
  try {
    send(200, widgetPage(widget, await counters.count(widget.id)));
  } catch {
    send(503, pageOf('Redis does not answer', backLink));
  }
}

const backLink = '<p><a href="/">All widgets</a></p>';

function listPage(): string {
  const items = widgets.map(
    ({ id, name, price }) => `<li><a href="/widgets/${id}">${name}</a> $${price}</li>`,
  );
  return pageOf('Widgets', `<p>Each page that you open is counted in Redis.</p><ul>${items.join('')}</ul>`);
}

function widgetPage({ name, price, stock }: Widget, views: number): string {
  const facts = `<p>$${price}, ${stock === 0 ? 'sold out' : `${stock.toLocaleString('en-US')} in stock`}</p>`;
  return pageOf(name, `${facts}<p>Seen ${views.toLocaleString('en-US')} times</p>${backLink}`);
}

function pageOf(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>:root { color-scheme: light dark; font: 1rem/1.6 system-ui } body { max-width: 36rem; margin: 2rem auto; padding: 0 1rem }</style>
<main><h1>${title}</h1>${body}</main>
</html>
`;
}
