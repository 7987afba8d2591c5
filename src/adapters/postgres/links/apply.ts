/**
 * Makes a link what it should be, in the connection's transaction: locks first, then server, schema, types and tables,
 * the views of others that have to give way, rights and markers.
 */
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { LinkChange } from '../../../domain/data-link.ts';
import { AppError } from '../../../domain/errors.ts';
import { type ApplyContext, putServer } from './apply-server.ts';
import { checkWanted } from './connection.ts';
import { checkMovable, findAffected } from './dependents.ts';
import { type Difference, describeRemade, describeRemoved } from './difference.ts';
import { encodeMarker, serverNameOf } from './marker.ts';
import { findRightsGap } from './reader-rights.ts';
import type { LinkRecord } from './records.ts';
import { checkOwnership, prepareRights } from './rights.ts';
import { dropViewSql, recreateView, type SavedView } from './saved-views.ts';
import type { ShapeStep } from './shape.ts';
import { stepSql } from './shape-sql.ts';
import { type LockTarget, lockTables } from './table-locks.ts';

/** How long running clips are waited for. */
export const locksDeadlineMs = 60_000;
/** Statements of one round trip. */
const statementsAtOnce = 100;

export interface Application {
  readonly changes: readonly LinkChange[];
  readonly warnings: readonly string[];
}

/**
 * Does what the difference says. Throws `owner_lacks_rights`, `link_busy`, `link_in_use`, `remote_refused`,
 * `remote_unavailable`, `run_cancelled`, and what pg throws; the transaction is then to be rolled back.
 */
export async function applyDifference(context: ApplyContext, difference: Difference): Promise<Application> {
  const { client, owner, wanted, record, work } = context;
  const { name } = wanted;
  const { views, remade, others } = difference.affected;
  await prepareRights(client, { schema: !record?.schema, server: !record?.server });
  await checkOwnership(client, { schema: record?.schema?.oid ?? null, server: record?.server?.oid ?? null });
  checkMovable(views, others, owner.login);
  const { steps } = difference.shape;
  await lockParts(client, name, steps, views, work.signal);
  await checkNothingNew(context, difference);

  if (!record?.schema) await client.query(`CREATE SCHEMA ${escapeIdentifier(name)}`);
  const warnings = await putServer(context, difference);
  await dropViews(client, views);
  await runSteps(context, steps);
  const remadeChanges = await remakeViews(client, remade, owner.login);
  const gap = await findRightsGap(client, {
    schema: name,
    server: serverNameOf(name),
    reader: wanted.reader,
  });
  for (const statement of gap.statements) await client.query(statement);
  await putMarkers(context);
  checkWanted(work.signal);
  const changes = difference.changes.filter(
    ({ kind, change }) => !(kind === 'dependent' && change === 'changed'),
  );
  return { changes: [...changes, ...remadeChanges], warnings };
}

/** Gives schema and server of a link their names back, which someone changed. Throws `owner_lacks_rights`. */
export async function restoreNames(client: pg.ClientBase, record: LinkRecord): Promise<void> {
  const { name, schema, server } = record;
  await checkOwnership(client, { schema: schema?.oid ?? null, server: server?.oid ?? null });
  const rename = async (what: string, from: string | undefined, to: string) => {
    if (from === undefined || from === to) return;
    await client.query(`ALTER ${what} ${escapeIdentifier(from)} RENAME TO ${escapeIdentifier(to)}`);
  };
  await rename('SCHEMA', schema?.name, name);
  await rename('SERVER', server?.name, serverNameOf(name));
}

/** Steps whose statements no reader may stand beside. */
const lockingSteps = new Set<ShapeStep['kind']>([
  'drop table',
  'add column',
  'drop column',
  'retype column',
  'set not null',
  'drop not null',
]);

/** Locks the tables of the steps, and these views, against readers. */
export async function lockParts(
  client: pg.ClientBase,
  schema: string,
  steps: readonly ShapeStep[],
  views: readonly SavedView[],
  signal?: AbortSignal,
): Promise<void> {
  const names = steps.flatMap((step) =>
    lockingSteps.has(step.kind) && 'table' in step && typeof step.table === 'string' ? [step.table] : [],
  );
  const { rows } = await client.query<LockTarget>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, pg_get_userbyid(c.relowner)::text AS owner
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relkind = 'f' AND c.relname = ANY($2) ORDER BY 2`,
    [schema, [...new Set(names)]],
  );
  await lockTables(client, [...views, ...rows], locksDeadlineMs, signal);
}

/** Someone may have made a view before the locks were taken. */
async function checkNothingNew(
  { client, wanted }: ApplyContext,
  { affected, shape }: Difference,
): Promise<void> {
  const now = await findAffected(client, wanted.name, shape.steps);
  const known = new Set(affected.views.map((view) => view.oid));
  if (now.views.every((view) => known.has(view.oid)) && now.others.length === 0) return;
  throw new AppError('link_busy', 'Someone made a view over the link at the same time. Try again.', {
    retryAfterSeconds: 5,
  });
}

/** Drops views, given each after those that it reads itself. */
export async function dropViews(client: pg.ClientBase, views: readonly SavedView[]): Promise<void> {
  for (const view of [...views].reverse()) await client.query(dropViewSql(view));
}

async function runSteps({ client, wanted, work }: ApplyContext, steps: readonly ShapeStep[]): Promise<void> {
  const place = { schema: wanted.name, server: serverNameOf(wanted.name), remoteSchema: wanted.remoteSchema };
  const total = steps.filter(({ kind }) => kind === 'create table').length;
  let done = 0;
  for (let i = 0; i < steps.length; i += statementsAtOnce) {
    checkWanted(work.signal);
    const some = steps.slice(i, i + statementsAtOnce);
    if (total > 0) work.onProgress?.({ step: 'making tables', done, total });
    await client.query(some.flatMap((step) => stepSql(step, place)).join(';\n'));
    done += some.filter(({ kind }) => kind === 'create table').length;
  }
  if (total > 0) work.onProgress?.({ step: 'making tables', done, total });
}

async function remakeViews(
  client: pg.ClientBase,
  views: readonly SavedView[],
  login: string,
): Promise<readonly LinkChange[]> {
  const changes: LinkChange[] = [];
  for (const view of views) {
    const { made, filled } = await recreateView(client, view, login);
    if (!made) changes.push(describeRemoved(view));
    else
      changes.push(
        describeRemade(view, filled ? null : 'it has no rows now: REFRESH MATERIALIZED VIEW fills it'),
      );
  }
  return changes;
}

async function putMarkers({ client, wanted, record, now }: ApplyContext): Promise<void> {
  const { name, remote, remoteSchema } = wanted;
  const marker = { link: name, remote, schema: remoteSchema, refreshedAt: now };
  const comment = encodeMarker({ ...marker, createdAt: record?.marker.createdAt ?? now });
  await client.query(
    `COMMENT ON SCHEMA ${escapeIdentifier(name)} IS ${escapeLiteral(comment)};
     COMMENT ON SERVER ${escapeIdentifier(serverNameOf(name))} IS ${escapeLiteral(comment)}`,
  );
}
