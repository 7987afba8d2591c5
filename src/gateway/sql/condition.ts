/**
 * Conditions compiled to functions of a row, with Postgres's three-valued logic and the byte order of collation "C". What
 * isn't certain to give what Postgres gives is refused when it is compiled, before any row is read.
 */
import type { LinkColumn } from '../../domain/redis-link.ts';
import { notSupported, ServerError, sqlstates } from '../server-error.ts';
import { parseArrayLiteral } from './array-literal.ts';
import {
  areDistinct,
  type Compiled,
  compareTexts,
  compareTruths,
  compareWithEach,
  comparisons,
  constant,
  derived,
  type Elements,
  noRow,
} from './compiled.ts';
import type { Expression } from './expression.ts';

/** What names and parameters mean. */
export interface Scope {
  readonly columns: readonly LinkColumn[];
  /** By number, from $1; null where there are no values (EXPLAIN): every one is unknown then. */
  readonly parameters: readonly (string | null)[] | null;
}

const textTypes = new Set(['text', 'varchar', 'character varying']);
const truths = new Map([
  ['t', true],
  ['true', true],
  ['f', false],
  ['false', false],
]);

function parameterValue(number: number, { parameters }: Scope): string | null {
  if (!parameters) return null;
  const value = parameters[number - 1];
  if (value === undefined)
    throw new ServerError(sqlstates.protocolViolation, `there is no value for the parameter $${number}`);
  return value;
}

/** The text of what holds no column: a literal or parameter, whatever it is cast to; undefined: it is something else. */
export function plainValue(expression: Expression, scope: Scope): string | null | undefined {
  if (expression.kind === 'literal') return expression.value;
  if (expression.kind === 'parameter') return parameterValue(expression.number, scope);
  if (expression.kind === 'unknown') return null;
  if (expression.kind === 'number') return expression.value;
  return expression.kind === 'cast' ? plainValue(expression.inner, scope) : undefined;
}

/** Where a column is. Throws when there is none. */
export function columnAt(name: string, columns: readonly LinkColumn[]): number {
  const at = columns.findIndex((column) => column.name === name);
  if (at < 0) throw new ServerError(sqlstates.noColumn, `column "${name}" does not exist`);
  return at;
}

/** An expression whose value is a text. */
export function compileText(expression: Expression, scope: Scope): Compiled<Buffer> {
  switch (expression.kind) {
    case 'column': {
      const at = columnAt(expression.name, scope.columns);
      const { type } = scope.columns[at] as LinkColumn;
      if (type !== 'text') throw notSupported(`conditions on columns of type ${type}`);
      return { isConstant: false, at: (row) => row[at] as Buffer | null };
    }
    case 'cast':
      return compileCast(expression, scope);
    case 'literal':
    case 'parameter':
    case 'unknown': {
      const value = plainValue(expression, scope) ?? null;
      return constant(value === null ? null : Buffer.from(value));
    }
    case 'element':
      return compileElement(expression, scope);
    case 'case':
      return compileCase(expression, scope, compileText);
    default:
      throw notSupported('this expression as a text');
  }
}

function compileCast({ inner, type, length }: Expression & { kind: 'cast' }, scope: Scope): Compiled<Buffer> {
  if (!textTypes.has(type)) throw notSupported(`conditions on values of type ${type}`);
  const text = compileText(inner, scope);
  if (length !== null)
    expectFitting(
      derived([text], (row) => [text.at(row)]),
      length,
    );
  return text;
}

/** Throws unless texts are known to have no more characters than this: an explicit cast would cut them off. */
function expectFitting(texts: Compiled<Elements>, length: number): void {
  const elements = texts.isConstant ? (texts.at(noRow) ?? []) : null;
  if (
    !elements?.every((text) => text === null || text.length <= length || [...String(text)].length <= length)
  )
    throw notSupported('a cast that shortens a text');
}

function compileElement({ array, index }: Expression & { kind: 'element' }, scope: Scope): Compiled<Buffer> {
  const at = plainValue(index, scope);
  const value = plainValue(array, scope);
  if (at === undefined || value === undefined) throw notSupported('this subscript');
  if (array.kind === 'cast' && array.type !== 'text[]' && array.type !== 'character varying[]')
    throw notSupported(`conditions on values of type ${array.type}`);
  if (at === null || value === null) return constant<Buffer>(null);
  const { elements, dimensions, lowerBound } = parseArrayLiteral(value);
  const element = dimensions === 1 ? (elements[Number(at) - lowerBound] ?? null) : null;
  return constant(element === null ? null : Buffer.from(element));
}

function compileCase<T>(
  { branches, otherwise }: Expression & { kind: 'case' },
  scope: Scope,
  compile: (expression: Expression, scope: Scope) => Compiled<T>,
): Compiled<T> {
  const tests = branches.map(({ when }) => compileTruth(when, scope));
  const values = branches.map(({ then }) => compile(then, scope));
  const last = compile(otherwise, scope);
  return derived([...tests, ...values, last], (row) => {
    const at = tests.findIndex((test) => test.at(row) === true);
    return at < 0 ? last.at(row) : (values[at] as Compiled<T>).at(row);
  });
}

