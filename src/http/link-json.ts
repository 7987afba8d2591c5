/** Data links as the authoring API gives them. */
import type { LinkChange, LinkReport, LinkStatus } from '../domain/data-link.ts';
import { findChangedTables } from '../domain/link-words.ts';

export function toLinkJson(status: LinkStatus) {
  const { name, database, remote, redis, remoteDatabase, remoteSchema, server } = status;
  const { createdAt, refreshedAt, tables, changes } = status;
  return {
    name,
    database,
    remote,
    kind: redis ? ('redis' as const) : ('postgres' as const),
    redis: redis && {
      ...{ prefix: redis.prefix, writable: redis.writable },
      ...{ gateway: redis.gateway, missedGateway: redis.missedGateway },
    },
    remoteDatabase,
    remoteSchema,
    server,
    createdAt,
    refreshedAt,
    tables,
    changes: changes?.map(toChangeJson) ?? null,
    changedTables: changes ? [...findChangedTables(changes)] : null,
    problems: status.problems.map(({ level, message }) => ({ level, message })),
  };
}

/** A link that was just made. */
export function toNewLinkJson({ link, warnings }: LinkReport) {
  return { ...toLinkJson({ ...link, changes: [] }), warnings: [...warnings] };
}

/** What a refresh has changed, or would change. */
export function toRefreshJson({ link, changes, warnings }: LinkReport, dryRun: boolean) {
  const those = (which: LinkChange['change']) =>
    changes.filter(({ change }) => change === which).map(toChangeJson);
  return {
    link: toLinkJson({ ...link, changes: dryRun ? changes : [] }),
    added: those('added'),
    changed: those('changed'),
    removed: those('removed'),
    warnings: [...warnings],
    dryRun,
  };
}

function toChangeJson({ change, kind, name, table, detail }: LinkChange) {
  return { change, kind, name, table, detail };
}
