/**
 * Where a text names a table, so that something else can be put there: a query of the same columns. What is written in a
 * way that isn't followed to the letter stays.
 */
import { scanLabel } from './restrictions.ts';
import type { Entry } from './scope.ts';
import type { ParsedSql } from './sql-parser.ts';
import { Unsure } from './unsure.ts';
import { quoteName } from './writing.ts';

/** The place of a name in the text. */
export interface NamePlace {
  readonly index: number;
  readonly length: number;
  /** To be put behind, when the table has no alias. */
  readonly alias: string;
}

const identifier = String.raw`(?:"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*)`;
const tableName = new RegExp(`^${identifier}(?:\\s*\\.\\s*${identifier})?`, 'u');

/** Throws `Unsure` where it is written in a way that is not followed, or by a view. */
export function namePlaceOf(entry: Entry, parsed: ParsedSql): NamePlace {
  const { source } = entry;
  if (source.kind !== 'relation' || !entry.level.written)
    throw new Unsure(`${scanLabel(entry)} is read by a view`);
  const { range } = source;
  const index = parsed.indexOf(range.location ?? 0);
  const written = tableName.exec(parsed.text.slice(index, index + 300))?.[0] ?? '';
  const names = written.match(new RegExp(identifier, 'gu')) ?? [];
  const plain = names.map((name) =>
    name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase(),
  );
  const expected = [...(range.schemaname ? [range.schemaname] : []), range.relname ?? ''];
  // A query can stand there in the place of a table: not behind TABLE or ONLY, and not before the `*` of old.
  const follows = /(?:[,(]|[^\w$](?:from|join))$/i.test(parsed.text.slice(0, index).trimEnd().slice(-5));
  const after = /^\s*\*/.test(parsed.text.slice(index + written.length));
  if (plain.join('.') !== expected.join('.') || !follows || after || !range.inh) {
    throw new Unsure(`${scanLabel(entry)} is written in a way that is not followed`);
  }
  const alias = range.alias ? '' : ` AS ${quoteName(range.relname ?? '')}`;
  return { index, length: written.length, alias };
}
