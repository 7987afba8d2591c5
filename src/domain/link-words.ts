/** Links in words and figures that pages, command line and API share. */
import type { DataLink, LinkChange, LinkStatus } from './data-link.ts';

/**
 * What of the remote is linked, to stand in brackets: `analytics`; `Redis database 0, keys app:*, writable`. Of a Redis
 * without a gateway also how it is read, and why.
 */
export function describeRemote({
  redis,
  remoteDatabase,
}: Pick<DataLink, 'redis' | 'remoteDatabase'>): string {
  if (!redis) return remoteDatabase ?? 'unknown';
  const { prefix, writable, gateway, missedGateway } = redis;
  const why =
    missedGateway === null
      ? 'without a gateway'
      : `since the database can't use the gateway at ${missedGateway}`;
  return [
    `Redis database ${remoteDatabase ?? 'unknown'}`,
    ...(prefix === '' ? [] : [`keys ${prefix}*`]),
    ...(writable ? ['writable'] : []),
    ...(gateway ? [] : [`read by pgclip itself, ${why}`]),
  ].join(', ');
}

/** A warning of a remote whose login may do more than read; `reasons` are the sentences that say what, at least one. */
export function describeStrongLogin(remote: string, reasons: readonly string[]): string {
  const [first = '', second, ...more] = reasons;
  const rest = more.length === 0 ? second : `"pgclip databases" tells ${more.length + 1} more reasons.`;
  const what = rest === undefined ? first : `${first} ${rest}`;
  return `The login of ${remote} may do more than read. ${what} The link only reads, but a login that can do no more is safer: "pgclip databases harden ${remote}" makes one.`;
}

/** Tables of the link that are touched by the changes, each once. */
export function findChangedTables(changes: readonly LinkChange[]): readonly string[] {
  const tables = changes.map((each) => each.table ?? (each.kind === 'table' ? each.name : null));
  return [...new Set(tables.filter((table) => table !== null))];
}

/**
 * How the link differs from its remote as that is now, behind its number of tables, with what to do: `2 changed on the
 * remote since 2026-11-20, refresh to see them`. Null when it does not, or when nobody knows.
 */
export function describeDifference(status: LinkStatus): string | null {
  const { changes, refreshedAt } = status;
  if (!changes || changes.length === 0) return null;
  if (isBroken(status)) return 'refresh to mend it';
  const tables = findChangedTables(changes).length;
  if (tables === 0) return `${describeOtherChanges(changes, refreshedAt)}, refresh to mend it`;
  const them = tables === 1 ? 'it' : 'them';
  // The tables of a Redis are always the same: it has no part in what became of them.
  if (status.redis) return `${formatCount(tables)} missing or changed, refresh to mend ${them}`;
  return `${formatCount(tables)} changed on the remote since ${refreshedAt.slice(0, 10)}, refresh to see ${them}`;
}

/** Why it has to be refreshed, to stand in brackets: `2 of its tables have changed on the remote since 2026-11-20`. */
export function describeOutdated(status: LinkStatus): string {
  const { changes, refreshedAt } = status;
  if (isBroken(status)) return 'it is broken';
  const tables = findChangedTables(changes ?? []).length;
  if (tables === 0) return describeOtherChanges(changes ?? [], refreshedAt);
  if (status.redis)
    return `${formatCount(tables)} of its tables ${tables === 1 ? 'is' : 'are'} missing or changed`;
  return `${formatCount(tables)} of its tables ${tables === 1 ? 'has' : 'have'} changed on the remote since ${refreshedAt.slice(0, 10)}`;
}

/** Whether the database has not all of the link; what is missing then is no change of the remote. */
export function isBroken({ problems }: Pick<LinkStatus, 'problems'>): boolean {
  return problems.some(({ level }) => level === 'broken');
}

/** What is not as it should be, when that is no table. */
function describeOtherChanges(changes: readonly LinkChange[], refreshedAt: string): string {
  const kinds = [...new Set(changes.map(({ kind }) => kindWords[kind]))].join(', ');
  return `changed since ${refreshedAt.slice(0, 10)}: ${kinds}`;
}

const kindWords: Readonly<Record<LinkChange['kind'], string>> = {
  table: 'tables',
  column: 'columns',
  type: 'types',
  server: "the remote's address",
  login: "the remote's login",
  rights: 'what the clip login may read',
  schema: 'its schema',
  dependent: 'what depends on it',
};

/** `1 added, 2 changed, 0 removed`. */
export function countChanges(changes: readonly LinkChange[]): string {
  const count = (which: LinkChange['change']) =>
    formatCount(changes.filter(({ change }) => change === which).length);
  return `${count('added')} added, ${count('changed')} changed, ${count('removed')} removed`;
}

/** A change as a line: `added column users.plan (text)`. */
export function describeChange({ change, kind, name, detail }: LinkChange): string {
  // A dependent's name begins with what it is; its detail is SQL of several lines.
  if (kind === 'dependent') return `${change} ${name}`;
  return `${change} ${kind} ${name}${detail === null ? '' : ` (${detail})`}`;
}

const formatCount = (count: number) => count.toLocaleString('en-US');
