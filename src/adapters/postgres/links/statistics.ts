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
/** With less than this there is no use in beginning. */
const leastMs = 20;
/** Before 16, ANALYZE fetches the whole of a foreign table. */
const samplesRemotely = 160_000;
const largestFetched = 8 * 1024 * 1024;

/**
 * Takes them outside of a transaction: first of tables that have none, smaller ones before, then anew of the others,
 * the oldest before. Of views never: what they cost the remote can't be known. Returns how many tables are still without.
 * Throws nothing.
 */
export async function takeStatistics(
  client: pg.ClientBase,
  link: { readonly schema: string; readonly versionNumber: number },
  tables: readonly RemoteTable[],
  { signal, onProgress }: LinkWork,
): Promise<number> {
  const candidates = tables.filter(({ kind }) => kind !== 'view' && kind !== 'foreign table');
  const without = new Set(candidates.map(({ name }) => name));
  try {
    const endMs = performance.now() + budgetMs;
    const known = await readKnown(client, link.schema);
    for (const name of known.keys()) without.delete(name);
    const limit = link.versionNumber >= samplesRemotely ? Number.POSITIVE_INFINITY : largestFetched;
    const takenAt = ({ name }: RemoteTable) => known.get(name) ?? -1;
    const bySize = candidates
      .filter(({ bytes }) => (bytes ?? 0) <= limit)
      .sort((a, b) => (a.bytes ?? limit) - (b.bytes ?? limit));
    const ordered = bySize.sort((a, b) => takenAt(a) - takenAt(b));
    for (const [done, { name }] of ordered.entries()) {
      // So that one which takes for ever leaves something for others.
      const deadlineMs = Math.ceil((endMs - performance.now()) / 2);
      if (deadlineMs <= leastMs || signal?.aborted) break;
      onProgress?.({ step: 'taking statistics', done, total: ordered.length });
      const table = `${escapeIdentifier(link.schema)}.${escapeIdentifier(name)}`;
      const outcome = await analyze(client, table, deadlineMs);
      if (outcome === 'away') break;
      if (outcome === 'taken') without.delete(name);
    }
    onProgress?.({ step: 'taking statistics', done: ordered.length, total: ordered.length });
    await client.query('SET statement_timeout = 0');
  } catch {
    // The link is made. A connection that is gone will be noticed by whoever needs it next.
  }
  return without.size;
}

/** Names of the tables that have statistics, and when they were taken, in seconds; 0 when that is not known. */
async function readKnown(client: pg.ClientBase, schema: string): Promise<ReadonlyMap<string, number>> {
  const { rows } = await client.query<{ name: string; at: number }>(
    `SELECT c.relname::text AS name,
       coalesce(extract(epoch FROM pg_stat_get_last_analyze_time(c.oid)), 0)::float8 AS at
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind = 'f' AND c.reltuples >= 0`,
    [schema],
  );
  return new Map(rows.map(({ name, at }) => [name, at]));
}

/** `away`: it is no use to go on, since the remote or the database is. */
async function analyze(
  client: pg.ClientBase,
  table: string,
  deadlineMs: number,
): Promise<'taken' | 'refused' | 'away'> {
  try {
    await client.query(`SET statement_timeout = ${deadlineMs}; ANALYZE ${table}`);
    return 'taken';
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return /^(?:57P|08)/.test(error.code ?? '') ? 'away' : 'refused';
  }
}
