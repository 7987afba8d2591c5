/**
 * Which scans of Redis can be restricted to keys that are known before: for each comparison of a key, whether the
 * other side is harmless, the query of its values, and the text to put into the SQL. The added condition follows from
 * the one that it stands next to, for every row, so that it can't change what the query yields.
 */
import type { Node } from 'libpg-query';
import type { Analysis } from './analysis.ts';
import { type Comparison, comparisonsIn } from './comparisons.ts';
import { type Compiled, combine, entriesIn, type Standing } from './compiled.ts';
import { columnType, compile } from './expressions.ts';
import { type Facts, relationLabel } from './facts.ts';
import { type Entry, entriesOf, type Item, isEntry, type Level, type Place, placeWithin } from './scope.ts';
import type { ParsedSql } from './sql-parser.ts';
import { textsOf } from './tree.ts';
import { elementOf, isText } from './types.ts';
import { attempt, Unsure } from './unsure.ts';
import { queryValues, requireNoGroupingSets, valuesQuery } from './values.ts';
import { type Conditions, type ValuesContext, whereConditions } from './values-context.ts';
import { quoteName, quoteText } from './writing.ts';

/** How the keys of a scan are known. */
export interface Restriction {
  /** `constants` and a prefix that is written as such need no text. */
  readonly how: 'constants' | 'keys' | 'keys per row' | 'prefix';
  readonly scans: readonly Entry[];
  /** Null when nothing has to be put in. */
  readonly insertion: { readonly index: number; readonly text: string } | null;
  /** A query that stands alone and yields the keys. Throws `Unsure` when there is none. */
  keyQuery(): string;
  /** Null when it isn't a prefix. */
  readonly prefix: string | null;
}

export interface Restrictions {
  readonly found: readonly Restriction[];
  /** Why a scan without one has none, with its name. */
  reasonFor(scan: Entry): string;
}

/** All restrictions, at most one per scan, the narrowest first. */
export function findRestrictions(analysis: Analysis, facts: Facts, parsed: ParsedSql): Restrictions {
  const reasons = new Map<Entry, string[]>();
  const candidates: Restriction[] = [];
  for (const { comparison, standing } of allComparisons(analysis, facts)) {
    const made = attempt(() => restrict(comparison, standing, analysis, parsed));
    if ('value' in made) candidates.push(made.value);
    else for (const scan of comparison.scans) reasons.set(scan, [...(reasons.get(scan) ?? []), made.reason]);
  }
  const order = ['constants', 'keys', 'keys per row', 'prefix'];
  candidates.sort((a, b) => order.indexOf(a.how) - order.indexOf(b.how));
  const done = new Set<Entry>();
  const found = candidates.filter(({ scans }) => {
    const news = scans.some((scan) => !done.has(scan));
    for (const scan of scans) done.add(scan);
    return news;
  });
  return {
    found,
    reasonFor(scan) {
      const why = reasons.get(scan) ?? ['no condition compares its key with anything that is known before'];
      return `${scanLabel(scan)}: ${[...new Set(why)].join('; ')}`;
    },
  };
}

function* allComparisons(
  analysis: Analysis,
  facts: Facts,
): Generator<{ comparison: Comparison; standing: Standing }> {
  for (const level of analysis.levels) {
    for (const { node, place } of conditionsOf(level)) {
      const standing: Standing = { facts, level, place };
      for (const comparison of comparisonsIn(node, standing)) yield { comparison, standing };
    }
  }
}

function conditionsOf(level: Level): { node: Node; place: Place }[] {
  const inJoins = (item: Item): { node: Node; place: Place }[] =>
    isEntry(item)
      ? []
      : [...item.quals.map((node) => ({ node, place: item })), ...inJoins(item.left), ...inJoins(item.right)];
  return [...whereConditions(level), ...level.items.flatMap(inJoins)];
}

/** Throws `Unsure` where a join needs rows for which the condition doesn't hold: they have to be read anyway. */
function requireUseful({ entry }: Comparison, { level, place }: Standing): void {
  if (entry.level !== level) throw new Unsure('the condition stands in another query than the table');
  if (place === 'after' || 'item' in place || place.kind === 'inner') return;
  const nullable = place.kind === 'left' ? place.right : place.kind === 'right' ? place.left : null;
  if (!nullable || !entriesOf(nullable).includes(entry)) {
    throw new Unsure('the outer join keeps all of its rows, whether or not the condition holds');
  }
}

function restrict(
  comparison: Comparison,
  standing: Standing,
  analysis: Analysis,
  parsed: ParsedSql,
): Restriction {
  requireUseful(comparison, standing);
  const { scans, with: compared } = comparison;
  const written = standing.level.written;
  const put = (text: string) => insertionOf(comparison, text, parsed);
  if (compared.kind === 'prefix') {
    const text = compared.written ? null : `${comparison.operator} ${quoteText(compared.prefix)}`;
    if (text !== null && !written) throw new Unsure('the condition stands in a view');
    const keyQuery = () => {
      throw new Unsure('a prefix has no keys');
    };
    return {
      how: 'prefix',
      scans,
      insertion: text === null ? null : put(text),
      keyQuery,
      prefix: compared.prefix,
    };
  }
  const values = compared.kind === 'query' ? null : compileValues(compared, standing);
  const keyQuery = () => keysOf(comparison, values, standing, analysis, null);
  if (values?.every(({ literal }) => literal))
    return { how: 'constants', scans, insertion: null, keyQuery, prefix: null };
  if (!written) throw new Unsure('the condition stands in a view');
  const perRow = values !== null && runsPerRow(values, standing.level);
  const keys = perRow
    ? values
        .map(
          (each) => `SELECT ${each.write((_, ref) => (textsOf(ref.fields) ?? []).map(quoteName).join('.'))}`,
        )
        .join(' UNION ALL ')
    : keysOf(comparison, values, standing, analysis, standing.level);
  const insertion = put(`${comparison.operator} ANY (ARRAY(${keys}))`);
  return { how: perRow ? 'keys per row' : 'keys', scans, insertion, keyQuery, prefix: null };
}

