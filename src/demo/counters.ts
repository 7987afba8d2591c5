/**
 * The page views of the demo's widgets, counted in Redis: another database number of the server that has the store, so
 * that it can be linked, and keys that all begin alike, so that nothing else there is touched or shown.
 */
import { openRedisConnection } from '../adapters/redis/connection.ts';
import { parseRedisAddress } from '../domain/redis-address.ts';
import { widgets } from './widgets.ts';

/** How every key of the demo begins there; the link leaves it out. */
export const counterPrefix = 'pgclip-demo:';

/** Counts page views. Its methods throw when Redis does not answer. */
export interface Counters {
  /** Where they are. Secret. */
  readonly url: string;
  /** Counts one view of a widget, and returns how many there have been. */
  count(widgetId: number): Promise<number>;
  close(): Promise<void>;
}

const keyOf = (widgetId: number) => `${counterPrefix}widget:${widgetId}`;

/**
 * Opens the counters beside a store, beginning those that are missing with the made-up views of before. Null where
 * Redis lets nobody use a second database, as a Redis Cluster does.
 */
export async function openCounters(storeUrl: string): Promise<Counters | null> {
  const url = urlBeside(storeUrl);
  if (url === null) return null;
  const { client, close } = openRedisConnection({ url });
  try {
    await Promise.all(widgets.map(({ id, viewsBefore }) => client.set(keyOf(id), viewsBefore, 'NX')));
  } catch {
    await close();
    return null;
  }
  return { url, count: (widgetId) => client.incr(keyOf(widgetId)), close };
}

/** The same server with another database, if it can have one. */
function urlBeside(storeUrl: string): string | null {
  const address = parseRedisAddress(storeUrl);
  if (address?.kind !== 'single') return null;
  const url = new URL(address.url);
  url.pathname = `/${address.database === 0 ? 1 : 0}`;
  url.searchParams.delete('db');
  return url.href;
}
