/** What stands in FROM under a name of its own: made here, with the columns that it has as far as they are certain. */
import type { Node, RangeFunction } from 'libpg-query';
import type { Standing } from './compiled.ts';
import { compile } from './expressions.ts';
import { type Facts, nameKey } from './facts.ts';
import { tableFunctions } from './safe-functions.ts';
import type { Column, Entry, Level, Source } from './scope.ts';
import { aliasColumns, qualifiedName, textsOf } from './tree.ts';
import { elementOf } from './types.ts';
import { attempt } from './unsure.ts';

/** A function in FROM. */
export function functionEntry(range: RangeFunction, level: Level, facts: Facts): Entry {
  const alias = range.alias?.aliasname ?? null;
  const [first, ...more] = range.functions ?? [];
  const call = first && 'List' in first ? first.List.items?.[0] : undefined;
  const name = call && 'FuncCall' in call ? (textsOf(call.FuncCall.funcname)?.at(-1) ?? '') : '';
  const plain = more.length === 0 && !range.ordinality && !range.coldeflist;
  if (!call || !plain || !hasOneColumn(call, { facts, level, place: { item: null } })) {
    return opaque(level, alias ?? (name || null), `the table function ${name}`);
  }
  // A function with one column calls it by the alias of the table.
  const column = aliasColumns(range.alias)[0] ?? alias ?? name;
  const columns: Column[] = [{ name: column, inner: column, type: null, from: [{ node: call, level }] }];
  return makeEntry(level, alias ?? name, columns, { kind: 'function', call });
}

/** Tables of rows have more columns, and so have other functions of the same name. */
function hasOneColumn(call: Node, at: Standing): boolean {
  const { funcname, args } = 'FuncCall' in call ? call.FuncCall : {};
  const name = qualifiedName(funcname);
  const known = name && tableFunctions.has(name.name) && at.facts.functions.get(nameKey(name))?.builtIn;
  if (!known || name.name !== 'unnest') return known === true;
  const array = attempt(() => compile(args?.[0], at));
  return args?.length === 1 && 'value' in array && elementOf(array.value.type) !== null;
}

/** The name of what is not looked into; null when it isn't known. */
export function opaqueAlias(node: Node): string | null {
  if ('RangeTableFunc' in node) return node.RangeTableFunc.alias?.aliasname ?? null;
  if ('JsonTable' in node) return node.JsonTable.alias?.aliasname ?? null;
  const table = 'RangeTableSample' in node ? node.RangeTableSample.relation : undefined;
  if (!table || !('RangeVar' in table)) return null;
  return table.RangeVar.alias?.aliasname ?? table.RangeVar.relname ?? null;
}

/** An entry with these columns; null when they aren't known. */
export function makeEntry(
  level: Level,
  alias: string | null,
  columns: readonly Column[] | null,
  source: Source,
): Entry {
  return { kind: 'entry', alias, level, columns, source, up: null };
}

/** What is not looked into. */
export function opaque(level: Level, alias: string | null, what: string): Entry {
  return makeEntry(level, alias, null, { kind: 'opaque', what });
}
