/**
 * Runs that fail because the remote of a data link has changed: such a failure names the refresh that mends it. Only
 * failures cost anything here, and only those that a changed remote may cause.
 */
import type { LinkChange, LinkStatus } from '../domain/data-link.ts';
import { AppError } from '../domain/errors.ts';
import { describeOutdated, isBroken } from '../domain/link-words.ts';
import type { Database } from '../domain/ports.ts';
import type { ResultSet } from '../domain/result-set.ts';
import { findSqlNames, type SqlName } from '../domain/sql-names.ts';
import { namesDependent, namesSchema } from './link-uses.ts';

/** Turns a failure of a run into one that says more, or gives it back. Never throws. */
export type ExplainFailure = (database: string, error: AppError, sql: string) => Promise<AppError>;

/** A link that is not as its remote, and who in its database reads it: `view public.paying`. */
export interface ChangedLink {
  readonly status: LinkStatus;
  readonly dependents: readonly string[];
}

/** SQLSTATEs of what is not there. Source of all of these: PostgreSQL manual, appendix A. */
const missing = new Set([
  '42703', // undefined column
  '42P01', // undefined table
  '42883', // undefined function or operator
  '42704', // undefined object
  '3F000', // no such schema
  '42501', // insufficient privilege: on the remote, or on a table whose rights are gone
]);

/** Of what is of another type, and of values that do not fit their type. Class HV is that of foreign data. */
const unfitting = new Set([
  '42804', // datatype mismatch
  '42846', // can not coerce
  '22P02', // not of the type
  '22003', // out of range
  '22007', // no datetime
  '22008', // datetime out of range
  '22001', // too long
]);

/** Whether a changed remote may be what this failure comes from. */
export function maySayOutdated({ code, sql }: AppError): boolean {
  if (!sql) return false;
  // It may have moved, or have a new password.
  if (code === 'remote_unavailable') return true;
  if (code !== 'sql_failed' && code !== 'sql_refused') return false;
  return missing.has(sql.sqlstate) || unfitting.has(sql.sqlstate) || sql.sqlstate.startsWith('HV');
}

/** The link whose change the failure comes from, or null. A mistake in a clip's SQL is not blamed on its links. */
export function findOutdated(
  outdated: readonly ChangedLink[],
  error: AppError,
  sql: string,
): LinkStatus | null {
  const names = findSqlNames(sql);
  const away = error.code === 'remote_unavailable';
  // How a remote is reached decides whether it answers, not what it says.
  const changed = away ? outdated : outdated.filter(({ status }) => !status.changes?.every(isOfWay));
  const read = changed.filter(
    ({ status, dependents }) => namesSchema(names, status.name) || namesDependent(names, dependents),
  );
  const all = [...read, ...changed];
  if (away) return all.find(({ status }) => hasChanged(status, ['server', 'login']))?.status ?? null;
  const named =
    all.find(({ status }) => namesChange(names, status)) ??
    read.find(({ status }) => status.changes?.some(takesAway));
  const { sqlstate = '', remoteSql } = error.sql ?? {};
  // What the database itself does not find stands in the SQL: a view would have been refused when it was made.
  if (missing.has(sqlstate) && remoteSql === undefined) return named?.status ?? null;
  if (missing.has(sqlstate)) return (named ?? all[0])?.status ?? null;
  return (named ?? read[0])?.status ?? null;
}

/** Another address, other options or another login. */
function isOfWay({ kind, change }: LinkChange): boolean {
  return (kind === 'server' || kind === 'login') && change === 'changed';
}

/** True for what keeps every table of the link from being read. */
function takesAway({ kind, change }: LinkChange): boolean {
  return (
    kind === 'rights' || kind === 'schema' || ((kind === 'server' || kind === 'login') && change === 'added')
  );
}

function hasChanged({ changes }: LinkStatus, kinds: readonly LinkChange['kind'][]): boolean {
  return changes?.some(({ kind }) => kinds.includes(kind)) ?? false;
}

/** Whether something that has changed is named: a table or one of its columns. */
function namesChange(names: readonly SqlName[], { changes }: LinkStatus): boolean {
  const words = new Set(names.flat());
  return (changes ?? []).some(({ kind, name, table }) => {
    if (kind !== 'table' && kind !== 'column') return false;
    return words.has(table ?? name) || words.has(name.slice(name.lastIndexOf('.') + 1));
  });
}

/** The failure as that of an outdated link: `error` is what Postgres said. */
export function toOutdated(error: AppError, status: LinkStatus): AppError {
  const { name, database } = status;
  const hint = `Refresh the link: pgclip links refresh ${database} ${name} (${describeOutdated(status)}).`;
  const what = isBroken(status)
    ? 'A data link that this query reads is broken.'
    : 'A remote that this query reads from has changed since it was linked.';
  return new AppError(
    'link_outdated',
    `${what} The owner of the clip can refresh the link.`,
    error.sql ? { sql: { ...error.sql, hint } } : {},
  );
}

/** The same database; a run that fails with it is explained. Costs nothing while runs go well. */
export function withExplainedFailures(database: Database, explain: ExplainFailure): Database {
  const mend = (sql: string) => async (thrown: unknown) => {
    throw thrown instanceof AppError && maySayOutdated(thrown)
      ? await explain(database.name, thrown, sql)
      : thrown;
  };
  return {
    name: database.name,
    run: async (sql, options) => {
      const result = await database.run(sql, options).catch(mend(sql));
      return withExplainedBatches(result, mend(sql));
    },
    describe: (sql) => database.describe(sql).catch(mend(sql)),
    explain: (sql, options) => database.explain(sql, options).catch(mend(sql)),
    inspect: () => database.inspect(),
    schema: () => database.schema(),
    close: () => database.close(),
  };
}

function withExplainedBatches(result: ResultSet, mend: (thrown: unknown) => Promise<never>): ResultSet {
  return {
    columns: result.columns,
    ranAt: result.ranAt,
    serverVersion: result.serverVersion,
    batches: {
      [Symbol.asyncIterator]: () => {
        const batches = result.batches[Symbol.asyncIterator]();
        return {
          next: () => batches.next().catch(mend),
          return: async (value?: unknown) =>
            (await batches.return?.(value)) ?? { done: true, value: undefined },
        };
      },
    },
    close: () => result.close(),
  };
}
