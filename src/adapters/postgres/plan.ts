/**
 * What a plan says of remotes: the foreign scans in EXPLAIN's JSON, with the tables that each reads and what else its
 * query has the remote do. Read from the structure where there is one; postgres_fdw tells of joins and of sorting only
 * in SQL text that it has written itself. Source: PostgreSQL manual, "EXPLAIN" and "postgres_fdw".
 */
import type { RemotePart } from '../../domain/explanation.ts';

/** A node of EXPLAIN's JSON, or a group in it: what it has depends on the node and on the version. */
export type PlanNode = Readonly<Record<string, unknown>>;

/** EXPLAIN (ANALYZE, FORMAT JSON): its one element. */
export interface Plan extends PlanNode {
  readonly Plan: PlanNode;
}

/** Schema and name, not quoted. */
export type TableName = readonly [schema: string, name: string];

/** A foreign scan as the plan tells it; whose server it is the plan does not say. */
export interface RemoteScan extends Pick<RemotePart, 'work' | 'rows' | 'times' | 'sql'> {
  /** Each once; at least one. */
  readonly tables: readonly TableName[];
}

/** The nodes that a node has below it. */
export function childrenOf(node: PlanNode): readonly PlanNode[] {
  return Array.isArray(node.Plans) ? (node.Plans as PlanNode[]) : [];
}

/** Rows that a node gave, all times together. Before PostgreSQL 18 the average of several times is a whole number. */
export function rowsOf(node: PlanNode): number {
  return Math.round(Number(node['Actual Rows'] ?? 0) * Number(node['Actual Loops'] ?? 0));
}

/** The scans that asked a remote, or would have, in the order of the plan. */
export function findRemoteScans({ Plan: root }: Plan): RemoteScan[] {
  const scans: RemoteScan[] = [];
  const visit = (node: PlanNode) => {
    const scan = toRemoteScan(node);
    if (scan) scans.push(scan);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(root);
  return scans;
}

/** Null for every other node; those of wrappers that don't speak SQL have no query. */
function toRemoteScan(node: PlanNode): RemoteScan | null {
  const sql = node['Remote SQL'];
  if (node['Node Type'] !== 'Foreign Scan' || typeof sql !== 'string') return null;
  const relations = typeof node.Relations === 'string' ? node.Relations : null;
  const found: TableName[] =
    relations === null
      ? [[String(node.Schema), String(node['Relation Name'])]]
      : findTables(relations).map(({ schema, name }) => [schema, name]);
  const clauses = new Set(findClauses(sql));
  const work: RemotePart['work'][number][] = [];
  if (found.length > 1) work.push('join');
  if (relations?.startsWith('Aggregate on ')) work.push('aggregate');
  if (clauses.has('ORDER')) work.push('sort');
  if (clauses.has('LIMIT')) work.push('limit');
  const tables = new Map(found.map((table) => [JSON.stringify(table), table]));
  return {
    tables: [...tables.values()],
    work,
    rows: rowsOf(node),
    times: Number(node['Actual Loops'] ?? 0),
    sql,
  };
}

/** An identifier as Postgres writes it, quoted where it must be. */
export const identifierPattern = `(?:[a-z_][a-z0-9_]*|"(?:[^"]|"")*")`;
/** `(schema.name)` or `(schema.name alias)`; a quoted name is taken whole, so that nothing is found inside of one. */
const tablePattern = new RegExp(
  String.raw`\((${identifierPattern})\.(${identifierPattern})(?: (${identifierPattern}))?\)|"(?:[^"]|"")*"`,
  'g',
);

/** A table of a scan, none of it quoted; without an alias it stands under its name. */
export interface ScannedTable {
  readonly schema: string;
  readonly name: string;
  readonly alias: string;
}

/** The tables in postgres_fdw's `Relations`, in its order: `Aggregate on ((a.b c) INNER JOIN (a."D"))`. */
export function findTables(relations: string): ScannedTable[] {
  return [...relations.matchAll(tablePattern)].flatMap(([, schema, name, alias = name]) =>
    schema === undefined || name === undefined || alias === undefined
      ? []
      : [{ schema: unquote(schema), name: unquote(name), alias: unquote(alias) }],
  );
}

/** The name that an identifier stands for. */
export function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Quoted text (postgres_fdw doubles quotes also where it writes E''), or what else matters of its SQL. */
const sqlToken = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|[A-Za-z_][\w$]*/g;

/** The words of a query that stand in no parentheses: of the clauses of the query itself, not of a part of it. */
function findClauses(sql: string): string[] {
  let depth = 0;
  const words: string[] = [];
  for (const [token] of sql.matchAll(sqlToken)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (depth === 0 && /^[A-Z]/.test(token)) words.push(token);
  }
  return words;
}

/** How often a word of SQL, in capitals, stands in a query, outside of quotes. */
export function countWords(sql: string, word: string): number {
  return [...sql.matchAll(sqlToken)].filter(([token]) => token === word).length;
}
