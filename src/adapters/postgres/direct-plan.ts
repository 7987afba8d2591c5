/**
 * Whether a query is nothing but the reading of linked tables on their remote, and what the remote has to be asked for
 * the same bytes. Told from the result's fields and from the plan, of which everything has to be known: anything else
 * is no. Source: PostgreSQL manual, "EXPLAIN" and "postgres_fdw"; "pg_type" for what a type's text depends on.
 */
import type { Field } from './column-types.ts';
import { countWords, findTables, identifierPattern, type Plan, type PlanNode, unquote } from './plan.ts';

/**
 * What a plan costs at least, in the planner's units, that is worth a connection of its own: some tens of thousands of
 * rows, or some tens of milliseconds of the remote's work.
 */
const minCost = 10_000;
/** Tables of fewer rows don't come to that. */
export const minRows = 20_000;

/** The first that is no object of the system's. */
const firstUserOid = 16384;

/**
 * Built-in types, and arrays of them, whose text is made of the value alone, on every server from 14 on: what stands
 * in it goes through another server unchanged. Not `interval`, which has learnt of infinity in 17, nor what depends on
 * a locale (`money`), on a catalogue (`regclass`), on a library (`xml`) or on the database (enums).
 */
export const steadyTypes: ReadonlySet<number> = new Set([
  ...[16, 17, 20, 21, 23, 25, 26, 114, 700, 701, 1042, 1043, 1082, 1083, 1114, 1184, 1266, 1700, 2950, 3802],
  ...[869, 650, 829, 774],
  ...[1000, 1001, 1016, 1005, 1007, 1009, 1028, 199, 1021, 1022, 1014, 1015, 1182, 1183, 1115, 1185, 1270],
  ...[1231, 2951, 3807, 1041, 651, 1040, 775],
]);

/** timestamptz and its array, whose text depends on the time zone, and so on a server's knowledge of it. */
const zoned: ReadonlySet<number> = new Set([1184, 1185]);
const utc: ReadonlySet<string> = new Set(['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT']);

/** The tables whose plain columns the fields are, by OID; null when one is computed or of a type that is not steady. */
export function findTableOids(fields: readonly Field[]): readonly number[] | null {
  const plain = fields.every(
    ({ tableID, columnID, dataTypeID }) =>
      tableID >= firstUserOid && columnID > 0 && steadyTypes.has(dataTypeID),
  );
  return plain && fields.length > 0 ? [...new Set(fields.map(({ tableID }) => tableID))] : null;
}

/** Whether the fields have no text that depends on the session's time zone. */
export function isZoneSteady(fields: readonly Field[], timeZone: string): boolean {
  return utc.has(timeZone) || !fields.some(({ dataTypeID }) => zoned.has(dataTypeID));
}

/** A column of a foreign table. */
export interface LinkedColumn {
  readonly number: number;
  readonly name: string;
  /** Its name on the remote. */
  readonly remoteName: string;
}

/** A foreign table as the catalogue has it. */
export interface LinkedTable {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly remoteSchema: string;
  readonly remoteName: string;
  readonly columns: readonly LinkedColumn[];
}

/** All that a foreign scan, of a table or of a join, is told by. */
const knownKeys: ReadonlySet<string> = new Set([
  ...[
    'Node Type',
    'Operation',
    'Parallel Aware',
    'Async Capable',
    'Disabled',
    'Relation Name',
    'Schema',
    'Alias',
  ],
  ...['Startup Cost', 'Total Cost', 'Plan Rows', 'Plan Width', 'Output', 'Relations', 'Remote SQL'],
]);

/**
 * The query for the remote that gives the fields as the plan would, or null when the plan does more than read these
 * tables there, or too little to be worth it.
 */
export function findRemoteQuery(
  { Plan: root }: Plan,
  tables: readonly LinkedTable[],
  fields: readonly Field[],
): string | null {
  const sql = root['Remote SQL'];
  const known = root['Node Type'] === 'Foreign Scan' && Object.keys(root).every((key) => knownKeys.has(key));
  if (typeof sql !== 'string' || !known || root.Operation !== 'Select') return null;
  // A parameter needs a value. What stands in quotes may look like one: then it is read the other way.
  if (Number(root['Total Cost']) < minCost || /\$\d/.test(sql)) return null;
  const scanned = findScanned(root, sql, tables);
  const selected = readSelectList(sql);
  if (!scanned || !selected || new Set(selected).size !== selected.length) return null;
  const places = fields.map((field, index) => {
    const name = findRemoteColumn(root.Output, index, field, scanned);
    return name === null ? -1 : selected.indexOf(name);
  });
  if (places.includes(-1)) return null;
  // As they come, where that is how they are wanted: it spares the remote a step.
  if (places.length === selected.length && places.every((place, index) => place === index)) return sql;
  const list = places.map((place) => `q.c${place}`).join(', ');
  return `SELECT ${list} FROM (${sql}) AS q(${selected.map((_, index) => `c${index}`).join(', ')})`;
}

