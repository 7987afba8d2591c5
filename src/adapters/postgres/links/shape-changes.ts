/**
 * What differs between two shapes of a link, in the words of people. A type that is made anew under its name is one
 * change, not one of every column that has it.
 */
import type { LinkChange } from '../../../domain/data-link.ts';
import type { LinkShape, ShapeAttribute, ShapeColumn, ShapeTable, ShapeType } from './shape.ts';

/** Types first, then tables with their columns, each by name. */
export function describeChanges(actual: LinkShape, desired: LinkShape): LinkChange[] {
  return [
    ...pair(actual.types, desired.types).flatMap(typeChange),
    ...pair(actual.tables, desired.tables).flatMap(tableChanges),
  ];
}

interface Pair<T> {
  readonly name: string;
  readonly old: T | null;
  readonly now: T | null;
}

function pair<T extends { readonly name: string }>(before: readonly T[], after: readonly T[]): Pair<T>[] {
  const old = new Map(before.map((each) => [each.name, each]));
  const now = new Map(after.map((each) => [each.name, each]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .map((name) => ({ name, old: old.get(name) ?? null, now: now.get(name) ?? null }));
}

function typeChange({ name, old, now }: Pair<ShapeType>): LinkChange[] {
  const detail = old && now ? typeDetail(old, now) : null;
  if (old && now && detail === null) return [];
  return [{ change: changeOf(old, now), kind: 'type', name, table: null, detail }];
}

function tableChanges({ name, old, now }: Pair<ShapeTable>): LinkChange[] {
  if (!old || !now) return [{ change: changeOf(old, now), kind: 'table', name, table: name, detail: null }];
  const comment = commentDetail(old.comment, now.comment);
  return [
    ...(comment ? [{ change: 'changed', kind: 'table', name, table: name, detail: comment } as const] : []),
    ...pair(old.columns, now.columns).flatMap((column) => columnChange(name, column)),
  ];
}

function columnChange(table: string, { name, old, now }: Pair<ShapeColumn>): LinkChange[] {
  const detail = old && now ? columnDetail(old, now) : now && typeOf(now);
  if (old && now && detail === null) return [];
  return [{ change: changeOf(old, now), kind: 'column', name: `${table}.${name}`, table, detail }];
}

function changeOf(old: unknown, now: unknown): LinkChange['change'] {
  if (!old) return 'added';
  return now ? 'changed' : 'removed';
}

function columnDetail(old: ShapeColumn, now: ShapeColumn): string | null {
  const notNull = now.notNull ? 'NOT NULL added' : 'NOT NULL dropped';
  return list([
    arrow(typeOf(old), typeOf(now)),
    old.notNull === now.notNull ? null : notNull,
    commentDetail(old.comment, now.comment),
  ]);
}

function commentDetail(old: string | null, now: string | null): string | null {
  if (old === now) return null;
  if (old === null) return 'comment added';
  return now === null ? 'comment removed' : 'comment changed';
}

function typeDetail(old: ShapeType, now: ShapeType): string | null {
  if (old.kind === 'enum' && now.kind === 'enum') return labelDetail(old.labels, now.labels);
  if (old.kind === 'composite' && now.kind === 'composite')
    return attributeDetail(old.attributes, now.attributes);
  return arrow(kindOf(old), kindOf(now));
}

function labelDetail(old: readonly string[], now: readonly string[]): string | null {
  const quoted = (labels: readonly string[]) => labels.map((label) => `'${label}'`).join(', ');
  const added = now.filter((label) => !old.includes(label));
  const removed = old.filter((label) => !now.includes(label));
  const [before, after] = [
    old.filter((label) => now.includes(label)),
    now.filter((label) => old.includes(label)),
  ];
  return list([
    added.length > 0 ? `added ${quoted(added)}` : null,
    removed.length > 0 ? `removed ${quoted(removed)}` : null,
    before.some((label, i) => label !== after[i]) ? `now in the order ${quoted(now)}` : null,
  ]);
}

function attributeDetail(old: readonly ShapeAttribute[], now: readonly ShapeAttribute[]): string | null {
  const details = pair(old, now).map((each) => {
    if (!each.old) return `${each.name} added`;
    if (!each.now) return `${each.name} removed`;
    const change = arrow(typeOf(each.old), typeOf(each.now));
    return change && `${each.name} ${change}`;
  });
  const reordered = old.some(({ name }, i) => name !== now[i]?.name);
  return list(details) ?? (reordered ? 'attributes in another order' : null);
}

function kindOf(type: ShapeType): string {
  return type.kind === 'domain' ? typeOf({ type: type.base, collation: type.collation }) : type.kind;
}

function typeOf({ type, collation }: Pick<ShapeAttribute, 'type' | 'collation'>): string {
  return collation === null ? type : `${type} COLLATE ${collation.replace(/^pg_catalog\./, '')}`;
}

function arrow(old: string, now: string): string | null {
  return old === now ? null : `${old} → ${now}`;
}

/** What there is of them, or null. */
function list(details: readonly (string | null)[]): string | null {
  const said = details.filter((detail) => detail !== null);
  return said.length > 0 ? said.join(', ') : null;
}
