/**
 * What pg throws, as AppErrors: SQLSTATE → code in one place. Decides by SQLSTATE and by the kind of the error,
 * never by a message. Source: PostgreSQL manual, appendix A "PostgreSQL Error Codes".
 */
import pg from 'pg';
import { AppError, type SqlProblem } from '../../domain/errors.ts';
import { type Edit, originalIndex } from '../../reduction/edits.ts';
import { findRemoteSql, isOfRemote, isRemoteUnavailable } from './remote-error.ts';
import { locate } from './statement.ts';

/** SQLSTATEs and classes (two characters) that tell of the server or the login, not of the SQL. */
const unavailable = new Set([
  '08',
  '28',
  '3D',
  '53300',
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P03',
  'XX000',
]);

/** What Postgres says to a text with parameters that is sent with none; class 08 otherwise tells of a connection. */
const parametersMissing = '08P01';

const queryCanceled = '57014';

/** True for a statement that was cancelled here, by statement_timeout or by someone. */
export function isQueryCanceled(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === queryCanceled && !isOfRemote(error);
}

/** Where the SQL that was sent stood: the given text began after `prefixLength` characters of ours. */
export interface SentText {
  readonly sql: string;
  readonly prefixLength: number;
  /** What was sent in its place. */
  readonly rewritten?: { readonly sql: string; readonly edits: readonly Edit[] } | undefined;
}

/** True when the connection, not the statement, is what failed: the next try may go well on another one. */
export function isConnectionFailure(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true;
  return !isOfRemote(error) && isUnavailable(error.code ?? '');
}

function isUnavailable(sqlstate: string): boolean {
  return unavailable.has(sqlstate) || unavailable.has(sqlstate.slice(0, 2));
}

/** What Postgres said, with line and column in the text that the user gave. */
function toSqlProblem(error: pg.DatabaseError, sent?: SentText): SqlProblem {
  const position = sent && error.position ? Number(error.position) - sent.prefixLength : 0;
  return {
    sqlstate: error.code ?? 'XX000',
    message: error.detail ? `${error.message} (${error.detail})` : error.message,
    ...(error.hint ? { hint: error.hint } : {}),
    ...(sent && position > 0 ? locateSent(sent, position) : {}),
  };
}

/** As `locate`, in the text that the user gave. */
function locateSent({ sql, rewritten }: SentText, position: number): ReturnType<typeof locate> {
  if (!rewritten) return locate(sql, position);
  // Postgres counts code points, edits count UTF-16.
  const index = [...rewritten.sql].slice(0, position - 1).join('').length;
  return locate(sql, [...sql.slice(0, originalIndex(rewritten.edits, index))].length + 1);
}

const messages = {
  sql_refused: 'Postgres does not take this text as one query that returns rows.',
  sql_failed: 'The query was accepted, but failed while it ran.',
};

/**
 * The AppError of anything that pg threw. `code` is what an error of the SQL itself becomes at this stage.
 * A cause never holds the text of Postgres's message, which may quote rows: only its SQLSTATE.
 */
export function toRunError(error: unknown, code: 'sql_refused' | 'sql_failed', sent?: SentText): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof pg.DatabaseError && isOfRemote(error)) return toRemoteError(error, code);
  if (sent && error instanceof pg.DatabaseError && error.code === parametersMissing) {
    return new AppError('sql_refused', 'The SQL has a parameter such as $1, and nothing fills it in.', {
      sql: { sqlstate: '42P02', message: 'the query has a parameter such as $1; a clip takes none' },
    });
  }
  if (!(error instanceof pg.DatabaseError) || isUnavailable(error.code ?? '')) return toDatabaseError(error);
  if (isQueryCanceled(error)) {
    return new AppError('run_cancelled', 'The run was cancelled in the database. Ask again.', {
      cause: `SQLSTATE ${error.code}`,
    });
  }
  return new AppError(code, messages[code], { sql: toSqlProblem(error, sent) });
}

/** The AppError of anything that pg threw while pgclip itself read from a remote with this SQL. */
export function toDirectError(error: unknown, remoteSql: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof pg.DatabaseError) return toRemoteError(error, 'sql_failed', remoteSql);
  const message = 'the connection to the remote broke off';
  return remoteUnavailable({ sqlstate: '08006', message, remoteSql }, causeOf(error));
}

/** The AppError of what a remote said, or of one that says nothing. The database itself is as well as before. */
function toRemoteError(
  error: pg.DatabaseError,
  code: 'sql_refused' | 'sql_failed',
  remoteSql = findRemoteSql(error),
): AppError {
  const problem = toSqlProblem(error);
  const sql: SqlProblem = { ...problem, ...(remoteSql === undefined ? {} : { remoteSql }) };
  const cause = `SQLSTATE ${error.code} of a remote`;
  if (isRemoteUnavailable(error)) return remoteUnavailable(sql, cause);
  if (error.code === queryCanceled) {
    return new AppError(
      'run_cancelled',
      'The remote of a data link cancelled the query: it took longer than the remote gives it, or someone ended it.',
      { sql, cause },
    );
  }
  return new AppError(code, 'The remote of a data link did not do its part of the query.', { sql });
}

function remoteUnavailable(sql: SqlProblem, cause: string): AppError {
  const hint = 'If the remote has moved or has a new password, refresh its data link.';
  return new AppError(
    'remote_unavailable',
    'The remote of a data link that the query reads does not answer now. Try again in a moment.',
    { sql: { hint, ...sql }, cause, retryAfterSeconds: 5 },
  );
}

/** The AppError for a database that can't be reached or that closed the connection. */
export function toDatabaseError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('database_unavailable', 'The database does not answer now. Try again in a moment.', {
    cause: causeOf(error),
    retryAfterSeconds: 5,
  });
}

/** Why a connection failed, in words that hold no password and no row. */
export function causeOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) {
    return error.code === '28P01' || error.code === '28000'
      ? `the server refuses the login (SQLSTATE ${error.code})`
      : `the server answered SQLSTATE ${error.code}`;
  }
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors
    .map((each: unknown) => {
      const code = (each as { code?: unknown } | null)?.code;
      if (typeof code === 'string') return code;
      return each instanceof Error ? each.message : 'unknown';
    })
    .filter((each, index, all) => all.indexOf(each) === index)
    .join(', ');
}
