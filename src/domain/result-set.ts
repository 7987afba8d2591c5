/**
 * A result set: what a run yields and what every format encodes. Values are the database's own text;
 * nothing here or behind it turns them into JavaScript numbers or dates.
 */

/**
 * What an encoder must know of a column's type beside its text.
 *
 * - `int` (int2, int4), `int8`, `numeric`, `float` (float4, float8): numbers, text may be NaN or ±Infinity
 * - `boolean`: `t` or `f`
 * - `date`, `timestamp`, `timestamptz`: ISO text, may end in ` BC`, may be `infinity` or `-infinity`
 * - `json` (json and jsonb), `xml`, `bytea` (hex text): their text is what it says
 * - `array`: text is an array literal; `Column.element` tells the kind of its elements
 * - `nested`: composites and types with their own JSON (record, hstore, …)
 * - `text`: strings, enums and types of extensions: text that a person may have written
 * - `other`: the rest of the built-in types (interval, uuid, inet, money, ranges, …): text with a fixed grammar
 */
export type ColumnKind =
  | 'int'
  | 'int8'
  | 'numeric'
  | 'float'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'timestamptz'
  | 'json'
  | 'xml'
  | 'bytea'
  | 'array'
  | 'nested'
  | 'text'
  | 'other';

/** One column of a result set. */
export interface Column {
  /** As Postgres names it: may be empty, may be the same as another column's. */
  readonly name: string;
  /** As `format_type` writes it: `integer`, `numeric(10,2)`, `text[]`, `app.mood`. */
  readonly type: string;
  /** What encoders go by. A domain has the kind of its base type. */
  readonly kind: ColumnKind;
  /** For `array`: the kind of the elements. Absent when they are arrays themselves. */
  readonly element?: Exclude<ColumnKind, 'array'>;
  /** For `array`: its elements when they are arrays, of a domain over an array or of a vector type, and no dimension. */
  readonly elementArray?: Pick<Column, 'element' | 'elementArray' | 'delimiter'>;
  /** For `array`: the character between elements, `,` for every built-in type but box (`;`). */
  readonly delimiter?: string;
  /**
   * Where in a row Postgres's own `to_json` of this value stands, for the kinds whose JSON the text alone does
   * not tell (`array`, `nested`). Absent: the result set was opened without them.
   */
  readonly jsonAt?: number;
}

/**
 * One row: a value per column in column order, `null` for NULL, then the JSON texts that `Column.jsonAt` points to.
 */
export type Row = readonly (string | null)[];

/**
 * An open result set. It owns what it reads from (a connection with its transaction, a snapshot's chunks), and
 * frees it when `batches` ends, fails or is abandoned (`return()`), or on `close()`, whichever comes first.
 */
export interface ResultSet {
  readonly columns: readonly Column[];
  /** When the run began, from the database's clock (its transaction time), ISO 8601 UTC. */
  readonly ranAt: string;
  /** Version of the Postgres that ran it, e.g. `18.4`. */
  readonly serverVersion: string;
  /**
   * Batches of at least one row, in order; to be iterated at most once. The first is already fetched.
   * Throws an AppError when the run fails; rows already given are then part of nothing.
   */
  readonly batches: AsyncIterable<readonly Row[]>;
  /** Frees what the result set holds; may be called at any time, more than once. */
  close(): Promise<void>;
}
