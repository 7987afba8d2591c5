/**
 * The way without the gateway, for databases that can't reach it: pgclip asks the database for the keys, reads them
 * from Redis itself and hands the rows to the query as settings of its transaction, in chunks of JSON. The text stays
 * small, so that it can be declared and then copied like any other, and nothing has to be held whole.
 */
import type { ColumnRef, RangeVar } from 'libpg-query';
import { withinBounds } from './bounds.ts';
import { applyEdits, composeEdits, type Edit } from './edits.ts';
import type { ColumnFacts, Facts, RelationFacts } from './facts.ts';
import { type InlinedText, inlineViews } from './inline.ts';
import { namePlaceOf } from './name-place.ts';
import { type Examined, examine, hidden, namesRedis, notLookedInto } from './reduce.ts';
import { scanLabel } from './restrictions.ts';
import type { Entry } from './scope.ts';
import type { SqlParser } from './sql-parser.ts';
import { textsOf, walk } from './tree.ts';
import { attempt, Unsure } from './unsure.ts';
import { requireNoWholeRow } from './whole-rows.ts';
import { quoteName, quoteText } from './writing.ts';

/** One place of the query where a relation of Redis stands. */
export interface FetchScan {
  readonly relation: { readonly schema: string; readonly name: string };
  /** Of the rows that it gets, in this order. */
  readonly columns: readonly string[];
  /**
   * Which keys are needed: a query with one text column, to be run before in the same transaction (its values may
   * repeat and be NULL), or what they begin with. Rows of other keys do no harm, but for those of a prefix.
   */
  readonly keys: { readonly query: string } | { readonly prefix: string };
}

/** A setting for the transaction: `SELECT FROM set_config(name, value, true)`. */
export interface HandedChunk {
  readonly name: string;
  readonly value: string;
}

export type FetchPlan =
  | { readonly kind: 'no redis' }
  | { readonly kind: 'impossible'; readonly reason: string }
  | {
      readonly kind: 'fetch';
      readonly scans: readonly FetchScan[];
      /** The setting that hands rows to a scan; `chunk` counts from 0. Values are the database's text. */
      chunk(scan: number, chunk: number, rows: readonly (readonly (string | null)[])[]): HandedChunk;
      /** The query over what was handed in: how many chunks each scan got, and how many rows in all. */
      finish(handed: readonly { readonly chunks: number; readonly rows: number }[]): {
        sql: string;
        edits: Edit[];
      };
    };

/** Plans the fetching for a text. Pure: it asks no database. */
export function planFetch(written: string, facts: Facts, parser: SqlParser): FetchPlan {
  return withinBounds(
    () => {
      const inlined = attempt(() => inlineViews(written, facts, parser));
      if ('reason' in inlined) return { kind: 'impossible', reason: inlined.reason };
      return planExamined(inlined.value, examine(inlined.value.sql, facts, parser), facts);
    },
    () => planExamined({ sql: written, edits: [] }, null, facts),
  );
}

function planExamined(
  { sql, edits: before }: InlinedText,
  examined: Examined | null,
  facts: Facts,
): FetchPlan {
  if (!examined) return { kind: 'impossible', reason: notLookedInto };
  if (examined.scans.length === 0 && !namesRedis(facts)) return { kind: 'no redis' };
  const made = attempt(() => {
    requireReplaceable(examined, facts);
    return examined.scans.map((scan) => ({
      ...{ scan: toScan(scan, examined), relation: relationOf(scan) },
      place: namePlaceOf(scan, examined.parsed),
    }));
  });
  if ('reason' in made) return { kind: 'impossible', reason: made.reason };
  const planned = made.value;
  return {
    kind: 'fetch',
    scans: planned.map(({ scan }) => scan),
    chunk: (scan, chunk, rows) => ({
      name: settingName(scan, chunk),
      value: JSON.stringify(rows.map(toObject)),
    }),
    finish(handed) {
      const edits = planned
        .map(({ place, relation }, n): Edit => {
          const { chunks, rows } = handed[n] ?? { chunks: 0, rows: 0 };
          const text = `(${rowsQuery(relation, n, chunks, rows)})${place.alias}`;
          return { index: place.index, removed: place.length, text };
        })
        .sort((a, b) => a.index - b.index);
      return { sql: applyEdits(sql, edits), edits: composeEdits(before, edits) };
    },
  };
}