/** The other side, as texts. An array yields its elements. */
function compileValues(
  compared: Exclude<Comparison['with'], { kind: 'query' | 'prefix' }>,
  at: Standing,
): Compiled[] {
  if (compared.kind === 'values') {
    const values = compared.nodes.map((node) => compile(node, at));
    for (const { type } of values) requireText(type);
    return values;
  }
  const array = compile(compared.node, at);
  if (array.literal) return [array.type === 'unknown' ? combineLiteral(array) : unnest(array)];
  return [unnest(array)];
}

/** Throws `Unsure` for what isn't compared with the key byte by byte, such as a `char(n)`, or could be another type. */
function requireText(type: string | null): void {
  if (type === null || !isText(type))
    throw new Unsure(`the key is compared with ${type ?? 'another type'}, not with text`);
}

function unnest(array: Compiled): Compiled {
  requireText(elementOf(array.type));
  return { ...combine('text', [array], ([text]) => `pg_catalog.unnest(${text})`), literal: array.literal };
}

/** A literal that has no type yet is an array here. */
function combineLiteral(array: Compiled): Compiled {
  return unnest({ ...combine('_text', [array], ([text]) => `(${text})::pg_catalog.text[]`), literal: true });
}

/** The one level whose tables the values depend on; null when they depend on none. */
function ownerOf(values: readonly Compiled[]): Level | null {
  const levels = new Set([...entriesIn(values)].map((entry) => entry.level));
  if (levels.size > 1) throw new Unsure('it depends on tables of more than one level of the query');
  return [...levels][0] ?? null;
}

/** True when Postgres runs the query once per row of the tables that it depends on: then one key at a time is best. */
function runsPerRow(values: readonly Compiled[], level: Level): boolean {
  const owner = ownerOf(values);
  for (let at: Level | null = level; owner && at && at !== owner; at = at.enclosing)
    if (!at.joins) return true;
  return false;
}

/** The query of the keys: to be put where the comparison stands, or (`inside` null) a text of its own. */
function keysOf(
  comparison: Comparison,
  values: readonly Compiled[] | null,
  { facts, level, place }: Standing,
  analysis: Analysis,
  inside: Level | null,
): string {
  let aliases = 0;
  const context: ValuesContext = { facts, inside, alias: () => `"pgclip_${++aliases}"` };
  if (values === null) {
    const query = comparison.with.kind === 'query' ? analysis.inner.get(comparison.with.select) : undefined;
    const [column, ...more] = query?.columns ?? [];
    if (!query || !column || more.length > 0)
      throw new Unsure('the query on the other side is not looked into');
    requireText(columnType(column, facts));
    return queryValues(query, [column.inner], context, ['key']);
  }
  return values
    .map((value) => {
      const owner = ownerOf([value]) ?? level;
      if (owner !== level) requireNoGroupingSets(owner.select);
      return valuesQuery([value], ['key'], owner, conditionsFor(owner, level, place), context);
    })
    .join(' UNION ALL ');
}

/** Which conditions may be relied on for the tables of `owner` when the comparison stands at `level` and `place`. */
function conditionsFor(owner: Level, level: Level, place: Place): Conditions {
  const where = whereConditions(owner);
  const site = owner === level ? place : placeWithin(level, owner);
  if (site === null) return { near: [], where: [] };
  if (site === 'after') return { near: where, where: [] };
  if ('item' in site) return { near: [], where };
  return { near: site.quals.map((node) => ({ node, place: site })), where };
}

/** The text between the key and its operator; the condition itself stays as it is. */
function insertionOf(
  comparison: Comparison,
  condition: string,
  parsed: ParsedSql,
): { index: number; text: string } {
  const { key, keyStands, operator, location } = comparison;
  const index = parsed.indexOf(location);
  const there = parsed.text.slice(index, index + 12).toLowerCase();
  const expected = keyStands === 'inside' ? /^["a-z_]/ : /^(=|~~|in\b|like\b|operator\b)/;
  if (!expected.test(there)) throw new Unsure('the condition is written in a way that is not followed');
  if (keyStands === 'inside') return { index, text: `${key} ${condition} AND ` };
  if (keyStands === 'left') return { index, text: `${condition} AND ${key} ` };
  // The text goes on with the operator and the key.
  return { index, text: `${operator} ${key} AND ${key} ${condition} AND ${key} ` };
}

/** What people call a scan. */
export function scanLabel(scan: Entry): string {
  return scan.source.kind === 'relation' ? relationLabel(scan.source.relation) : '';
}
