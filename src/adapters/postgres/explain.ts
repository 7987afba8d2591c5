/**
 * Tells what of a query ran where. The query is proved and run as a clip's is, in a session of the same kind and with
 * the same deadline, but inside EXPLAIN (ANALYZE), which throws its rows away in the server.
 * Source: PostgreSQL manual, "EXPLAIN".
 */

import type { Explanation, RemotePart } from '../../domain/explanation.ts';
import type { RunOptions } from '../../domain/ports.ts';
import type { RunContext } from './begun-run.ts';
import { parseMarker } from './links/marker.ts';
import { findRemoteScans, type Plan, type RemoteScan, rowsOf, type TableName } from './plan.ts';
import { writePlan } from './plan-text.ts';
import { proofPrefixLength, prove } from './proof.ts';
import { withReducedText } from './reduced-run.ts';
import { rawText, type Session } from './session.ts';

/** JSON, because in the text form a value with line breaks can look like a part of the plan. */
const explain = 'EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, BUFFERS OFF, FORMAT JSON) ';

/** As `Database.explain`. */
export async function explainQuery(
  context: RunContext,
  sql: string,
  options: Pick<RunOptions, 'signal'> = {},
): Promise<Explanation> {
  return withReducedText(context, sql, options, async ({ session, stop }, text) => {
    text.sentAfter(proofPrefixLength, 'sql_refused');
    await prove(session, text.sql, { plan: true });
    text.sentAfter(explain.length, 'sql_failed');
    const plan = await readPlan(session, text.sql);
    const remoteParts = await toRemoteParts(session, findRemoteScans(plan));
    const reductions = await text.countKeys(session.client);
    stop.clear();
    session.end();
    return {
      remoteParts,
      ...(reductions.length > 0 ? { reductions } : {}),
      rows: rowsOf(plan.Plan),
      durationMs: Math.round(Number(plan['Planning Time'] ?? 0) + Number(plan['Execution Time'] ?? 0)),
      plan: writePlan(plan),
    };
  });
}

async function readPlan(session: Session, statement: string): Promise<Plan> {
  const result = await session.client.query<[string]>({
    text: explain + statement,
    rowMode: 'array',
    types: rawText,
    queryMode: 'extended',
  } as never);
  const [plan] = JSON.parse((result.rows as unknown as [string][])[0]?.[0] ?? '') as [Plan];
  return plan;
}

const serversQuery = `SELECT n.nspname, c.relname, s.srvname, pg_catalog.obj_description(s.oid, 'pg_foreign_server')
FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS t(schema, name)
JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema
JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = c.oid
JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver`;

/** Looks up whose the scans are; the tables of one scan all have one server. */
async function toRemoteParts(session: Session, scans: readonly RemoteScan[]): Promise<RemotePart[]> {
  if (scans.length === 0) return [];
  const tables = scans.flatMap((scan) => scan.tables);
  const { rows } = await session.client.query<[string, string, string, string | null]>({
    text: serversQuery,
    values: [tables.map(([schema]) => schema), tables.map(([, name]) => name)],
    rowMode: 'array',
    types: rawText,
  });
  const servers = new Map(
    rows.map(([schema, name, server, comment]) => [
      fullName([schema, name]),
      { server, link: parseMarker(comment)?.link ?? server },
    ]),
  );
  return scans.map(({ tables, ...scan }) => {
    const names = tables.map(fullName);
    const owner = names.map((name) => servers.get(name)).find((each) => each !== undefined);
    return { server: '', link: 'a remote', ...owner, tables: names, ...scan };
  });
}

/** As it is written in SQL. */
function fullName(table: TableName): string {
  return table
    .map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`))
    .join('.');
}
