/**
 * From the shape that a link has to the shape that it should have: the steps, in an order in which one transaction can
 * make them, and what they mean to people.
 */
import type { LinkChange } from '../../../domain/data-link.ts';
import { compareTypes, type TypeComparison } from './compare-types.ts';
import type { LinkShape, ShapeColumn, ShapeStep, ShapeTable } from './shape.ts';
import { describeChanges } from './shape-changes.ts';

export interface ShapeComparison {
  readonly steps: readonly ShapeStep[];
  readonly changes: readonly LinkChange[];
}

/** Columns of a table, former ones included. Source: PostgreSQL manual, "PostgreSQL Limits". */
const maxColumns = 1600;

/** Compares them. Both lists are empty when nothing differs; a new order of columns is no difference. */
export function compareShapes(actual: LinkShape, desired: LinkShape): ShapeComparison {
  const types = compareTypes(actual, desired);
  const before = new Map(actual.tables.map((table) => [table.name, table]));
  const wanted = new Set(desired.tables.map(({ name }) => name));
  const removals: ShapeStep[] = [];
  const alterations: ShapeStep[] = [];
  for (const { name } of actual.tables)
    if (!wanted.has(name)) removals.push({ kind: 'drop table', table: name });
  for (const table of desired.tables) {
    const old = before.get(table.name);
    if (!old) {
      alterations.push({ kind: 'create table', table });
    } else if (isFull(old, table)) {
      removals.push({ kind: 'drop table', table: table.name });
      alterations.push({ kind: 'create table', table });
    } else {
      removals.push(...columnRemovals(old, table));
      alterations.push(...columnAlterations(old, table, types));
    }
  }
  return {
    steps: [...types.renames, ...removals, ...types.creations, ...alterations, ...types.drops],
    changes: describeChanges(actual, desired),
  };
}

/** True when the table has had so many columns that no more can be added. */
function isFull(old: ShapeTable, table: ShapeTable): boolean {
  const had = new Set(old.columns.map(({ name }) => name));
  const added = table.columns.filter(({ name }) => !had.has(name)).length;
  return added > 0 && had.size + (old.formerColumns ?? 0) + added > maxColumns;
}

function columnRemovals(old: ShapeTable, table: ShapeTable): ShapeStep[] {
  const wanted = new Set(table.columns.map(({ name }) => name));
  return old.columns
    .filter(({ name }) => !wanted.has(name))
    .map(({ name }) => ({ kind: 'drop column', table: table.name, column: name }));
}

function columnAlterations(old: ShapeTable, table: ShapeTable, types: TypeComparison): ShapeStep[] {
  const steps: ShapeStep[] = [];
  const had = new Map(old.columns.map((column) => [column.name, column]));
  const { name } = table;
  if (old.comment !== table.comment)
    steps.push({ kind: 'comment table', table: name, comment: table.comment });
  for (const column of table.columns) {
    const former = had.get(column.name);
    if (former) steps.push(...columnSteps(name, former, column, types));
    else steps.push({ kind: 'add column', table: name, column });
  }
  return steps;
}

function columnSteps(
  table: string,
  old: ShapeColumn,
  column: ShapeColumn,
  types: TypeComparison,
): ShapeStep[] {
  const steps: ShapeStep[] = [];
  const { name, notNull, comment } = column;
  if (old.type !== column.type || old.collation !== column.collation || types.isReplaced(column.type))
    steps.push({ kind: 'retype column', table, column });
  if (old.notNull !== notNull)
    steps.push({ kind: notNull ? 'set not null' : 'drop not null', table, column: name });
  if (old.comment !== comment) steps.push({ kind: 'comment column', table, column: name, comment });
  return steps;
}
