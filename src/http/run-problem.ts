/** What a page shows of a run that failed: in words, for signed-in users with the SQL and the way to the data links. */
import { type AppError, errorTable, type SqlProblem } from '../domain/errors.ts';

/** A failed run, as the pages take it. */
export interface RunProblem {
  readonly title: string;
  readonly detail: string;
  /** For signed-in users only. */
  readonly sql?: SqlProblem | undefined;
  /** The database that has the data links which it may come from. */
  readonly linksOf?: string | undefined;
}

/** The error of a run in `database`. `toAuthor`: it is shown to a signed-in user. */
export function toRunProblem(error: AppError, database: string, toAuthor: boolean): RunProblem {
  const { code, message: detail, sql } = error;
  const { title } = errorTable[code];
  if (!toAuthor) return { title, detail };
  const fromLink = code === 'link_outdated' || code === 'remote_unavailable';
  return { title, detail, sql, linksOf: fromLink ? database : undefined };
}
