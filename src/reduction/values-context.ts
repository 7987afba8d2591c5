/** What a query for values is made with. */
import type { Node } from 'libpg-query';
import type { Facts } from './facts.ts';
import type { Level, Place, Query } from './scope.ts';

export interface ValuesContext {
  readonly facts: Facts;
  /** Where the query will stand, and so see CTEs by name; null for a text of its own. */
  readonly inside: Level | null;
  /** Makes a new alias. */
  alias(): string;
}

/** A condition, and where it stands. */
export interface Condition {
  readonly node: Node;
  readonly place: Place;
}

/** Which conditions hold for the rows that matter. */
export interface Conditions {
  /** Written next to the comparison: they may be relied on whatever is joined. */
  readonly near: readonly Condition[];
  /** Those of WHERE: they may be relied on for tables that no join fills with NULLs. */
  readonly where: readonly Condition[];
}

/** The conditions of a level's WHERE. */
export function whereConditions(level: Level): Condition[] {
  return level.where.map((node) => ({ node, place: 'after' }));
}

/** Makes the query of the values of some columns of a query, with these names. Throws `Unsure`. */
export type QueryValues = (
  query: Query,
  columns: readonly string[],
  context: ValuesContext,
  names?: readonly string[],
) => string;
