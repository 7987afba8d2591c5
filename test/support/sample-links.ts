/** Data links and what a refresh would change of them, for tests that need none to be there. */
import type { DataLink, LinkChange } from '../../src/domain/data-link.ts';

/** A link of `WAREHOUSE_URL`, made on 2026-11-20 and not refreshed since. */
export function sampleLink(database: string, name: string, more: Partial<DataLink> = {}): DataLink {
  const at = '2026-11-20T08:15:00.000Z';
  return {
    name,
    database,
    remote: 'WAREHOUSE_URL',
    redis: null,
    remoteDatabase: 'analytics',
    remoteSchema: 'public',
    server: `${name}_server`,
    createdAt: at,
    refreshedAt: at,
    tables: 12,
    problems: [],
    ...more,
  };
}

/** That the column `plan` of `users` has changed. */
export function sampleChange(more: Partial<LinkChange> = {}): LinkChange {
  return { change: 'changed', kind: 'column', name: 'users.plan', table: 'users', detail: null, ...more };
}
