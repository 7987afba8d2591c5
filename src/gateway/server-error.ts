/**
 * Errors that a client of the gateway gets, as Postgres would send them. Whatever else is thrown becomes one of them
 * here, in one place. Source: PostgreSQL manual, appendix A "PostgreSQL Error Codes".
 */
import { RedisLinkError, type RedisLinkFailure } from '../domain/redis-link.ts';

/** The codes in use. */
export const sqlstates = {
  notSupported: '0A000',
  protocolViolation: '08P01',
  unknownOutcome: '08007',
  badCursor: '34000',
  badStatement: '26000',
  badSavepoint: '3B001',
  badPassword: '28P01',
  badAuthorization: '28000',
  readOnly: '25006',
  conflict: '40001',
  failedTransaction: '25P02',
  noTransaction: '25P01',
  duplicateCursor: '42P03',
  duplicateStatement: '42P05',
  duplicateKey: '23505',
  notNull: '23502',
  syntax: '42601',
  noTable: '42P01',
  noColumn: '42703',
  noSchema: '3F000',
  wrongType: '42809',
  invalidText: '22P02',
  invalidParameter: '22023',
  notShown: '22021',
  insufficientPrivilege: '42501',
  tooManySessions: '53300',
  outOfMemory: '53200',
  tooComplex: '54001',
  tooManyColumns: '54011',
  limitExceeded: '54000',
  cancelled: '57014',
  shutdown: '57P01',
  internal: 'XX000',
  remoteFailed: 'HV000',
  remoteUnreachable: 'HV00N',
} as const;

export type Sqlstate = (typeof sqlstates)[keyof typeof sqlstates];

const maxMessage = 400;

/** `FATAL` ends the session. */
export type Severity = 'ERROR' | 'FATAL';

/** An error that is sent to the client. The message is safe for whoever may use the link. */
export class ServerError extends Error {
  readonly sqlstate: Sqlstate;
  readonly hint: string | undefined;
  readonly severity: Severity;

  constructor(sqlstate: Sqlstate, message: string, more: { hint?: string; severity?: Severity } = {}) {
    // It may quote a word of the client's, and a word may have megabytes.
    super(message.slice(0, maxMessage));
    this.name = 'ServerError';
    this.sqlstate = sqlstate;
    this.hint = more.hint;
    this.severity = more.severity ?? 'ERROR';
  }
}

/** What this gateway answers to SQL that it doesn't know: an error, never a guess. */
export function notSupported(what: string): ServerError {
  return new ServerError(sqlstates.notSupported, `pgclip's gateway does not support ${what}`, {
    hint: 'Use the views of the data link: Postgres then does itself what the gateway cannot.',
  });
}

const failures: Readonly<Record<RedisLinkFailure, Sqlstate>> = {
  unreachable: sqlstates.remoteUnreachable,
  refused: sqlstates.remoteUnreachable,
  denied: sqlstates.insufficientPrivilege,
  moved: sqlstates.remoteFailed,
  conflict: sqlstates.conflict,
  unknown: sqlstates.unknownOutcome,
  tooMuch: sqlstates.limitExceeded,
  rejected: sqlstates.remoteFailed,
};

/** The error to send for anything thrown; null: it is none of those that are foreseen, and belongs in the log. */
export function findServerError(thrown: unknown): ServerError | null {
  if (thrown instanceof ServerError) return thrown;
  if (thrown instanceof RedisLinkError) return new ServerError(failures[thrown.failure], thrown.message);
  return null;
}
