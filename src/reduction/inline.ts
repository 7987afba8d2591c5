/**
 * Views that read a linked Redis, written out where a text names them: what stands in their definitions can then be
 * handed over like what the user wrote. Only where the query is sure to mean the same, whoever the view belongs to.
 */
import type { CommonTableExpr } from 'libpg-query';
import { spend } from './bounds.ts';
import { applyEdits, composeEdits, type Edit } from './edits.ts';
import { type Facts, nameKey, type RelationFacts, relationLabel } from './facts.ts';
import { namePlaceOf } from './name-place.ts';
import { collectNames } from './names.ts';
import { examine } from './reduce.ts';
import type { Entry } from './scope.ts';
import type { ParsedSql, SqlParser } from './sql-parser.ts';
import { walk } from './tree.ts';
import { Unsure } from './unsure.ts';
import { requireNoWholeRow } from './whole-rows.ts';

/** Views over views deeper than this stay as they are. */
const maxRounds = 5;

/** A text with views written out. */
export interface InlinedText {
  readonly sql: string;
  /** What was put in, to the text as it was written. */
  readonly edits: readonly Edit[];
}

/** Throws `Unsure` for a view that reads Redis and can't be written out, `RangeError` as `examine`. */
export function inlineViews(sql: string, facts: Facts, parser: SqlParser): InlinedText {
  let text = sql;
  let edits: readonly Edit[] = [];
  for (let round = 0; round < maxRounds; round++) {
    const examined = examine(text, facts, parser);
    const views = (examined?.analysis.levels ?? [])
      .flatMap((level) => (level.written ? level.entries : []))
      .filter((entry) => viewOf(entry) && readsRedis(viewOf(entry) as RelationFacts, facts, parser));
    if (!examined || views.length === 0) return { sql: text, edits };
    const next = views
      .map((entry) => inline(entry, examined.parsed, facts, parser))
      .sort((a, b) => a.index - b.index);
    edits = composeEdits(edits, next);
    text = applyEdits(text, next);
  }
  return { sql: text, edits };
}

/** The view that an entry is; null for every other relation. */
function viewOf({ source }: Entry): RelationFacts | null {
  if (source.kind !== 'relation' || source.relation.redisKey !== null) return null;
  return source.relation.definition === null ? null : source.relation;
}

/** Every relation that a view names, near and far; undefined: one that is not known. */
function relationsBehind(
  view: RelationFacts,
  facts: Facts,
  parser: SqlParser,
): readonly (RelationFacts | undefined)[] {
  const found = new Map<string, RelationFacts | undefined>();
  const visit = (relation: RelationFacts) => {
    spend(2000);
    const parsed = relation.definition === null ? null : parser.parse(relation.definition);
    if (!parsed) {
      found.set('', undefined);
      return;
    }
    const own = cteNames(parsed);
    for (const name of collectNames(parsed).relations) {
      const behind = facts.relations.get(nameKey(name)) ?? undefined;
      // A table of the same name may still stand where that of a WITH query is not seen.
      if (!behind && name.schema === null && own.has(name.name)) continue;
      const key = behind ? nameKey(behind) : nameKey(name);
      if (found.has(key)) continue;
      found.set(key, behind);
      if (behind && behind.redisKey === null && behind.definition !== null) visit(behind);
    }
  };
  visit(view);
  return [...found.values()];
}

function readsRedis(view: RelationFacts, facts: Facts, parser: SqlParser): boolean {
  return relationsBehind(view, facts, parser).some((each) => each?.redisKey);
}

function inline(entry: Entry, parsed: ParsedSql, facts: Facts, parser: SqlParser): Edit {
  const view = viewOf(entry) as RelationFacts;
  const label = `the view ${relationLabel(view)}`;
  for (const relation of [view, ...relationsBehind(view, facts, parser)]) {
    if (!relation) throw new Unsure(`${label} reads what is not known`);
    // The view is read with the rights of its owner; written out, with those of the clip login.
    if (!relation.readable)
      throw new Unsure(`${label}: the clip login may not read ${relationLabel(relation)}`);
    if (relation.readerBound)
      throw new Unsure(`${label}: ${relationLabel(relation)} shows others other rows`);
  }
  const definition = (view.definition ?? '').trim().replace(/;$/, '');
  const inner = parser.parse(definition);
  if (!inner) throw new Unsure(`the definition of ${label} could not be looked into`);
  const hidden = cteNames(parsed);
  // A name that the text gives to a query of its own would mean that one.
  if (collectNames(inner).relations.some(({ schema, name }) => schema === null && hidden.has(name)))
    throw new Unsure(`a table of ${label} has the name of a WITH query`);
  requireNoWholeRow(parsed, new Set([entry.alias]), `${label} is used as a whole row`);
  const { index, length, alias } = namePlaceOf(entry, parsed);
  return { index, removed: length, text: `(${definition}\n)${alias}` };
}

/** The names of all WITH queries, wherever they stand. */
function cteNames({ select }: ParsedSql): ReadonlySet<string> {
  const names = new Set<string>();
  walk(select, (tag, fields) => {
    if (tag === 'CommonTableExpr') names.add((fields as CommonTableExpr).ctename ?? '');
  });
  return names;
}