/** Whether the type's name is that of an array of texts. */
export const isTextArray = (type: string) => type.endsWith('[]') && textTypes.has(type.slice(0, -2));

/** An expression whose value is an array of texts. */
export function compileArray(expression: Expression, scope: Scope): Compiled<Elements> {
  if (expression.kind === 'array') {
    const items = expression.elements.map((element) => compileText(element, scope));
    return derived(items, (row) => items.map((item) => item.at(row)));
  }
  if (expression.kind === 'cast') {
    if (!isTextArray(expression.type)) throw notSupported(`conditions on values of type ${expression.type}`);
    const elements = compileArray(expression.inner, scope);
    if (expression.length !== null) expectFitting(elements, expression.length);
    return elements;
  }
  const texts = arrayTexts(expression, scope);
  return constant(texts?.map((text) => (text === null ? null : Buffer.from(text))) ?? null);
}

/** The elements of an array that is one literal or parameter; null: the array is NULL. Throws for any other. */
export function arrayTexts(expression: Expression, scope: Scope): readonly (string | null)[] | null {
  const value = plainValue(expression, scope);
  if (value === undefined) throw notSupported('this array');
  return value === null ? null : parseArrayLiteral(value).elements;
}

const truthKinds = new Set(['compare', 'quantified', 'distinct', 'isNull', 'not', 'and', 'or', 'boolean']);

function isTruth(expression: Expression): boolean {
  if (expression.kind === 'cast') return expression.type === 'boolean' || expression.type === 'bool';
  if (expression.kind === 'case') return expression.branches.some(({ then }) => isTruth(then));
  return truthKinds.has(expression.kind);
}

/** An expression whose value is a boolean. */
export function compileTruth(expression: Expression, scope: Scope): Compiled<boolean> {
  switch (expression.kind) {
    case 'boolean':
      return constant(expression.value);
    case 'and':
      return compileJunction(expression.items, scope, false);
    case 'or':
      return compileJunction(expression.items, scope, true);
    case 'not': {
      const inner = compileTruth(expression.inner, scope);
      return derived([inner], (row) => {
        const truth = inner.at(row);
        return truth === null ? null : !truth;
      });
    }
    case 'isNull':
      return compileIsNull(expression.inner, scope);
    case 'compare':
      return compileComparison(expression, scope);
    case 'distinct':
      return areDistinct(compileText(expression.left, scope), compileText(expression.right, scope));
    case 'quantified':
      return compileQuantified(expression, scope);
    case 'case':
      return compileCase(expression, scope, compileTruth);
    default:
      return compileTruthValue(expression, scope);
  }
}

function compileTruthValue(expression: Expression, scope: Scope): Compiled<boolean> {
  const value = plainValue(expression, scope);
  if (value === null) return constant<boolean>(null);
  const truth = value === undefined ? undefined : truths.get(value);
  if (truth === undefined) throw notSupported('this expression as a condition');
  return constant(truth);
}

/** `decisive`: the truth of one item that settles it. */
function compileJunction(
  expressions: readonly Expression[],
  scope: Scope,
  decisive: boolean,
): Compiled<boolean> {
  const items = expressions.map((item) => compileTruth(item, scope));
  return derived(items, (row) => {
    let result: boolean | null = !decisive;
    for (const item of items) {
      const truth = item.at(row);
      if (truth === decisive) return decisive;
      if (truth === null) result = null;
    }
    return result;
  });
}

/** Of any type: whether a value is there says nothing of its order. */
function compileIsNull(expression: Expression, scope: Scope): Compiled<boolean> {
  if (expression.kind === 'column') {
    const at = columnAt(expression.name, scope.columns);
    return { isConstant: false, at: (row) => row[at] === null };
  }
  const value = plainValue(expression, scope);
  if (value !== undefined) return constant(value === null);
  const inner = isTruth(expression) ? compileTruth(expression, scope) : compileText(expression, scope);
  return derived([inner], (row) => inner.at(row) === null);
}

/** Throws for an operator that isn't one between texts. */
function expectOperator(operator: string): void {
  if (!Object.hasOwn(comparisons, operator)) throw notSupported(`the operator ${operator}`);
}

function compileComparison(
  { operator, left, right }: Expression & { kind: 'compare' },
  scope: Scope,
): Compiled<boolean> {
  if (isTruth(left) || isTruth(right)) {
    if (operator !== '=' && operator !== '<>') throw notSupported('this order of booleans');
    return compareTruths(operator, compileTruth(left, scope), compileTruth(right, scope));
  }
  expectOperator(operator);
  return compareTexts(operator, compileText(left, scope), compileText(right, scope));
}

function compileQuantified(
  { operator, quantifier, left, array }: Expression & { kind: 'quantified' },
  scope: Scope,
): Compiled<boolean> {
  expectOperator(operator);
  return compareWithEach(operator, quantifier, compileText(left, scope), compileArray(array, scope));
}