const settingName = (scan: number, chunk: number) => `pgclip.rows_${scan}_${chunk}`;

function toObject(row: readonly (string | null)[]): Record<string, string | null> {
  return Object.fromEntries(row.map((value, n) => [`c${n + 1}`, value]));
}

function toScan(scan: Entry, { restrictions }: Examined): FetchScan {
  const relation = relationOf(scan);
  const restriction = restrictions.found.find(({ scans }) => scans.includes(scan));
  if (!restriction) throw new Unsure(restrictions.reasonFor(scan));
  const { prefix } = restriction;
  const keys = prefix === null ? { query: restriction.keyQuery() } : { prefix };
  return {
    relation: { schema: relation.schema, name: relation.name },
    columns: relation.columns.map((c) => c.name),
    keys,
  };
}

function relationOf(scan: Entry): RelationFacts {
  if (scan.source.kind !== 'relation') throw new Unsure('it is not a relation');
  return scan.source.relation;
}

/** Every place must be found and be nothing but a table in FROM. */
function requireReplaceable({ parsed, scans, analysis }: Examined, facts: Facts): void {
  const redisNames = new Set(
    [...facts.relations.values()].flatMap((each) => (each?.redisKey ? [each.name] : [])),
  );
  for (const scan of scans) if (!scan.level.written) throw new Unsure(`${scanLabel(scan)} is read by a view`);
  const aliases = new Set(scans.map(({ alias }) => alias));
  requireNoWholeRow(parsed, aliases, 'it refers to a whole row');
  let named = 0;
  walk(parsed.select, (tag, fields) => {
    if (tag === 'RangeVar') {
      if (redisNames.has((fields as RangeVar).relname ?? '')) named++;
      // One that was missed may be a CTE over Redis, which needs all of its rows.
      if (!analysis.tables.has(fields as RangeVar)) throw new Unsure(hidden);
    }
    const names = tag === 'ColumnRef' ? textsOf((fields as ColumnRef).fields) : null;
    if ((names?.length ?? 0) > 2) throw new Unsure('a column is named with its schema');
  });
  if (named !== scans.length) throw new Unsure(hidden);
}

/** The rows that were handed in. The planner is told how many: a function's guess would make it pick slow joins. */
function rowsQuery(relation: RelationFacts, scan: number, chunks: number, rows: number): string {
  const columns = relation.columns.map(requireHandable);
  const typed = columns.map(({ type }, n) => `c${n + 1} pg_catalog.${quoteName(type)}`).join(', ');
  const named = columns.map(({ name, collation }, n) => {
    return `c${n + 1}${collation === null ? '' : ` COLLATE pg_catalog.${quoteName(collation)}`} AS ${quoteName(name)}`;
  });
  const parts = Array.from({ length: chunks }, (_, chunk) => {
    const value = `pg_catalog.current_setting(${quoteText(settingName(scan, chunk))})::pg_catalog.json`;
    return `SELECT ${named.join(', ')} FROM pg_catalog.json_to_recordset(${value}) AS x(${typed})`;
  });
  // Never run, since its condition is false before the first row; its rows count for the planner all the same.
  const never = `pg_catalog.current_setting('server_version_num') IS NULL`;
  const nulls = columns.map(({ type, name, collation }) => {
    const collate = collation === null ? '' : ` COLLATE pg_catalog.${quoteName(collation)}`;
    return `NULL::pg_catalog.${quoteName(type)}${collate} AS ${quoteName(name)}`;
  });
  parts.push(
    `SELECT ${nulls.join(', ')} FROM pg_catalog.generate_series(1, ${Math.max(1, rows)}) WHERE ${never}`,
  );
  return parts.join(' UNION ALL ');
}

function requireHandable({ name, type, collation }: ColumnFacts): {
  name: string;
  type: string;
  collation: string | null;
} {
  if (type === null || type === 'enum')
    throw new Unsure(`the column ${name} has a type that can not be handed over`);
  return { name, type, collation };
}
