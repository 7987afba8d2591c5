/**
 * Reads from the catalogue what the reduction has to know of the names in a query, as the search path of the session
 * finds them: columns and their types, what is volatile, views and their definitions, what may change between looks.
 * One round trip, two when views are named. Source: PostgreSQL manual, "System Catalogs", "Function Volatility
 * Categories".
 */
import pg from 'pg';
import {
  type CallableFacts,
  type Facts,
  type Names,
  nameKey,
  type QualifiedName,
  type RelationFacts,
} from '../../reduction/facts.ts';
import { collectNames } from '../../reduction/names.ts';
import type { ParsedSql, SqlParser } from '../../reduction/sql-parser.ts';
import { rawText } from './session.ts';

/** The Redis links of a database. */
export interface RedisLinks {
  /** What the links made, with the column of the key: text with a deterministic collation. */
  readonly relations: readonly { readonly schema: string; readonly name: string; readonly key: string }[];
  /** Their foreign servers. */
  readonly servers: readonly string[];
}

/** First OID of what isn't built in. */
const firstUserOid = 16384;

/**
 * The schemas of the search path; only those that the login may use are in it. And whether somebody has made casts
 * between built-in types, which may do anything.
 */
const pathQuery = `SELECT pg_catalog.current_schemas(true)::text[], EXISTS (SELECT FROM pg_catalog.pg_cast k
  WHERE k.oid >= ${firstUserOid} AND k.castsource < ${firstUserOid} AND k.casttarget < ${firstUserOid} AND k.castmethod = 'f')`;

/** An argument that values of built-in types may stand for: a domain is taken where its own type stands. */
const takesBuiltIn = (type: string) =>
  `(${type} < ${firstUserOid} OR ${type} IN (SELECT d.oid FROM pg_catalog.pg_type d WHERE d.typtype = 'd'))`;

/**
 * A row of a remote Postgres stays the same within a transaction, that of a file or of Redis doesn't. Domains are
 * looked through once; a domain over a domain has no known type. What the links made is not looked into: it may be
 * changing just then.
 */
const relationsQuery = (names: string, servers: string, linked: string) => `SELECT n.nspname, c.relname,
  CASE WHEN c.relkind = 'v' AND n.nspname || '.' || c.relname <> ALL (ARRAY[${linked}]::text[])
    THEN pg_catalog.pg_get_viewdef(c.oid) END,
  CASE WHEN c.relrowsecurity THEN 'has row-level security'
    WHEN c.relkind = 'f' OR c.relhassubclass THEN (
      WITH RECURSIVE member(oid) AS (
        SELECT c.oid UNION SELECT i.inhrelid FROM member JOIN pg_catalog.pg_inherits i ON i.inhparent = member.oid
      )
      SELECT 'has rows of a foreign table of ' || min(w.fdwname)
      FROM member JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = member.oid
      JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
      JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
      WHERE w.fdwname <> 'postgres_fdw' OR s.srvname = ANY (ARRAY[${servers}]::text[])) END,
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('name', a.attname, 'collation', nullif(o.collname, 'default'), 'type', CASE
      WHEN o.collname NOT IN ('default', 'C') OR o.collnamespace <> 'pg_catalog'::regnamespace OR a.attgenerated = 'v'
        THEN NULL
      WHEN b.typtype = 'e' AND b.oid NOT IN (SELECT k.castsource FROM pg_catalog.pg_cast k) THEN 'enum'
      WHEN b.typtype = 'b' AND b.typnamespace = 'pg_catalog'::regnamespace THEN b.typname END) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
  c.relkind IN ('r', 'p', 'v', 'm', 'f'),
  c.relrowsecurity OR (c.relkind = 'f' OR c.relhassubclass) AND EXISTS (
    WITH RECURSIVE member(oid) AS (
      SELECT c.oid UNION SELECT i.inhrelid FROM member JOIN pg_catalog.pg_inherits i ON i.inhparent = member.oid
    )
    SELECT FROM member JOIN pg_catalog.pg_foreign_table f ON f.ftrelid = member.oid
    JOIN pg_catalog.pg_user_mappings m ON m.srvid = f.ftserver AND m.umuser <> 0)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname IN (${names})`;

const functionsQuery = (
  names: string,
) => `SELECT (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = p.pronamespace), p.proname, p.provolatile = 'v',
  p.proleakproof AND p.prokind = 'f' AND NOT p.proretset, CASE WHEN p.prorettype < ${firstUserOid}
    THEN (SELECT t.typname FROM pg_catalog.pg_type t WHERE t.oid = p.prorettype) END,
  p.oid >= ${firstUserOid} AND (SELECT coalesce(pg_catalog.bool_and(${takesBuiltIn('a')}), true) FROM pg_catalog.unnest(p.proargtypes::oid[]) a)
FROM pg_catalog.pg_proc p WHERE p.proname IN (${names})`;

/** Built-in operators are left out: none of them is volatile. */
const operatorsQuery = (
  names: string,
) => `SELECT (SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE n.oid = o.oprnamespace), o.oprname, p.provolatile = 'v',
  ${takesBuiltIn('o.oprleft')} AND ${takesBuiltIn('o.oprright')}
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
WHERE o.oid >= ${firstUserOid} AND o.oprname IN (${names})`;

type CatalogRow = readonly (string | null)[];

/** Views over views deeper than this stay unknown. */
const maxRounds = 5;

/**
 * Reads the facts for a text, in the transaction that it will run in. Throws what pg throws: a schema that the login
 * may not use is no error.
 */
