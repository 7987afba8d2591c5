/**
 * A Redis as tables: which there are, and the port through which they are read. Rows are Redis's own bytes; how they
 * are shown as text is in shown-text.ts. Knows neither SQL nor how Redis is asked.
 */

/** How a column's value is written as text. `text`: Redis's bytes, to be shown; the others are ASCII as Postgres writes it. */
export type LinkColumnType = 'text' | 'interval' | 'bigint' | 'double precision';

export interface LinkColumn {
  readonly name: string;
  readonly type: LinkColumnType;
}

const text = (name: string): LinkColumn => ({ name, type: 'text' });
const ttl: LinkColumn = { name: 'ttl', type: 'interval' };

/** Every table, its columns in order. The first is the Redis key; where a row is one of many of its key, the second tells which. */
export const linkTables = {
  redis: [text('key'), text('value'), ttl],
  hashes: [text('key'), text('field'), text('value')],
  lists: [text('key'), { name: 'index', type: 'bigint' }, text('value')],
  sets: [text('key'), text('member')],
  zsets: [text('key'), text('member'), { name: 'score', type: 'double precision' }],
  streams: [text('key'), text('id'), text('field'), text('value')],
  keys: [text('key'), text('type'), ttl, { name: 'bytes', type: 'bigint' }],
} as const satisfies Record<string, readonly LinkColumn[]>;

export type LinkTable = keyof typeof linkTables;

/** Whether the name is one of the tables'. */
export function isLinkTable(name: string): name is LinkTable {
  return Object.hasOwn(linkTables, name);
}

/** Bytes of a `text` column, ASCII of another one, or null: there is no value, or nobody asked for the column. */
export type LinkCell = Buffer | string | null;

/** Positional, as the table's columns. */
export type LinkRow = readonly LinkCell[];

export interface LinkQuestion {
  readonly table: LinkTable;
  /** Exactly these keys, each once; null: all of them. Without the link's prefix, as every key here. */
  readonly keys: readonly Buffer[] | null;
  /** Only keys that begin with it; empty: all. Not used where `keys` are given. */
  readonly prefix: Buffer;
  /** Only these of `hashes.field`, `sets.member`, `zsets.member` or `keys.type`, each once; null: all of them. */
  readonly parts: readonly Buffer[] | null;
  /** Which columns are wanted, positional. */
  readonly wanted: readonly boolean[];
  /** Ends the reading: what is under way is thrown away. */
  readonly signal: AbortSignal;
}

/**
 * One change of a key; those of one transaction are applied in their order. `part` is a field or a member; a `ttlMs` of
 * null: it doesn't expire.
 */
export type LinkChange =
  | {
      readonly kind: 'set';
      readonly key: Buffer;
      readonly value: Buffer;
      readonly ttlMs: number | null | 'keep';
    }
  | { readonly kind: 'expire'; readonly key: Buffer; readonly ttlMs: number | null }
  | { readonly kind: 'delete'; readonly key: Buffer }
  | { readonly kind: 'hashSet'; readonly key: Buffer; readonly part: Buffer; readonly value: Buffer }
  | { readonly kind: 'hashDelete'; readonly key: Buffer; readonly part: Buffer }
  | { readonly kind: 'setAdd'; readonly key: Buffer; readonly part: Buffer }
  | { readonly kind: 'setRemove'; readonly key: Buffer; readonly part: Buffer }
  | { readonly kind: 'scoreSet'; readonly key: Buffer; readonly part: Buffer; readonly score: string }
  | { readonly kind: 'scoreRemove'; readonly key: Buffer; readonly part: Buffer };

/** A Redis that is linked into databases. Its methods throw RedisLinkError when Redis doesn't do what is asked. */
export interface RedisLink {
  /** About how many keys there are, other prefixes included. */
  countKeys(): Promise<number>;
  /**
   * The rows, in any order, in batches of any size. A key of another type than the table's has none. What changes
   * meanwhile may be there as before or as after; what is there all the time is there exactly once. To be returned
   * (`for await` does) when not read to its end.
   */
  read(question: LinkQuestion): AsyncGenerator<readonly LinkRow[], void>;
  /** Begins to write. To be ended by `apply` or `close`. Connects at its first question. */
  openWriting(): LinkWriting;
  close(): Promise<void>;
}

/** Changes that are made together, and only if nobody else has changed what they rest on. */
export interface LinkWriting {
  /**
   * From here on a change of these keys by anybody else makes `apply` fail. To be called before they are looked at.
   * `tooMuch`: there are more of them, all in all, than Redis can watch without being held up.
   */
  watch(keys: readonly Buffer[]): Promise<void>;
  /**
   * Applies all changes or, throwing, none. `conflict`: a watched key has changed. `unknown`: Redis did not say what
   * became of them. Ends the writing.
   */
  apply(changes: readonly LinkChange[]): Promise<void>;
  /** Ends it without a change. May be called more than once, and after `apply`. */
  close(): void;
}

/**
 * `unreachable`: no answer, or none yet. `refused`: the login. `denied`: a command or key. `moved`: the key is on
 * another node of a cluster. `conflict`: somebody else has changed what a writing rests on. `unknown`: changes were made
 * or not. `tooMuch`: more at once than a link takes. `rejected`: anything else.
 */
export type RedisLinkFailure =
  | 'unreachable'
  | 'refused'
  | 'denied'
  | 'moved'
  | 'conflict'
  | 'unknown'
  | 'tooMuch'
  | 'rejected';

/** Why Redis didn't answer. The message is a sentence that is safe for anyone who may use the link. */
export class RedisLinkError extends Error {
  readonly failure: RedisLinkFailure;

  constructor(failure: RedisLinkFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RedisLinkError';
    this.failure = failure;
  }
}
