/** One line of JSON per event for the operator. No URL, SQL, row value, slug, token or password gets in here. */
import type { Log } from '../domain/ports.ts';

/** Writes lines through `write`, without a line end. */
export function createLog(write: (line: string) => void): Log {
  return (level, message, fields = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }));
}

/** What may be logged of a cause: its kind and where it came from. Postgres's messages may quote rows. */
export function describeCause(cause: unknown): Record<string, string> {
  if (cause === undefined) return {};
  // An error of Postgres has a severity; its message may quote rows.
  if (cause instanceof Error && 'severity' in cause && 'code' in cause)
    return { cause: `SQLSTATE ${cause.code}` };
  if (cause instanceof Error) return { cause: cause.stack ?? `${cause.name}: ${cause.message}` };
  return { cause: String(cause) };
}
