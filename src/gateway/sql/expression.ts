/**
 * The conditions that postgres_fdw sends, as a tree. Knows their grammar alone: what the names mean and whether types fit
 * is looked at when the tree is compiled (condition.ts). Source: postgres_fdw's deparse.c of PostgreSQL 15 to 18.
 */
import { notSupported, ServerError, sqlstates } from '../server-error.ts';
import type { TokenReader } from './tokens.ts';

export type Expression =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: string | null }
  | { readonly kind: 'number'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'parameter'; readonly number: number }
  /** What EXPLAIN has in the place of a parameter: a value that is not known yet. */
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'cast';
      readonly inner: Expression;
      readonly type: string;
      readonly length: number | null;
    }
  | { readonly kind: 'array'; readonly elements: readonly Expression[] }
  | { readonly kind: 'element'; readonly array: Expression; readonly index: Expression }
  | {
      readonly kind: 'compare';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'quantified';
      readonly operator: string;
      readonly quantifier: 'any' | 'all';
      readonly left: Expression;
      readonly array: Expression;
    }
  | { readonly kind: 'distinct'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'isNull'; readonly inner: Expression }
  | { readonly kind: 'not'; readonly inner: Expression }
  | { readonly kind: 'and' | 'or'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'case';
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression;
    };

/** The operators between texts. `!=` is `<>`. */
export const operators = new Set(['=', '<>', '<', '<=', '>', '>=', '^@', '~<~', '~<=~', '~>~', '~>=~']);

const maxDepth = 100;
const nullLiteral: Expression = { kind: 'literal', value: null };

function expectShallow(depth: number): void {
  if (depth > maxDepth) throw new ServerError(sqlstates.tooComplex, 'the condition is nested too deeply');
}

/** Parses one expression from where the tokens are. */
export function parseExpression(tokens: TokenReader, depth = 0): Expression {
  expectShallow(depth);
  const items = [parseAnd(tokens, depth)];
  while (tokens.accept('or')) items.push(parseAnd(tokens, depth));
  return items.length === 1 ? (items[0] as Expression) : { kind: 'or', items };
}

function parseAnd(tokens: TokenReader, depth: number): Expression {
  const items = [parseNot(tokens, depth)];
  while (tokens.accept('and')) items.push(parseNot(tokens, depth));
  return items.length === 1 ? (items[0] as Expression) : { kind: 'and', items };
}

function parseNot(tokens: TokenReader, depth: number): Expression {
  let negations = 0;
  while (tokens.accept('not')) negations++;
  const inner = parseComparison(tokens, depth);
  return negations % 2 === 1 ? { kind: 'not', inner } : inner;
}

function parseComparison(tokens: TokenReader, depth: number): Expression {
  const left = parseOperand(tokens, depth);
  if (tokens.accept('is')) return parseIs(tokens, left, depth);
  const { kind, text } = tokens.next;
  const operator = text === '!=' ? '<>' : text;
  if (kind !== 'symbol' || !operators.has(operator)) return left;
  tokens.take();
  for (const quantifier of ['any', 'all'] as const) {
    if (!tokens.accept(quantifier)) continue;
    tokens.expect('(');
    const array = parseExpression(tokens, depth + 1);
    tokens.expect(')');
    return { kind: 'quantified', operator, quantifier, left, array };
  }
  return { kind: 'compare', operator, left, right: parseOperand(tokens, depth) };
}

function parseIs(tokens: TokenReader, left: Expression, depth: number): Expression {
  const isNegated = tokens.accept('not');
  let test: Expression;
  if (tokens.accept('null')) test = { kind: 'isNull', inner: left };
  else {
    tokens.expect('distinct', 'from');
    test = { kind: 'distinct', left, right: parseOperand(tokens, depth) };
  }
  return isNegated ? { kind: 'not', inner: test } : test;
}

/** A value with its casts and subscripts. */
function parseOperand(tokens: TokenReader, depth: number): Expression {
  let operand = parsePrimary(tokens, depth);
  for (let nested = depth; ; nested++) {
    expectShallow(nested);
    if (tokens.accept('::')) operand = { kind: 'cast', inner: operand, ...parseType(tokens) };
    else if (tokens.accept('[')) {
      operand = { kind: 'element', array: operand, index: parseExpression(tokens, depth + 1) };
      tokens.expect(']');
    } else return operand;
  }
}

