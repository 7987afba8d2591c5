/**
 * What the local database can offer to a link: its types and collations, how it sorts, and how it quotes names.
 * Source: PostgreSQL manual, "System Catalogs".
 */
import pg from 'pg';
import {
  collationColumns,
  collationText,
  type DatabaseFacts,
  databaseSql,
  ownCollationText,
  parseAttributes,
  type Row,
  readAll,
  readVersion,
  toCollationFacts,
  toDatabaseFacts,
} from './catalog-read.ts';
import type { CollationFacts } from './collation-order.ts';
import { markerPattern } from './marker.ts';
import type { CollationText, ShapeAttribute, TypeText } from './shape.ts';

export { readActualShape } from './actual-shape.ts';

export interface LocalType {
  readonly text: TypeText;
  /** The collation that it has by itself; null when it can't be collated. */
  readonly collation: CollationText;
}

/** A type built into the server. */
export interface BuiltInType extends LocalType {
  /** The word for it when a length follows, where that is another: `bit` of `"bit"`, `character` of `bpchar`. */
  readonly textBeforeLength: string;
}

/** A type that people made. */
export interface UserType extends LocalType {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'enum' | 'domain' | 'composite';
  readonly labels: readonly string[];
  /** Of a composite, in order; of a domain one: its base, named ''. */
  readonly parts: readonly ShapeAttribute[];
  /** Of a domain: its constraints as SQL, sorted. */
  readonly constraints: readonly string[];
}

export interface LocalCollation {
  readonly text: string;
  readonly facts: CollationFacts;
}

/** What one login may use of a database in a link. Types in the schemas of links are left out. */
export interface LocalTypes extends DatabaseFacts {
  readonly versionNumber: number;
  /** By name in pg_catalog: `int4`, `_int4`. */
  readonly builtIn: ReadonlyMap<string, BuiltInType>;
  /** By `keyOf(extension, name)`. */
  readonly ofExtensions: ReadonlyMap<string, LocalType>;
  /** By `keyOf(schema, name)`. */
  readonly ofUsers: ReadonlyMap<string, UserType>;
  /** By `keyOf(schema, name)`. The database's default is not among them. */
  readonly collations: ReadonlyMap<string, LocalCollation>;
  /** Words that `quote_ident` quotes. */
  readonly keywords: ReadonlySet<string>;
}

/** Key of a name within something. */
export function keyOf(within: string, name: string): string {
  return `${within}\0${name}`;
}

/**
 * Reads what the database can offer. `role`: the login whose rights to use types count (a link's owner); by default the
 * connection's. In a transaction of the caller's, `search_path` stays empty until its end. Throws what pg throws.
 */
export async function readLocalTypes(client: pg.ClientBase, role?: string): Promise<LocalTypes> {
  const version = await readVersion(client);
  const login = role === undefined ? 'current_user' : pg.escapeLiteral(role);
  const [databases, builtIn, extensions, users, collations, keywords] = await readAll(client, [
    databaseSql(version.number),
    builtInSql,
    extensionTypesSql(login),
    userTypesSql(login),
    collationsSql(login),
    "SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'",
  ]);
  return {
    versionNumber: version.number,
    ...toDatabaseFacts(databases?.[0]),
    builtIn: new Map((builtIn ?? []).map(toBuiltIn)),
    ofExtensions: new Map(
      (extensions as [string, string, string, string | null][]).map(
        ([extension, name, text, collation]) => [keyOf(extension, name), { text, collation }] as const,
      ),
    ),
    ofUsers: new Map((users ?? []).map(toUserType).map((type) => [keyOf(type.schema, type.name), type])),
    collations: new Map((collations ?? []).map(toCollation)),
    keywords: new Set((keywords ?? []).map(([word]) => word ?? '')),
  };
}

/** OIDs below this are the server's own. Row types of its tables are not offered: they differ between versions. */
const builtInSql = `SELECT t.typname, format_type(t.oid, -1), format_type(t.oid, NULL), ${collationText('t.typcollation')}
FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.oid < 16384
  AND t.typtype IN ('b', 'r', 'm') AND t.typrelid = 0`;

const usable = (login: string, type: string) => `has_type_privilege(${login}, ${type}.oid, 'USAGE')
  AND has_schema_privilege(${login}, ${type}.typnamespace, 'USAGE')`;

const extensionTypesSql = (login: string) => `SELECT x.extname, t.typname, format_type(t.oid, -1),
  ${collationText('t.typcollation')}
FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid JOIN pg_type t ON t.oid = d.objid
WHERE d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
  AND t.typtype <> 'p' AND ${usable(login, 't')}`;

/**
 * A domain whose constraint calls a function that people made is left out: it may refuse what the remote takes. So are
 * domains and composites of other logins than the link's and superusers: to such a type a constraint can be added later,
 * whose function would run as the link's owner at the next ANALYZE.
 */
const userTypesSql = (login: string) => `SELECT n.nspname, t.typname, t.typtype, format_type(t.oid, -1),
  ${collationText('t.typcollation')},
  (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
  CASE t.typtype WHEN 'd' THEN (SELECT json_build_array(json_build_array('', format_type(b.oid, t.typtypmod),
      ${ownCollationText('t.typcollation', 'b')})) FROM pg_type b WHERE b.oid = t.typbasetype)
  ELSE (SELECT json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
      ${ownCollationText('a.attcollation', 'b')}) ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
  (SELECT json_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid) COLLATE "C")
    FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), t.typnotnull
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class r ON r.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND r.relkind = 'c') AND n.nspname !~ '^pg_'
  AND coalesce(obj_description(n.oid, 'pg_namespace') NOT LIKE ${pg.escapeLiteral(markerPattern)}, true)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid
    AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass
    AND d.objid = k.oid AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
    WHERE k.contypid = t.oid)
  AND (t.typtype = 'e' OR EXISTS (SELECT FROM pg_roles o
    WHERE o.oid = t.typowner AND (o.rolsuper OR o.rolname = ${login})))
  AND ${usable(login, 't')}`;

/** Of those of one name, the one of the database's own encoding counts: it comes last. */
const collationsSql = (login: string) => `SELECT ${collationText('c.oid')}, ${collationColumns}
FROM pg_collation c, to_jsonb(c) j WHERE c.collprovider <> 'd'
  AND has_schema_privilege(${login}, c.collnamespace, 'USAGE') AND c.collencoding IN (-1,
    (SELECT encoding FROM pg_database WHERE datname = current_database()))
ORDER BY c.collencoding`;

function toBuiltIn(row: Row): [string, BuiltInType] {
  const [name, text, textBeforeLength, collation] = row as [string, string, string, string | null];
  return [name, { text, textBeforeLength, collation }];
}

const userTypeKinds: Readonly<Record<string, UserType['kind']>> = { e: 'enum', d: 'domain', c: 'composite' };

function toUserType(row: Row): UserType {
  const [schema, name, kind, text, collation, labels, parts, constraints, notNull] = row;
  return {
    schema: schema ?? '',
    name: name ?? '',
    kind: userTypeKinds[kind ?? ''] ?? 'enum',
    text: text ?? '',
    collation: collation ?? null,
    labels: labels ? (JSON.parse(labels) as string[]) : [],
    parts: parseAttributes(parts ?? null),
    constraints: [
      ...(constraints ? (JSON.parse(constraints) as string[]) : []),
      ...(notNull === 't' ? ['NOT NULL'] : []),
    ],
  };
}

function toCollation([text, ...row]: Row): [string, LocalCollation] {
  const facts = toCollationFacts(row);
  return [keyOf(facts.schema, facts.name), { text: text ?? '', facts }];
}
