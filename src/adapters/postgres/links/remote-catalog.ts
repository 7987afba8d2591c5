/**
 * What the remote's catalogue says about one schema, as far as the reading login sees it: tables, columns, the types
 * and collations that they need, and how the remote sorts. Source: PostgreSQL manual, "System Catalogs", 14 to 18.
 */
import type pg from 'pg';
import {
  type DatabaseFacts,
  databaseSql,
  type Row,
  readAll,
  readVersion,
  toCollationFacts,
  toDatabaseFacts,
} from './catalog-read.ts';
import type { CollationFacts } from './collation-order.ts';
import { collationsSql, columnsSql, schemaSql, tablesSql, typesSql } from './remote-sql.ts';

export interface RemoteColumn {
  readonly name: string;
  /** OID of its type, a key of `RemoteCatalog.types`. */
  readonly type: string;
  /** What the remote's `format_type` says; of another's server, so never to be put into SQL as it is. */
  readonly typeText: string;
  /** OID of its collation, a key of `RemoteCatalog.collations`; null when the type has none. */
  readonly collation: string | null;
  readonly notNull: boolean;
  readonly comment: string | null;
}

export interface RemoteTable {
  readonly name: string;
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';
  readonly comment: string | null;
  /** The readable ones, in order. */
  readonly columns: readonly RemoteColumn[];
  /** As the last VACUUM or ANALYZE there saw it, partitions included; null when unknown, as of a view. */
  readonly bytes: number | null;
}

/** An attribute of a composite type, or the base of a domain (named ''). */
export type RemotePart = Pick<RemoteColumn, 'name' | 'type' | 'typeText' | 'collation'>;

export interface RemoteType {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'base' | 'enum' | 'domain' | 'composite' | 'range' | 'multirange' | 'pseudo';
  /** Name of the extension that it belongs to, or null. */
  readonly extension: string | null;
  /** OID of the element type of an array, or null. */
  readonly element: string | null;
  /** Between the elements of an array of this type. */
  readonly delimiter: string;
  /** True for the row type of a table or view. */
  readonly ofTable: boolean;
  /** Of an enum, in order. */
  readonly labels: readonly string[];
  /** Of a composite, in order; of a domain one: its base. */
  readonly parts: readonly RemotePart[];
  /** Of a domain: its constraints as SQL, sorted. */
  readonly constraints: readonly string[];
}

export interface RemoteCatalog extends DatabaseFacts {
  /** e.g. `15.18`. */
  readonly serverVersion: string;
  /** e.g. 150018. */
  readonly versionNumber: number;
  /** The schema that was asked for. */
  readonly schema: string;
  readonly schemaExists: boolean;
  /** Those of which the login may read at least one column, by name. */
  readonly tables: readonly RemoteTable[];
  /** By OID: those that the columns use, and those that these use. */
  readonly types: ReadonlyMap<string, RemoteType>;
  /** By OID. The database's default is not among them. */
  readonly collations: ReadonlyMap<string, CollationFacts>;
  /** Names of tables of the schema that the login may not read at all. */
  readonly unreadable: readonly string[];
}

/**
 * Reads it in two round trips and without locks on tables. In a transaction of the caller's, `search_path` stays empty
 * until its end. Throws what pg throws.
 */
export async function readRemoteCatalog(client: pg.ClientBase, schema: string): Promise<RemoteCatalog> {
  const version = await readVersion(client);
  const [schemas, databases, tables, columns, types, collations] = await readAll(client, [
    schemaSql(schema),
    databaseSql(version.number),
    tablesSql(schema),
    columnsSql(schema),
    typesSql(schema),
    collationsSql,
  ]);
  const columnsOf = groupColumns(columns ?? []);
  const found = (tables ?? []).map((row) => toTable(row, columnsOf));
  return {
    serverVersion: version.text,
    versionNumber: version.number,
    ...toDatabaseFacts(databases?.[0]),
    schema,
    schemaExists: (schemas ?? []).length > 0,
    tables: found.filter(({ readable }) => readable).map(({ table }) => table),
    types: new Map((types ?? []).map(toType)),
    collations: new Map(
      (collations ?? []).map(([oid, ...row]) => [oid as string, toCollationFacts(row)] as const),
    ),
    unreadable: found.filter(({ readable }) => !readable).map(({ table }) => table.name),
  };
}

const tableKinds: Readonly<Record<string, RemoteTable['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};

function toTable(row: Row, columnsOf: ReadonlyMap<string, readonly RemoteColumn[]>) {
  const [oid, name, kind, comment, bytes, readable] = row;
  const table: RemoteTable = {
    name: name ?? '',
    kind: tableKinds[kind ?? ''] ?? 'table',
    comment: comment ?? null,
    columns: columnsOf.get(oid ?? '') ?? [],
    bytes: bytes ? Number(bytes) : null,
  };
  return { table, readable: readable === 't' };
}

function groupColumns(rows: readonly Row[]): Map<string, RemoteColumn[]> {
  const columns = new Map<string, RemoteColumn[]>();
  for (const [table, name, type, typeText, collation, notNull, comment] of rows as [
    string,
    string,
    string,
    string,
    ...(string | null)[],
  ][]) {
    const column = {
      ...{ name, type, typeText, collation: collation ?? null },
      ...{ notNull: notNull === 't', comment: comment ?? null },
    };
    const known = columns.get(table);
    if (known) known.push(column);
    else columns.set(table, [column]);
  }
  return columns;
}

const typeKinds: Readonly<Record<string, RemoteType['kind']>> = {
  b: 'base',
  e: 'enum',
  d: 'domain',
  c: 'composite',
  r: 'range',
  m: 'multirange',
  p: 'pseudo',
};

function toType(row: Row): [string, RemoteType] {
  const [
    oid,
    schema,
    name,
    kind,
    extension,
    element,
    delimiter,
    ofTable,
    labels,
    parts,
    constraints,
    notNull,
  ] = row;
  const type: RemoteType = {
    schema: schema ?? '',
    name: name ?? '',
    kind: typeKinds[kind ?? ''] ?? 'base',
    extension: extension ?? null,
    element: element ?? null,
    delimiter: delimiter ?? ',',
    ofTable: ofTable === 't',
    labels: labels ? (JSON.parse(labels) as string[]) : [],
    parts: (parts ? (JSON.parse(parts) as [string, string, string, string | null][]) : []).map(
      ([part, type, typeText, collation]) => ({ name: part, type, typeText, collation }),
    ),
    constraints: [
      ...(constraints ? (JSON.parse(constraints) as string[]) : []),
      ...(notNull === 't' ? ['NOT NULL'] : []),
    ],
  };
  return [oid ?? '', type];
}