/** A table of the scan. */
interface Scanned {
  readonly table: LinkedTable;
  /** What its columns stand behind in the plan's output. */
  readonly alias: string;
  /** And in the remote's query: `r1.`; nothing where there is one table. */
  readonly prefix: string;
}

/** Null when there is one that is not among the tables, or it is not sure which is which in the remote's query. */
function findScanned(root: PlanNode, sql: string, tables: readonly LinkedTable[]): Scanned[] | null {
  const find = (schema: unknown, name: unknown) =>
    tables.find((table) => table.schema === schema && table.name === name);
  if (typeof root.Relations !== 'string') {
    const table = find(root.Schema, root['Relation Name']);
    return table ? [{ table, alias: String(root.Alias), prefix: '' }] : null;
  }
  if (!isJoin(root.Relations) || countWords(sql, 'SELECT') !== 1) return null;
  // postgres_fdw names the tables in both in one order, that of the joins.
  const named = findTables(root.Relations);
  const asked = findAsked(sql);
  if (named.length !== asked.length) return null;
  const scanned = named.flatMap(({ schema, name, alias }, index): Scanned[] => {
    const table = find(schema, name);
    const [remoteSchema, remoteName, prefix] = asked[index] ?? [];
    const same = table?.remoteSchema === remoteSchema && table?.remoteName === remoteName;
    return table && same ? [{ table, alias, prefix: `${prefix}.` }] : [];
  });
  return scanned.length === named.length ? scanned : null;
}

const quoted = `"(?:[^"]|"")*"`;
const joinPattern = /^[() ]*(?:(?:INNER|LEFT|RIGHT|FULL) JOIN[() ]*)+$/;

/** Whether the scan's relations are joined in the usual ways, and nothing else is done with them. */
function isJoin(relations: string): boolean {
  const table = new RegExp(`${identifierPattern}\\.${identifierPattern}(?: ${identifierPattern})?`, 'g');
  return joinPattern.test(relations.replace(table, ''));
}

const askedPattern = new RegExp(
  `(${identifierPattern})\\.(${identifierPattern}) (r\\d+)(?![\\w.])|${quoted}|'(?:[^']|'')*'`,
  'g',
);

/** Schema, name and alias of the tables in a remote's query, in its order. */
function findAsked(sql: string): (readonly [string, string, string])[] {
  return [...sql.matchAll(askedPattern)].flatMap(([, schema, name, alias]) =>
    schema === undefined || name === undefined || alias === undefined
      ? []
      : [[unquote(schema), unquote(name), alias] as const],
  );
}

const outputPattern = new RegExp(`^(?:(${identifierPattern})\\.)?(${identifierPattern})$`);

/** What the field is called in the remote's query: by the scan's output, which begins with the fields in order. */
function findRemoteColumn(
  output: unknown,
  index: number,
  field: Field,
  scanned: readonly Scanned[],
): string | null {
  const [, alias, name] = outputPattern.exec(Array.isArray(output) ? String(output[index]) : '') ?? [];
  if (name === undefined) return null;
  // Where there is but one table its columns stand alone.
  const found = scanned.filter((each) => alias === undefined || each.alias === unquote(alias));
  const [{ table, prefix } = { table: null, prefix: '' }] = found;
  const column = table?.columns.find((each) => each.name === unquote(name));
  const same = found.length === 1 && table?.oid === field.tableID && column?.number === field.columnID;
  return same && column ? prefix + column.remoteName : null;
}

const itemPattern = `(?:(r\\d+\\.))?(${identifierPattern})`;
const selectPattern = new RegExp(`^SELECT (${itemPattern}(?:, ${itemPattern})*) FROM `);

/** The columns that a query selects, with what stands before them, or null when it selects anything else. */
function readSelectList(sql: string): readonly string[] | null {
  const list = selectPattern.exec(sql)?.[1];
  if (list === undefined) return null;
  return [...list.matchAll(new RegExp(itemPattern, 'g'))].map(
    ([, prefix = '', name = '']) => prefix + unquote(name),
  );
}
