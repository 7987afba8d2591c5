/**
 * Statistics of a link's tables, for plans that join them with local ones. They help and are never needed: what does
 * not go, or would take too long, is left out.
 * Source: PostgreSQL manual, ANALYZE and "postgres_fdw: Cost Estimation Options".
 */
import pg, { escapeIdentifier } from 'pg';
import type { LinkWork } from '../../../domain/link-host.ts';
import type { RemoteTable } from './remote-catalog.ts';

/** The longest that it may take in all. */
const budgetMs = 4_000;
/** Before 16, ANALYZE fetches the whole of a foreign table. */
const samplesRemotely = 160_000;
const largestFetched = 8 * 1024 * 1024;

/**
 * Takes them outside of a transaction, smaller tables first, new ones before those that have some. Of views never: what
 * they cost the remote can't be known. Returns how many tables were left out. Throws nothing.
 */
export async function takeStatistics(
  client: pg.ClientBase,
  link: { readonly schema: string; readonly versionNumber: number },
  tables: readonly RemoteTable[],
  { signal, onProgress }: LinkWork,
): Promise<number> {
  const candidates = tables.filter(({ kind }) => kind !== 'view' && kind !== 'foreign table');
  let done = 0;
  try {
    const endMs = performance.now() + budgetMs;
    const known = await readKnown(client, link.schema);
    const limit = link.versionNumber >= samplesRemotely ? Number.POSITIVE_INFINITY : largestFetched;
    const rank = ({ name }: RemoteTable) => (known.has(name) ? 1 : 0);
    const ordered = candidates
      .filter(({ bytes }) => (bytes ?? 0) <= limit)
      .sort((a, b) => rank(a) - rank(b) || (a.bytes ?? limit) - (b.bytes ?? limit));
    for (const { name } of ordered) {
      const leftMs = Math.floor(endMs - performance.now());
      if (leftMs <= 0 || signal?.aborted) break;
      onProgress?.({ step: 'taking statistics', done, total: ordered.length });
      if (!(await analyze(client, `${escapeIdentifier(link.schema)}.${escapeIdentifier(name)}`, leftMs)))
        break;
      done++;
    }
    onProgress?.({ step: 'taking statistics', done, total: ordered.length });
    await client.query('SET statement_timeout = 0');
  } catch {
    // The link is made. A connection that is gone will be noticed by whoever needs it next.
  }
  return candidates.length - done;
}

/** Names of the tables that have statistics. */
async function readKnown(client: pg.ClientBase, schema: string): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind = 'f' AND c.reltuples >= 0`,
    [schema],
  );
  return new Set(rows.map(({ name }) => name));
}

/** False when it is no use to go on: the time is up, or the remote is away. */
async function analyze(client: pg.ClientBase, table: string, deadlineMs: number): Promise<boolean> {
  try {
    await client.query(`SET statement_timeout = ${deadlineMs}; ANALYZE ${table}`);
    return true;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const state = error.code ?? '';
    return !state.startsWith('57') && !state.startsWith('08');
  }
}
