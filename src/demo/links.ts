/**
 * The demo's data links, made through the API as anyone would make them, and brought up to date at later starts, when
 * PostgreSQL and the gateway have other ports and the remote's login another password.
 */
import type { CallApi } from './api.ts';

const local = 'DATABASE_URL';

/** Name of the link of the second database, and so of the schema that the demo's clips read. */
export const linkName = 'warehouse';

/** The same of the Redis. */
export const redisLinkName = 'hredis';

/** A link to be there, as the API takes it. */
export interface DemoLink {
  readonly remote: string;
  readonly as: string;
  readonly prefix?: string;
}

/** Makes the links that are missing, and refreshes every other one whose remote is one of theirs. */
export async function linkRemotes(call: CallApi, wanted: readonly DemoLink[]): Promise<void> {
  const path = `/databases/${local}/links`;
  const { links } = await call<{ links: { name: string; remote: string }[] }>('GET', `${path}?compare=0`);
  // A link of a Redis that this start does not have stays as it is.
  const known = links.filter((link) => wanted.some(({ remote }) => remote === link.remote));
  for (const { name } of known) await call('POST', `${path}/${name}/refresh`);
  for (const link of wanted) if (!links.some(({ name }) => name === link.as)) await call('POST', path, link);
}
