/**
 * Every error that pgclip answers with: one table of code → status and title. Codes never change and are never
 * reused; `docs/errors.md` lists them and a test keeps the two in step.
 */

/** Status and title of each code. The title says what kind of thing happened; an error's message says the rest. */
export const errorTable = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_option: { status: 400, title: 'An option of the URL is not valid' },
  unauthorized: { status: 401, title: 'Sign in or send the API token' },
  forbidden_origin: { status: 403, title: 'The request came from another site' },
  unsafe_login: { status: 403, title: "The database's login may do more than read" },
  links_read_only: { status: 403, title: "The database's data links can only be seen" },
  owner_lacks_rights: { status: 403, title: "The owner's login lacks a right" },
  not_found: { status: 404, title: 'There is nothing here' },
  clip_not_found: { status: 404, title: 'There is no such clip' },
  snapshot_not_found: { status: 404, title: 'There is no such snapshot' },
  database_not_found: { status: 404, title: 'There is no such database' },
  format_not_found: { status: 404, title: 'There is no such format' },
  link_not_found: { status: 404, title: 'There is no such data link' },
  remote_not_found: { status: 404, title: 'There is no such remote' },
  method_not_allowed: { status: 405, title: 'The URL does not take this method' },
  not_acceptable: { status: 406, title: 'None of the accepted types can be given' },
  snapshot_pinned: { status: 409, title: 'The clip shows this snapshot' },
  clip_changed: { status: 409, title: 'The clip was changed by someone else meanwhile' },
  link_name_taken: { status: 409, title: 'The name of the data link is taken' },
  link_not_confirmed: { status: 409, title: 'The removal of the data link is not confirmed' },
  link_in_use: { status: 409, title: 'Something of others depends on the data link' },
  body_too_large: { status: 413, title: 'The body is too large' },
  snapshot_too_large: { status: 413, title: 'The snapshot is too large' },
  diff_too_large: { status: 413, title: 'The snapshots are too large to compare' },
  unsupported_media_type: { status: 415, title: 'The body is of a type that is not taken' },
  archive_invalid: { status: 422, title: 'The archive is not whole or not as it should be' },
  sql_refused: { status: 422, title: 'Postgres refused the SQL' },
  sql_failed: { status: 422, title: 'The query failed while it ran' },
  link_outdated: { status: 422, title: 'A data link has to be refreshed' },
  remote_refused: { status: 422, title: 'The remote can not be linked' },
  value_not_representable: { status: 422, title: 'A value does not fit into this format' },
  too_many_columns: { status: 422, title: 'The result has more columns than this format holds' },
  key_not_unique: { status: 422, title: 'Several rows have the same key' },
  internal: { status: 500, title: 'Something went wrong inside pgclip' },
  queue_full: { status: 503, title: 'Too many queries are running' },
  run_cancelled: { status: 503, title: 'The run was cancelled' },
  database_unavailable: { status: 503, title: 'The database does not answer' },
  remote_unavailable: { status: 503, title: 'The remote of a data link does not answer' },
  link_busy: { status: 503, title: 'The tables of the data link are in use' },
  store_unavailable: { status: 503, title: 'The store does not answer' },
  store_not_durable: { status: 503, title: 'The store does not promise to keep it' },
  snapshot_damaged: { status: 500, title: 'A stored snapshot is damaged' },
  run_deadline: { status: 504, title: 'The run took too long' },
  store_full: { status: 507, title: 'The store is full' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof errorTable;

/** What Postgres said of the SQL. Positions are 1-based and count characters of the text that was given. */
export interface SqlProblem {
  /** Five characters, PostgreSQL manual appendix A. */
  readonly sqlstate: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
  /** The query that a remote was asked, when it is the remote that failed. For signed-in users only. */
  readonly remoteSql?: string;
  /**
   * Postgres's own message: may hold values of rows and SQL of a remote, so it is shown to signed-in users only
   * and never logged.
   */
  readonly message: string;
}

/** Paths of a body that are not what the schema says. */
export interface InvalidPath {
  /** Dotted, e.g. `sql` or `columns.0.name`; empty for the body itself. */
  readonly path: string;
  readonly message: string;
}

export interface AppErrorDetails {
  readonly sql?: SqlProblem;
  readonly paths?: readonly InvalidPath[];
  /** For 503: when to try again. */
  readonly retryAfterSeconds?: number;
  /** The underlying error; for the log alone. */
  readonly cause?: unknown;
}

/**
 * An error that can be shown: `message` is a sentence that is safe for anyone (no SQL values, slugs, tokens,
 * passwords) and says what to do. What is not safe is in `sql` (signed-in users) and `cause` (the log).
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly sql: SqlProblem | undefined;
  readonly paths: readonly InvalidPath[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, details: AppErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'AppError';
    this.code = code;
    this.sql = details.sql;
    this.paths = details.paths;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }

  get status(): (typeof errorTable)[ErrorCode]['status'] {
    return errorTable[this.code].status;
  }
}

/** The AppError of any thrown thing: itself, or `internal` with the thing as its cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', 'pgclip could not finish this. The log of the server says why.', {
    cause: error,
  });
}
