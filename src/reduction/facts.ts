/**
 * What the reduction has to know of a database: the relations, functions and operators that a query names, as its
 * search path finds them. Read by `adapters/postgres/reduction-facts.ts`.
 */

/** A name as it is written: schema, or null for the search path, and the name itself. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
}

/** The names of one text that the catalogue is asked for. */
export interface Names {
  readonly relations: readonly QualifiedName[];
  readonly functions: readonly QualifiedName[];
  readonly operators: readonly QualifiedName[];
}

export interface ColumnFacts {
  readonly name: string;
  /**
   * The name in pg_catalog of its type, domains looked through; `enum` for any enum. Null for types that are not
   * built in, for virtual generated columns and for columns with a collation but the database's default or `C`: two of
   * them can't be compared with each other, and nondeterministic ones compare in another way.
   */
  readonly type: string | null;
  /** Null for the database's default. */
  readonly collation: 'C' | null;
}

export interface RelationFacts {
  readonly schema: string;
  readonly name: string;
  /** In their order. */
  readonly columns: readonly ColumnFacts[];
  /** Set for a relation of a Redis link: its column with the key. */
  readonly redisKey: string | null;
  /** The SELECT of a view; null for what isn't one. */
  readonly definition: string | null;
  /** Why two looks at it in one transaction may differ; null when they don't. */
  readonly unsteady: string | null;
  /** The login may read all of its columns. */
  readonly readable: boolean;
  /** Which rows it has depends on who reads it: it has row-level security, or is reached with a login of the reader's. */
  readonly readerBound: boolean;
}

/** What is known of all functions (or operators) that a name may mean. */
export interface CallableFacts {
  /** One of them is volatile. */
  readonly volatile: boolean;
  /** All of them are pg_catalog's. */
  readonly builtIn: boolean;
  /** One of them is pg_catalog's. */
  readonly someBuiltIn: boolean;
  /** All of them are marked LEAKPROOF, and so can't fail. */
  readonly leakproof: boolean;
  /** The built-in type that all of them yield; null when they differ. Of functions only. */
  readonly returns: string | null;
  /** One that isn't built in takes nothing but built-in types and domains, and could be meant in the place of a built-in one. */
  readonly shadowed: boolean;
}

export interface Facts {
  /** By `nameKey`. No entry or null: there is none that the login sees. */
  readonly relations: ReadonlyMap<string, RelationFacts | null>;
  readonly functions: ReadonlyMap<string, CallableFacts>;
  readonly operators: ReadonlyMap<string, CallableFacts>;
  /**
   * pg_catalog stands before all schemas of the search path, as it does unless somebody moved it, and casts between its
   * types are its own.
   */
  readonly catalogFirst: boolean;
}

/** The key of a name in the maps. */
export function nameKey({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}

/** What is said of a relation to people. */
export function relationLabel({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`;
}
