/**
 * The shape of a link: the types and foreign tables of its schema. The same words tell what a link should be, planned
 * from the remote's catalogue, and what it is, read from the local one, so that the two can be compared.
 */

/**
 * SQL text of a type as the *local* server's `format_type` writes it with an empty search_path: `bigint`,
 * `numeric(10,2)`, `timestamp(3) with time zone`, `warehouse.mood[]`. Two types are the same when their texts are.
 */
export type TypeText = string;

/** Schema-qualified, as SQL: `pg_catalog."C"`. Null: the type's own. */
export type CollationText = string | null;

/** A type that is made in the link's schema. Names are not quoted; `text` is how columns of the type have it. */
export type ShapeType =
  | {
      readonly kind: 'enum';
      readonly name: string;
      readonly text: TypeText;
      readonly labels: readonly string[];
    }
  | {
      readonly kind: 'domain';
      readonly name: string;
      readonly text: TypeText;
      readonly base: TypeText;
      readonly collation: CollationText;
    }
  | {
      readonly kind: 'composite';
      readonly name: string;
      readonly text: TypeText;
      readonly attributes: readonly ShapeAttribute[];
    };

export interface ShapeAttribute {
  readonly name: string;
  readonly type: TypeText;
  readonly collation: CollationText;
}

export interface ShapeColumn extends ShapeAttribute {
  readonly notNull: boolean;
  readonly comment: string | null;
}

/** A foreign table. It has the remote table's name, and its columns theirs. */
export interface ShapeTable {
  readonly name: string;
  readonly comment: string | null;
  /** In the remote's order; the order of an existing table may differ and is no difference. */
  readonly columns: readonly ShapeColumn[];
  /** Columns that it once had: they count against Postgres's limit of 1,600. Absent: none. */
  readonly formerColumns?: number;
}

export interface LinkShape {
  /** In an order in which they can be made. */
  readonly types: readonly ShapeType[];
  /** By name. */
  readonly tables: readonly ShapeTable[];
}

/** One change of a link's shape. What it needs made before it stands before it in a list of steps. */
export type ShapeStep =
  | { readonly kind: 'create type'; readonly type: ShapeType }
  /** The type as it is gets another name, so that a new one can take its place; `drop type` follows. */
  | { readonly kind: 'rename type'; readonly type: ShapeType; readonly to: string }
  /** `before`: the label that it goes before, or null for the end. */
  | {
      readonly kind: 'add label';
      readonly type: string;
      readonly label: string;
      readonly before: string | null;
    }
  | { readonly kind: 'drop type'; readonly type: ShapeType }
  | { readonly kind: 'create table'; readonly table: ShapeTable }
  | { readonly kind: 'drop table'; readonly table: string }
  | { readonly kind: 'comment table'; readonly table: string; readonly comment: string | null }
  | { readonly kind: 'add column'; readonly table: string; readonly column: ShapeColumn }
  | { readonly kind: 'drop column'; readonly table: string; readonly column: string }
  /** Type or collation become those of `column`. Nothing may depend on the column. */
  | { readonly kind: 'retype column'; readonly table: string; readonly column: ShapeColumn }
  | {
      readonly kind: 'set not null' | 'drop not null';
      readonly table: string;
      readonly column: string;
    }
  | {
      readonly kind: 'comment column';
      readonly table: string;
      readonly column: string;
      readonly comment: string | null;
    };
