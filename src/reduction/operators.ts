/**
 * Operators in harmless expressions: comparisons, `||`, `->>`, LIKE, IN and a few more, where the types of both sides
 * say that they can't fail. Arithmetic can overflow and is left alone.
 * Source: PostgreSQL manual, "Functions and Operators"; A_Expr in parsenodes.h.
 */
import type { A_Expr, Node } from 'libpg-query';
import { type Compile, type Compiled, combine, type Standing } from './compiled.ts';
import { type CallableFacts, nameKey } from './facts.ts';
import { literalInt, literalText, qualifiedName } from './tree.ts';
import { areComparable, commonType, elementOf, isInteger, isText, requirePlain } from './types.ts';
import { Unsure } from './unsure.ts';
import { quoteName } from './writing.ts';

const comparisons = new Set(['=', '<>', '<', '<=', '>', '>=']);

/** The operator as written; known, not volatile, and what it looks like. Throws `Unsure` otherwise. */
export function requireOperator(
  names: readonly Node[] | undefined,
  at: Standing,
): { name: string; sql: string; facts: CallableFacts } {
  const name = qualifiedName(names);
  const facts = name && at.facts.operators.get(nameKey(name));
  if (!name || !facts || (name.schema !== null && name.schema !== 'pg_catalog')) {
    throw new Unsure(`the operator ${name?.name ?? ''} isn't known`);
  }
  if (facts.volatile) throw new Unsure(`an operator ${name.name} is volatile`);
  if (facts.shadowed || !at.facts.catalogFirst)
    throw new Unsure(`the operator ${name.name} may be another one`);
  const sql = name.schema === null ? name.name : `OPERATOR(${quoteName(name.schema)}.${name.name})`;
  return { name: name.name, sql, facts };
}

function requireComparable(left: string, right: string, facts: CallableFacts): void {
  requirePlain(left);
  requirePlain(right);
  const enums = left === 'enum' || right === 'enum';
  if (!areComparable(left, right) || (enums && !facts.builtIn)) {
    throw new Unsure(`the comparison of ${left} with ${right} may fail`);
  }
}

/** Throws `Unsure` unless `=` of such values is Postgres's own and can't fail. */
export function requireEqualable(left: string, right: string, at: Standing): void {
  requireComparable(left, right, requireOperator(own('='), at).facts);
}

const own = (name: string): Node[] => [{ String: { sval: name } }];

/** Compiles an operator with its sides. Throws `Unsure` when it may fail. */
export function compileOperator(expr: A_Expr, at: Standing, compile: Compile): Compiled {
  const { kind = 'AEXPR_OP' } = expr;
  const word = otherKinds[kind];
  if (word) {
    const sides = [compile(expr.lexpr, at), compile(expr.rexpr, at)] as const;
    requireEqualable(sides[0].type, sides[1].type, at);
    const type = kind === 'AEXPR_NULLIF' ? sides[0].type : 'bool';
    return combine(type, sides, ([left, right]) => word(left as string, right as string));
  }
  if (kind === 'AEXPR_BETWEEN' || kind === 'AEXPR_NOT_BETWEEN') return compileBetween(expr, at, compile);
  const operator = requireOperator(expr.name, at);
  if (kind === 'AEXPR_OP') return compileBinary(expr, operator, at, compile);
  if (kind === 'AEXPR_LIKE' || kind === 'AEXPR_ILIKE') return compileLike(expr, operator, at, compile);
  if (kind === 'AEXPR_IN') return compileIn(expr, operator, at, compile);
  if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL') return compileArray(expr, operator, at, compile);
  throw new Unsure(`the operator ${operator.name} is not looked into here`);
}

const otherKinds: Readonly<Record<string, (left: string, right: string) => string>> = {
  AEXPR_DISTINCT: (left, right) => `(${left} IS DISTINCT FROM ${right})`,
  AEXPR_NOT_DISTINCT: (left, right) => `(${left} IS NOT DISTINCT FROM ${right})`,
  AEXPR_NULLIF: (left, right) => `NULLIF(${left}, ${right})`,
};

type Operator = ReturnType<typeof requireOperator>;

function compileBetween(expr: A_Expr, at: Standing, compile: Compile): Compiled {
  const bounds = expr.rexpr && 'List' in expr.rexpr ? (expr.rexpr.List.items ?? []) : [];
  const [value, low, high] = [expr.lexpr, ...bounds].map((node) => compile(node, at));
  if (!value || !low || !high) throw new Unsure('BETWEEN is not looked into here');
  for (const bound of [low, high]) {
    for (const name of ['<', '<=', '>', '>=']) {
      requireComparable(value.type, bound.type, requireOperator(own(name), at).facts);
    }
  }
  const not = expr.kind === 'AEXPR_NOT_BETWEEN' ? 'NOT ' : '';
  return combine('bool', [value, low, high], ([a, b, c]) => `(${a} ${not}BETWEEN ${b} AND ${c})`);
}

