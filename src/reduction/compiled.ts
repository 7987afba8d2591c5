/** Compiled expressions: what they refer to and how they are written with other names. Made by `expressions.ts`. */
import type { ColumnRef, Node } from 'libpg-query';
import type { Facts } from './facts.ts';
import type { Column, Entry, Level, Place, Resolved } from './scope.ts';

/** Where an expression stands. */
export interface Standing {
  readonly facts: Facts;
  readonly level: Level;
  readonly place: Place;
}

/** Writes a reference to a column. */
export type WriteColumn = (resolved: Resolved, ref: ColumnRef) => string;

export interface Compiled {
  readonly type: string;
  readonly columns: readonly Resolved[];
  /** It is a literal and nothing else. */
  readonly literal: boolean;
  /** In brackets where that is needed. */
  write(column: WriteColumn): string;
}

/** The entries that an expression refers to. */
export function entriesIn(expressions: readonly Compiled[]): Set<Entry> {
  return new Set(expressions.flatMap(({ columns }) => columns.map(({ entry }) => entry)));
}

/** The columns of an entry that expressions refer to. */
export function columnsOf(entry: Entry, expressions: readonly Compiled[]): Column[] {
  const all = expressions.flatMap(({ columns }) => columns.filter((each) => each.entry === entry));
  return [...new Map(all.map(({ column }) => [column.inner, column])).values()];
}

/** A compiled expression of parts; the text is put together from theirs. */
export function combine(
  type: string,
  parts: readonly Compiled[],
  write: (texts: readonly string[]) => string,
): Compiled {
  return {
    type,
    columns: parts.flatMap(({ columns }) => columns),
    literal: false,
    write: (column) => write(parts.map((part) => part.write(column))),
  };
}

/** Compiles an expression. Throws `Unsure` when it isn't harmless. */
export type Compile = (node: Node | undefined, at: Standing) => Compiled;