export async function readFacts(
  client: pg.ClientBase,
  parsed: ParsedSql,
  parser: SqlParser,
  redis: RedisLinks,
): Promise<Facts> {
  const facts = {
    relations: new Map<string, RelationFacts | null>(),
    functions: new Map<string, CallableFacts>(),
    operators: new Map<string, CallableFacts>(),
    catalogFirst: false,
  };
  let texts: ParsedSql[] = [parsed];
  for (let round = 0; texts.length > 0 && round < maxRounds; round++) {
    const names = missing(texts.map(collectNames), facts);
    const [path, relations, functions, operators] = await ask(client, names, redis);
    const schemas = arrayElements(path[0]?.[0] ?? '{}');
    const first = schemas.find((schema) => !schema.startsWith('pg_temp'));
    facts.catalogFirst = first === 'pg_catalog' && path[0]?.[1] === 'f';
    for (const name of names.relations) {
      facts.relations.set(nameKey(name), toRelation(inPath(relations, name, schemas)[0], redis));
    }
    for (const name of names.functions) {
      const found = inPath(functions, name, schemas);
      if (found.length > 0) facts.functions.set(nameKey(name), toFunction(found));
    }
    for (const name of names.operators) {
      facts.operators.set(nameKey(name), toOperator(inPath(operators, name, schemas)));
    }
    texts = names.relations.flatMap((name) => {
      const relation = facts.relations.get(nameKey(name));
      return (relation?.redisKey === null && relation.definition && parser.parse(relation.definition)) || [];
    });
  }
  return facts;
}

/** The names that nothing is known of yet. */
function missing(all: readonly Names[], known: Record<keyof Names, ReadonlyMap<string, unknown>>): Names {
  const pick = (kind: keyof Names) => {
    const names = new Map(all.flatMap((each) => each[kind]).map((name) => [nameKey(name), name]));
    return [...names.values()].filter((name) => !known[kind].has(nameKey(name)));
  };
  return { relations: pick('relations'), functions: pick('functions'), operators: pick('operators') };
}

/** Rows of the path, relations, functions, operators; the latter three begin with schema and name. */
async function ask(
  client: pg.ClientBase,
  names: Names,
  redis: RedisLinks,
): Promise<[CatalogRow[], CatalogRow[], CatalogRow[], CatalogRow[]]> {
  const literals = (all: readonly string[]) => all.map((each) => pg.escapeLiteral(each)).join(', ');
  const list = (all: readonly QualifiedName[]) => literals(all.map(({ name }) => name)) || 'NULL';
  const linked = redis.relations.map(({ schema, name }) => `${schema}.${name}`);
  const result = (await client.query({
    text: [
      pathQuery,
      relationsQuery(list(names.relations), literals(redis.servers), literals(linked)),
      functionsQuery(list(names.functions)),
      operatorsQuery(list(names.operators)),
    ].join(';\n'),
    rowMode: 'array',
    types: rawText,
  })) as unknown as { rows: CatalogRow[] }[];
  const [path, relations, functions, operators] = result.map(({ rows }) => rows);
  return [path ?? [], relations ?? [], functions ?? [], operators ?? []];
}

/** The elements of a text array of identifiers. */
function arrayElements(text: string): string[] {
  const elements = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
  return elements.map((each) => (each.startsWith('"') ? each.slice(1, -1).replaceAll(/\\(.)/g, '$1') : each));
}

/** The rows that a name may mean, those of earlier schemas first. */
function inPath(rows: readonly CatalogRow[], name: QualifiedName, schemas: readonly string[]): CatalogRow[] {
  const searched = name.schema === null ? schemas : [name.schema];
  return searched.flatMap((schema) => rows.filter((row) => row[0] === schema && row[1] === name.name));
}

function toRelation(row: CatalogRow | undefined, redis: RedisLinks): RelationFacts | null {
  if (!row) return null;
  const [schema, name, definition, unsteady, columns, readable, isTable, readerBound] = row;
  // A sequence hides tables of its name in later schemas.
  if (isTable !== 't') return null;
  const link = redis.relations.find((each) => each.schema === schema && each.name === name);
  // Nobody reads for the login what it may not read itself: the query is left for Postgres to refuse.
  if (link && readable !== 't') return null;
  return {
    schema: schema ?? '',
    name: name ?? '',
    columns: JSON.parse(columns ?? '[]') as RelationFacts['columns'],
    redisKey: link?.key ?? null,
    definition: definition ?? null,
    unsteady: unsteady ?? null,
    readable: readable === 't',
    readerBound: readerBound !== 'f',
  };
}

function toFunction(rows: readonly CatalogRow[]): CallableFacts {
  const returns = new Set(rows.map((row) => row[4]));
  return {
    volatile: rows.some((row) => row[2] !== 'f'),
    builtIn: rows.every((row) => row[0] === 'pg_catalog'),
    leakproof: rows.every((row) => row[3] === 't'),
    someBuiltIn: rows.some((row) => row[0] === 'pg_catalog'),
    returns: returns.size === 1 ? ([...returns][0] ?? null) : null,
    shadowed: rows.some((row) => row[5] !== 'f'),
  };
}

/** `rows`: those that aren't built in. */
function toOperator(rows: readonly CatalogRow[]): CallableFacts {
  return {
    volatile: rows.some((row) => row[2] !== 'f'),
    builtIn: rows.length === 0,
    someBuiltIn: true,
    leakproof: false,
    returns: null,
    shadowed: rows.some((row) => row[3] === 't'),
  };
}
