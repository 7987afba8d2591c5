/** What is known of a database that can't be looked at: its name, and why. */
import type { DatabaseStatus } from './ports.ts';

/** `error`: a sentence for signed-in users. */
export function unreachable(name: string, error: string): DatabaseStatus {
  return {
    name,
    reachable: false,
    serverVersion: null,
    databaseName: null,
    login: null,
    safe: null,
    problems: [],
    error,
  };
}
