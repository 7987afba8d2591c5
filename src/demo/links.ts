/**
 * The demo's data link, made through the API as anyone would make it, and brought up to date at later starts, when
 * PostgreSQL has another port and the remote's login another password.
 */
import type { CallApi } from './api.ts';

const local = 'DATABASE_URL';
const remote = 'WAREHOUSE_URL';

/** Name of the link, and so of the schema that the demo's clips read. */
export const linkName = 'warehouse';

/** Makes the link where it is missing, and refreshes every link that an earlier start left. */
export async function linkDatabases(call: CallApi): Promise<void> {
  const path = `/databases/${local}/links`;
  const { links } = await call<{ links: { name: string }[] }>('GET', path);
  for (const { name } of links) await call('POST', `${path}/${name}/refresh`);
  if (!links.some(({ name }) => name === linkName)) await call('POST', path, { remote, as: linkName });
}
