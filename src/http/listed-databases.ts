/**
 * The databases with their links, as the page of them shows them. Each is looked at for a few seconds at most, so that
 * one that is away, or a remote that says nothing, holds up nobody who came for another.
 */
import type { ListedDatabase } from '../../views/databases.tsx';
import type { LinkStatus } from '../domain/data-link.ts';
import { toAppError } from '../domain/errors.ts';
import type { DatabaseStatus } from '../domain/ports.ts';
import { unreachable } from '../domain/unreachable.ts';
import { within } from '../services/link-checks.ts';
import type { AppContext } from './context.ts';
import { logError } from './problem.ts';

/** How long the page waits for a database, and for the comparison of its links with their remotes. */
const waitSeconds = 3;

/** All of them, in the order of the config. */
export function listDatabases(c: AppContext): Promise<ListedDatabase[]> {
  const { names } = c.env.parts.services.databases;
  return Promise.all(names.map((name) => look(c, name)));
}

async function look(c: AppContext, name: string): Promise<ListedDatabase> {
  const { databases, links } = c.env.parts.services;
  // Asked for at once, and not looked at when the database turns out to be away.
  const found = findLinks(c, name);
  const status = await within(waitSeconds * 1000, databases.get(name).inspect(), () => silent(name));
  return {
    status,
    ...(status.reachable ? await found : { links: null }),
    writable: links.isWritable(name),
    remotes: links.remotesFor(name),
    redisRemotes: links.redisRemotes,
  };
}

/** The links, without what their remotes have now when that takes too long; or why they can't be seen. */
async function findLinks(
  c: AppContext,
  name: string,
): Promise<Pick<ListedDatabase, 'links' | 'linksProblem'>> {
  const { links } = c.env.parts.services;
  try {
    const compared = await within<readonly LinkStatus[] | null>(
      waitSeconds * 1000,
      links.list(name),
      () => null,
    );
    return { links: compared ?? (await links.list(name, { compare: false })) };
  } catch (thrown) {
    const error = toAppError(thrown);
    // That a database is away was logged before, and would be with each look at the page.
    if (error.code !== 'database_unavailable') logError(error, c);
    return { links: null, linksProblem: error.message };
  }
}

function silent(name: string): DatabaseStatus {
  return unreachable(name, `It has not answered within ${waitSeconds} seconds.`);
}
