/**
 * The reduction: where the key of a Redis relation is compared with an expression over other tables, the condition
 * `key = ANY (ARRAY(SELECT …))` is put beside it, so that only those keys are fetched instead of all. What is not
 * certain to leave the result as it is stays as it is written.
 */
import { type Analysis, analyse } from './analysis.ts';
import { withinBounds } from './bounds.ts';
import { applyEdits, type Edit } from './edits.ts';
import type { Facts } from './facts.ts';
import { findRestrictions, type Restriction, type Restrictions, scanLabel } from './restrictions.ts';
import type { Entry } from './scope.ts';
import type { ParsedSql, SqlParser } from './sql-parser.ts';
import { requireNothingVolatile } from './steady.ts';
import { attempt } from './unsure.ts';

/** A relation of Redis in a query, and what is read of it. */
export interface ScanReport {
  /** Schema and name. */
  readonly relation: string;
  readonly reads: Restriction['how'] | 'everything';
  /** Why everything is read; else null. */
  readonly reason: string | null;
  /** A query of the keys that are read, standing alone, to look at or to count; null when there is none. */
  readonly keyQuery: string | null;
}

export type Reduction =
  | { readonly kind: 'no redis' }
  | { readonly kind: 'as written'; readonly reason: string; readonly scans: readonly ScanReport[] }
  | {
      readonly kind: 'reduced';
      readonly sql: string;
      /** What was put in; see `originalIndex`. */
      readonly edits: readonly Edit[];
      readonly scans: readonly ScanReport[];
    };

export interface Examined {
  readonly parsed: ParsedSql;
  readonly analysis: Analysis;
  readonly restrictions: Restrictions;
  /** Every place where a relation of Redis is read, also in views. */
  readonly scans: readonly Entry[];
}

/** Looks at a text; null when it isn't one query that can be followed. Throws `RangeError`: see bounds.ts. */
export function examine(sql: string, facts: Facts, parser: SqlParser): Examined | null {
  const parsed = parser.parse(sql);
  if (!parsed) return null;
  const analysis = analyse(parsed.select, facts, parser);
  const restrictions = findRestrictions(analysis, facts, parsed);
  const scans = analysis.levels
    .flatMap((level) => level.entries)
    .filter(({ source }) => source.kind === 'relation' && source.relation.redisKey !== null);
  return { parsed, analysis, restrictions, scans };
}

/** What is said of a text that is too long, too deep or too hard, or none that is known. */
export const notLookedInto = 'the text could not be looked into';

/** What is said of a relation of Redis that was named and not found, such as one with TABLESAMPLE. */
export const hidden = 'a relation of Redis stands where it is not looked into';

/** True when a relation of Redis is among the names, wherever it stands. */
export function namesRedis({ relations }: Facts): boolean {
  return [...relations.values()].some((relation) => relation !== null && relation.redisKey !== null);
}

/** Reduces a text. Pure: it asks no database. */
export function reduce(sql: string, facts: Facts, parser: SqlParser): Reduction {
  return withinBounds(
    () => reduceExamined(sql, examine(sql, facts, parser), facts),
    () => reduceExamined(sql, null, facts),
  );
}

function reduceExamined(sql: string, examined: Examined | null, facts: Facts): Reduction {
  if (!examined) return { kind: 'as written', reason: notLookedInto, scans: [] };
  const { scans, restrictions } = examined;
  if (scans.length === 0 && !namesRedis(facts)) return { kind: 'no redis' };
  const reports = scans.map((scan) => report(scan, restrictions));
  const volatile = attempt(() => requireNoVolatile(examined, facts));
  if ('reason' in volatile) return asWritten(reports, volatile.reason);
  const edits = restrictions.found
    .flatMap(({ insertion }) => (insertion ? [{ ...insertion, removed: 0 }] : []))
    .sort((a, b) => a.index - b.index);
  if (edits.length === 0) {
    const reason =
      (scans.length === 0 ? hidden : undefined) ??
      reports.find((each) => each.reason !== null)?.reason ??
      'Postgres hands its keys on as they are written';
    return { kind: 'as written', reason, scans: reports };
  }
  return { kind: 'reduced', sql: applyEdits(sql, edits), edits, scans: reports };
}

/** Reduced nowhere, for this reason where there is no nearer one. */
function asWritten(scans: readonly ScanReport[], reason: string): Reduction {
  const reports = scans.map((scan) =>
    scan.keyQuery === null
      ? { ...scan, reason: scan.reason ?? (scan.reads === 'everything' ? reason : null) }
      : { ...scan, reads: 'everything' as const, reason, keyQuery: null },
  );
  const nearest = scans.find((each) => each.reason !== null)?.reason ?? reason;
  return { kind: 'as written', reason: nearest, scans: reports };
}

/**
 * How often a volatile function is called, and with what, is for the plan to decide, which is another one with keys:
 * rows that depend on it would be others, wherever in the query it stands.
 */
function requireNoVolatile({ parsed, analysis }: Examined, facts: Facts): void {
  requireNothingVolatile(parsed.select, facts);
  for (const { source } of analysis.levels.flatMap((level) => level.entries))
    if (source.kind === 'relation' && source.view) requireNothingVolatile(source.view.select, facts);
}

function report(scan: Entry, { found, reasonFor }: Restrictions): ScanReport {
  const restriction = found.find(({ scans }) => scans.includes(scan));
  const relation = scanLabel(scan);
  if (restriction) {
    const made = attempt(() => restriction.keyQuery());
    return { relation, reads: restriction.how, reason: null, keyQuery: 'value' in made ? made.value : null };
  }
  return { relation, reads: 'everything', reason: reasonFor(scan), keyQuery: null };
}