/** A type's name, e.g. `text`, `character varying`, `text[]`, and its length if it has one. */
export function parseType(tokens: TokenReader): { type: string; length: number | null } {
  let type = tokens.name();
  if (tokens.accept('.')) type = type === 'pg_catalog' ? tokens.name() : `${type}.${tokens.name()}`;
  while (tokens.next.kind === 'word' && /^(varying|precision|with|without|time|zone)$/.test(tokens.next.text))
    type += ` ${tokens.take().text}`;
  let length: number | null = null;
  if (tokens.accept('(')) {
    const { kind, text } = tokens.take();
    if (kind !== 'number') throw tokens.unexpected();
    length = Number(text);
    if (tokens.accept(',')) tokens.take();
    tokens.expect(')');
  }
  while (tokens.accept('[', ']')) type = type.endsWith('[]') ? type : `${type}[]`;
  return { type, length };
}

function parsePrimary(tokens: TokenReader, depth: number): Expression {
  const { kind, text } = tokens.next;
  if (tokens.accept('(')) return parseParentheses(tokens, depth);
  if (kind === 'symbol' || kind === 'end') throw tokens.unexpected();
  tokens.take();
  if (kind === 'string') return { kind: 'literal', value: text };
  if (kind === 'number') return { kind: 'number', value: text };
  if (kind === 'parameter') return { kind: 'parameter', number: Number(text) };
  if (kind === 'word') {
    if (text === 'null') return nullLiteral;
    if (text === 'true' || text === 'false') return { kind: 'boolean', value: text === 'true' };
    if (text === 'array') return parseArray(tokens, depth);
    if (text === 'case') return parseCase(tokens, depth);
    if (tokens.sees('(')) return parseCall(tokens, text, depth);
  }
  // A table's alias before the column's name says nothing where there is one table.
  return { kind: 'column', name: tokens.accept('.') ? tokens.name() : text };
}

/** `(expression)`, or `(SELECT null::type)`: a parameter whose value EXPLAIN doesn't tell. */
function parseParentheses(tokens: TokenReader, depth: number): Expression {
  if (tokens.accept('select')) {
    tokens.expect('null', '::');
    parseType(tokens);
    tokens.expect(')');
    return { kind: 'unknown' };
  }
  const inner = parseExpression(tokens, depth + 1);
  tokens.expect(')');
  return inner;
}

function parseList(tokens: TokenReader, close: string, depth: number): Expression[] {
  const items: Expression[] = [];
  if (tokens.accept(close)) return items;
  do items.push(parseExpression(tokens, depth + 1));
  while (tokens.accept(','));
  tokens.expect(close);
  return items;
}

function parseArray(tokens: TokenReader, depth: number): Expression {
  tokens.expect('[');
  return { kind: 'array', elements: parseList(tokens, ']', depth) };
}

function parseCase(tokens: TokenReader, depth: number): Expression {
  const subject = tokens.sees('when') ? null : parseExpression(tokens, depth + 1);
  const branches: { when: Expression; then: Expression }[] = [];
  while (tokens.accept('when')) {
    const test = parseExpression(tokens, depth + 1);
    tokens.expect('then');
    const then = parseExpression(tokens, depth + 1);
    const when = subject ? ({ kind: 'compare', operator: '=', left: subject, right: test } as const) : test;
    branches.push({ when, then });
  }
  const otherwise = tokens.accept('else') ? parseExpression(tokens, depth + 1) : nullLiteral;
  tokens.expect('end');
  return { kind: 'case', branches, otherwise };
}

function parseCall(tokens: TokenReader, name: string, depth: number): Expression {
  tokens.expect('(');
  const [left, right, ...more] = parseList(tokens, ')', depth);
  if (name !== 'starts_with' || !left || !right || more.length > 0)
    throw notSupported(`the function ${name}`);
  return { kind: 'compare', operator: '^@', left, right };
}
