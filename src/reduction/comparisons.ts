/**
 * Conditions that compare the key of a Redis relation: `=`, IN, `= ANY`, a prefix. What stands on the other side is
 * only found here, not judged.
 */
import type { A_Expr, ColumnRef, Node, SelectStmt } from 'libpg-query';
import type { Standing } from './compiled.ts';
import { nameKey } from './facts.ts';
import { scansOf } from './key-columns.ts';
import { requireOperator } from './operators.ts';
import { type Entry, resolve } from './scope.ts';
import { literalText, qualifiedName, textsOf } from './tree.ts';
import { attempt } from './unsure.ts';
import { quoteName } from './writing.ts';

/** What the key is compared with. */
export type Compared =
  | { readonly kind: 'values'; readonly nodes: readonly Node[] }
  | { readonly kind: 'array'; readonly node: Node }
  | { readonly kind: 'query'; readonly select: SelectStmt }
  /** `written`: Postgres hands it on as it stands. */
  | { readonly kind: 'prefix'; readonly prefix: string; readonly written: boolean };

export interface Comparison {
  /** What the condition is about: the table that has the column, and the scans of Redis behind it. */
  readonly entry: Entry;
  readonly scans: readonly Entry[];
  /** The key as it is written. */
  readonly key: string;
  /** The operator as it is written in SQL. */
  readonly operator: string;
  /** Where text can be put in: before the operator, with the key on this side, or before the whole condition. */
  readonly location: number;
  readonly keyStands: 'left' | 'right' | 'inside';
  readonly with: Compared;
}

type Found = Omit<Comparison, 'entry' | 'scans' | 'key'> & { readonly side: Node | undefined };

/** The comparisons that a condition may be read as; none when it isn't about a Redis key. */
export function comparisonsIn(node: Node, at: Standing): Comparison[] {
  return found(node, at).flatMap(({ side, ...comparison }) => {
    const ref = keyReference(side);
    const resolved = ref && attempt(() => resolve(ref, at.level, at.place));
    if (!ref || !resolved || 'reason' in resolved) return [];
    const scans = scansOf(resolved.value);
    const key = textsOf(ref.fields)?.map(quoteName).join('.') ?? '';
    return scans.length === 0 ? [] : [{ ...comparison, entry: resolved.value.entry, scans, key }];
  });
}

/** A column, perhaps cast to text, which it is anyway. */
function keyReference(node: Node | undefined): ColumnRef | null {
  const behind = withoutCast(node);
  return behind && 'ColumnRef' in behind ? behind.ColumnRef : null;
}

/** What stands behind casts to text. */
function withoutCast(node: Node | undefined): Node | undefined {
  if (!node || !('TypeCast' in node)) return node;
  const { arg, typeName } = node.TypeCast;
  const type = textsOf(typeName?.names) ?? [];
  const text = type.at(-1) === 'text' && (type.length === 1 || type[0] === 'pg_catalog');
  return text && !typeName?.arrayBounds ? withoutCast(arg) : node;
}

function found(node: Node, at: Standing): Found[] {
  if ('A_Expr' in node) return foundInOperator(node.A_Expr, at);
  if ('SubLink' in node) {
    const { subLinkType, operName, testexpr, subselect, location = 0 } = node.SubLink;
    const operator = attempt(() => requireOperator(operName ?? equals, at));
    if (subLinkType !== 'ANY_SUBLINK' || !subselect || !('SelectStmt' in subselect) || 'reason' in operator)
      return [];
    if (operator.value.name !== '=') return [];
    const compared: Compared = { kind: 'query', select: subselect.SelectStmt };
    return [{ side: testexpr, operator: operator.value.sql, location, keyStands: 'left', with: compared }];
  }
  const call = 'FuncCall' in node ? node.FuncCall : null;
  const name = qualifiedName(call?.funcname);
  const prefix = literalText(withoutCast(call?.args?.[1]));
  if (name?.name !== 'starts_with' || name.schema !== null || !prefix) return [];
  if (at.facts.functions.get(nameKey(name))?.builtIn !== true) return [];
  return foundPrefix(
    call?.args?.[0],
    prefix,
    { location: call?.location ?? 0, keyStands: 'inside', written: false },
    at,
  );
}

const equals: Node[] = [{ String: { sval: '=' } }];
const startsWith: Node[] = [{ String: { sval: '^@' } }];

function foundPrefix(
  side: Node | undefined,
  prefix: string,
  { written, ...stands }: Pick<Found, 'location' | 'keyStands'> & { written: boolean },
  at: Standing,
): Found[] {
  const operator = attempt(() => requireOperator(startsWith, at));
  if ('reason' in operator || prefix === '') return [];
  return [{ side, ...stands, operator: operator.value.sql, with: { kind: 'prefix', prefix, written } }];
}

function foundInOperator(expr: A_Expr, at: Standing): Found[] {
  const { kind = 'AEXPR_OP', lexpr, rexpr, location = 0 } = expr;
  const operator = attempt(() => requireOperator(expr.name, at));
  if ('reason' in operator || !rexpr) return [];
  const { name, sql } = operator.value;
  const left = { side: lexpr, operator: sql, location, keyStands: 'left' } as const;
  if (name === '=' && kind === 'AEXPR_OP' && lexpr) {
    return [
      { ...left, with: { kind: 'values', nodes: [rexpr] } },
      { ...left, side: rexpr, keyStands: 'right', with: { kind: 'values', nodes: [lexpr] } },
    ];
  }
  if (name === '=' && kind === 'AEXPR_IN' && 'List' in rexpr) {
    return [{ ...left, with: { kind: 'values', nodes: rexpr.List.items ?? [] } }];
  }
  if (name === '=' && kind === 'AEXPR_OP_ANY') {
    if ('A_ArrayExpr' in rexpr)
      return [{ ...left, with: { kind: 'values', nodes: rexpr.A_ArrayExpr.elements ?? [] } }];
    return [{ ...left, with: { kind: 'array', node: rexpr } }];
  }
  const literal = literalText(withoutCast(rexpr));
  if (literal === null) return [];
  if (name === '^@') return foundPrefix(lexpr, literal, { location, keyStands: 'left', written: true }, at);
  // A view has LIKE by its other name.
  if (name !== '~~' || (kind !== 'AEXPR_LIKE' && kind !== 'AEXPR_OP')) return [];
  return foundPrefix(lexpr, likePrefix(literal), { location, keyStands: 'left', written: false }, at);
}

/** What every text begins with that a LIKE pattern matches. */
export function likePrefix(pattern: string): string {
  let prefix = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] as string;
    if (char === '%' || char === '_') break;
    if (char === '\\') i++;
    prefix += pattern[i] ?? '';
  }
  return prefix;
}