function compileBinary(
  expr: A_Expr,
  { name, sql, facts }: Operator,
  at: Standing,
  compile: Compile,
): Compiled {
  if (!expr.lexpr) throw new Unsure(`the operator ${name} may fail`);
  const left = compile(expr.lexpr, at);
  const right = compile(expr.rexpr, at);
  const write = ([a, b]: readonly string[]) => `(${a} ${sql} ${b})`;
  if (comparisons.has(name)) {
    requireComparable(left.type, right.type, facts);
    return combine('bool', [left, right], write);
  }
  const enums = left.type === 'enum' || right.type === 'enum';
  if (enums && !facts.builtIn) throw new Unsure(`the operator ${name} may be another one`);
  return combine(binaryType(name, left.type, right.type, expr), [left, right], write);
}

/** The type of `left name right`. Throws `Unsure` when it may fail. */
function binaryType(name: string, left: string, right: string, expr: A_Expr): string {
  // What escapes in a json mean is found out only now, and not all mean something.
  const key = isText(right) || right === 'int4';
  if (name === '->>' && left === 'jsonb' && key) return 'text';
  if (name === '->' && left === 'jsonb' && key) return left;
  if (name === '^@' && isText(left) && isText(right)) return 'bool';
  // Two literals could be two arrays.
  const typed = [left, right].some((type) => type === 'text' || type === 'varchar');
  const scalar = (type: string) => elementOf(type) === null && !type.startsWith('json') && type !== 'bytea';
  const literal = [left, right].includes('unknown') && [left, right].some((type) => textual.test(type));
  if (name === '||' && (typed || literal) && scalar(left) && scalar(right)) {
    requirePlain(left);
    requirePlain(right);
    return 'text';
  }
  const divisor = literalInt(expr.rexpr) ?? 0;
  if ((name === '%' || name === '/') && isInteger(left) && divisor > 0)
    return commonType([left, 'int4']) ?? 'int8';
  throw new Unsure(`the operator ${name} may fail for such values`);
}

/** What `||` with a literal is text of: types that have no `||` of their own. */
const textual = /^(int[248]|numeric|float[48]|bool|uuid|date|timestamp|timestamptz|enum|oid|unknown)$/;

function compileLike(expr: A_Expr, { name, sql }: Operator, at: Standing, compile: Compile): Compiled {
  const left = compile(expr.lexpr, at);
  const right = compile(expr.rexpr, at);
  const pattern = literalText(expr.rexpr);
  // A pattern that ends in a backslash is an error.
  if (pattern === null || pattern.endsWith('\\') || !isText(left.type)) {
    throw new Unsure(`the operator ${name} may fail with such a pattern`);
  }
  return combine('bool', [left, right], ([a, b]) => `(${a} ${sql} ${b})`);
}

function compileIn(expr: A_Expr, { name, sql, facts }: Operator, at: Standing, compile: Compile): Compiled {
  const items = expr.rexpr && 'List' in expr.rexpr ? (expr.rexpr.List.items ?? []) : [];
  const [value, ...values] = [expr.lexpr, ...items].map((node) => compile(node, at));
  if (!value) throw new Unsure('IN is not looked into here');
  for (const each of values) requireComparable(value.type, each.type, facts);
  if (commonType(values.map(({ type }) => type)) === null)
    throw new Unsure('the values of IN have different types');
  const quantifier = name === '=' ? 'ANY' : 'ALL';
  // As IN itself, but with an operator that may have a schema.
  return combine('bool', [value, ...values], ([first, ...rest]) =>
    sql === '=' || sql === '<>'
      ? `(${first} ${sql === '=' ? 'IN' : 'NOT IN'} (${rest.join(', ')}))`
      : `(${first} ${sql} ${quantifier} (ARRAY[${rest.join(', ')}]))`,
  );
}

function compileArray(
  expr: A_Expr,
  { name, sql, facts }: Operator,
  at: Standing,
  compile: Compile,
): Compiled {
  const left = compile(expr.lexpr, at);
  const right = compile(expr.rexpr, at);
  const element = elementOf(right.type);
  if (!comparisons.has(name) || element === null)
    throw new Unsure(`${name} with an array is not looked into here`);
  requireComparable(left.type, element, facts);
  const quantifier = expr.kind === 'AEXPR_OP_ANY' ? 'ANY' : 'ALL';
  return combine('bool', [left, right], ([a, b]) => `(${a} ${sql} ${quantifier} (${b}))`);
}
