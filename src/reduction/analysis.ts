/**
 * From the parse tree to levels, entries and the queries behind them. It only says what names mean and where things
 * stand; whether anything is safe is decided elsewhere. Source: PostgreSQL manual, "SELECT"; parse_clause.c.
 */
import type { JoinExpr, Node, RangeSubselect, RangeVar, SelectStmt } from 'libpg-query';
import { spend } from './bounds.ts';
import { functionEntry, makeEntry, opaque, opaqueAlias } from './entries.ts';
import { type Facts, nameKey, type RelationFacts } from './facts.ts';
import { isSimple, queryColumns, renamed } from './query-columns.ts';
import {
  type Column,
  type Cte,
  type CteScope,
  type Entry,
  entriesOf,
  findCte,
  type Item,
  type Join,
  type Level,
  type Place,
  type Query,
} from './scope.ts';
import type { SqlParser } from './sql-parser.ts';
import { aliasColumns, conjuncts, innerQueries, textsOf } from './tree.ts';

/** Everything that was found in a text and in the views that it names. */
export interface Analysis {
  readonly query: Query;
  readonly levels: readonly Level[];
  /** The queries inside of expressions. */
  readonly inner: ReadonlyMap<SelectStmt, Query>;
  /** The names of tables and CTEs in the text that were looked at; others stand where nothing is looked at. */
  readonly tables: ReadonlySet<RangeVar>;
}

type Surroundings = Pick<Level, 'parent' | 'enclosing' | 'place' | 'joins' | 'ctes' | 'written'>;

const alone: Omit<Surroundings, 'ctes' | 'written'> = {
  parent: null,
  enclosing: null,
  place: 'after',
  joins: true,
};

const joinKinds: Readonly<Record<string, Join['kind']>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
};

/** Analyses a text. */
export function analyse(select: SelectStmt, facts: Facts, parser: SqlParser): Analysis {
  const analyser = new Analyser(facts, parser);
  const query = analyser.query(select, { ...alone, ctes: null, written: true });
  return { query, levels: analyser.levels, inner: analyser.inner, tables: analyser.tables };
}

class Analyser {
  readonly levels: Level[] = [];
  readonly inner = new Map<SelectStmt, Query>();
  readonly tables = new Set<RangeVar>();
  readonly #facts: Facts;
  readonly #parser: SqlParser;
  /** The views and CTEs that are being looked at: one that names itself is seen as unknown. */
  readonly #open = new Set<unknown>();

  constructor(facts: Facts, parser: SqlParser) {
    this.#facts = facts;
    this.#parser = parser;
  }

  query(select: SelectStmt, around: Surroundings): Query {
    spend(10);
    const ctes = withCtes(select, around);
    const query = this.#shape(select, { ...around, ctes });
    for (let at = ctes; at !== around.ctes && at; at = at.outer) {
      for (const cte of at.ctes.values()) this.#cteQuery(cte);
    }
    return query;
  }

  #shape(select: SelectStmt, around: Surroundings): Query {
    if (select.larg && select.rarg) {
      const left = this.query(select.larg, around);
      const right = this.query(select.rarg, around);
      return { select, columns: unionColumns(left, right), shape: { kind: 'union', left, right } };
    }
    const where = conjuncts(select.whereClause);
    const level: Level = { ...around, select, items: [], entries: [], where };
    this.levels.push(level);
    for (const node of select.fromClause ?? []) level.items.push(this.#item(node, level));
    const { whereClause, fromClause, withClause, ...others } = select;
    this.#innerQueries(others, level, 'after', false);
    this.#innerQueries(where, level, 'after', true);
    const kind = select.valuesLists ? 'values' : 'level';
    return { select, columns: queryColumns(select, level), shape: { kind, level } };
  }

  #innerQueries(clause: unknown, level: Level, place: Place, mayJoin: boolean): void {
    for (const found of innerQueries(clause)) {
      const kind = found.link.subLinkType;
      const joins =
        mayJoin &&
        found.alone &&
        (kind === 'EXISTS_SUBLINK' || kind === 'ANY_SUBLINK') &&
        isSimple(found.select);
      const around = { ...level, parent: level, enclosing: level, place, joins };
      this.inner.set(found.select, this.query(found.select, around));
    }
  }

  #item(node: Node, level: Level): Item {
    if ('JoinExpr' in node) return this.#join(node.JoinExpr, level);
    const entry = this.#entry(node, level);
    level.entries.push(entry);
    if (entry.source.kind === 'function')
      this.#innerQueries(entry.source.call, level, { item: entry }, false);
    return entry;
  }

  #join(expr: JoinExpr, level: Level): Join {
    const left = this.#item(expr.larg as Node, level);
    const right = this.#item(expr.rarg as Node, level);
    const kind = joinKinds[expr.jointype ?? ''] ?? 'full';
    const merges = Boolean(expr.isNatural || expr.usingClause);
    const join: Join = { kind, left, right, quals: conjuncts(expr.quals), merges, up: null };
    left.up = join;
    right.up = join;
    // A join with a name of its own hides the names inside: they may mean something else, and it is none of them.
    if (expr.alias || expr.join_using_alias) {
      for (const entry of entriesOf(join)) {
        entry.columns = null;
        entry.alias = null;
      }
    }
    this.#innerQueries(join.quals, level, join, kind !== 'full');
    return join;
  }

  #entry(node: Node, level: Level): Entry {
    if ('RangeVar' in node) return this.#rangeEntry(node.RangeVar, level);
    if ('RangeSubselect' in node) return this.#queryEntry(node.RangeSubselect, level);
    if ('RangeFunction' in node) return functionEntry(node.RangeFunction, level, this.#facts);
    return opaque(level, opaqueAlias(node), 'a table sample or a table function');
  }

  #rangeEntry(range: RangeVar, level: Level): Entry {
    if (level.written) this.tables.add(range);
    const name = range.relname ?? '';
    const alias = range.alias?.aliasname ?? name;
    const names = aliasColumns(range.alias);
    const cte = range.schemaname || range.catalogname ? null : findCte(level.ctes, name);
    if (cte) {
      cte.uses++;
      const own = renamed(this.#cteQuery(cte)?.columns ?? null, textsOf(cte.node.aliascolnames) ?? []);
      // SEARCH and CYCLE add columns.
      const certain = !cte.node.search_clause && !cte.node.cycle_clause;
      const columns = (certain && own?.map((column) => ({ ...column, inner: column.name }))) || null;
      return makeEntry(level, alias, renamed(columns, names), { kind: 'cte', cte });
    }
    const key = nameKey({ schema: range.schemaname ?? null, name });
    const relation = range.catalogname ? null : this.#facts.relations.get(key);
    if (!relation) return opaque(level, alias, `the table ${name}, which isn't known`);
    const view = this.#view(relation);
    const columns = relation.columns.map((column, n): Column => {
      return { ...column, inner: column.name, from: view?.columns?.[n]?.from ?? [] };
    });
    return makeEntry(level, alias, renamed(columns, names), { kind: 'relation', relation, range, view });
  }

  #view(relation: RelationFacts): Query | null {
    const key = nameKey(relation);
    if (relation.definition === null || relation.redisKey !== null || this.#open.has(key)) return null;
    spend(2000);
    const parsed = this.#parser.parse(relation.definition);
    if (!parsed) return null;
    this.#open.add(key);
    const query = this.query(parsed.select, { ...alone, ctes: null, written: false });
    this.#open.delete(key);
    return query;
  }

  #queryEntry(range: RangeSubselect, level: Level): Entry {
    const alias = range.alias?.aliasname ?? null;
    const select = range.subquery && 'SelectStmt' in range.subquery ? range.subquery.SelectStmt : null;
    if (!select) return opaque(level, alias, 'a query of another kind');
    const lateral = range.lateral === true;
    const place: { item: Entry | null } = { item: null };
    const parent = lateral ? level : level.parent;
    const query = this.query(select, { ...level, parent, enclosing: level, place, joins: isSimple(select) });
    const columns = renamed(query.columns, aliasColumns(range.alias));
    place.item = makeEntry(level, alias, columns, { kind: 'query', query, lateral });
    return place.item;
  }

  /** The body of a CTE sees nothing but CTEs here: what it takes from around it stays unknown. */
  #cteQuery(cte: Cte): Query | null {
    if (cte.query !== undefined) return cte.query;
    if (this.#open.has(cte)) {
      cte.recursive = true;
      return null;
    }
    this.#open.add(cte);
    const body = cte.node.ctequery;
    const select = body && 'SelectStmt' in body ? body.SelectStmt : null;
    cte.query = select && this.query(select, { ...alone, ctes: cte.scope, written: cte.written });
    this.#open.delete(cte);
    return cte.query;
  }
}

/** The CTEs that a query sees with those of its own WITH; RECURSIVE lets them all see each other. */
function withCtes(select: SelectStmt, { ctes, written }: Surroundings): CteScope | null {
  const { ctes: nodes = [], recursive = false } = select.withClause ?? {};
  const all: CteScope = { outer: ctes, ctes: new Map() };
  let scope = ctes;
  for (const node of nodes) {
    if (!('CommonTableExpr' in node)) continue;
    const { CommonTableExpr: expr } = node;
    const name = expr.ctename ?? '';
    const seen = recursive ? all : scope;
    const cte: Cte = { name, node: expr, scope: seen, written, uses: 0, recursive: false, query: undefined };
    if (recursive) all.ctes.set(name, cte);
    else scope = { outer: scope, ctes: new Map([[name, cte]]) };
  }
  return recursive ? all : scope;
}

function unionColumns(left: Query, right: Query): Column[] | null {
  if (!left.columns || left.columns.length !== right.columns?.length) return null;
  return left.columns.map((column, n) => ({
    ...column,
    from: [...column.from, ...(right.columns?.[n]?.from ?? [])],
  }));
}
