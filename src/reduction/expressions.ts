/**
 * Expressions that are harmless: they change nothing, yield the same whenever they are evaluated within one
 * transaction and fail for no row, so that it doesn't matter for which rows they are evaluated. Such an expression is
 * compiled: its type, what it refers to, and how to write it with other names. All else is `Unsure`.
 */
import type { CaseExpr, ColumnRef, FuncCall, Node } from 'libpg-query';
import { spend } from './bounds.ts';
import { type Compiled, combine, type Standing } from './compiled.ts';
import { type Facts, nameKey } from './facts.ts';
import { compileOperator, requireEqualable } from './operators.ts';
import { isSafeTemplate, type Parameter, safeFunctions, tableFunctions } from './safe-functions.ts';
import { type Column, resolve } from './scope.ts';
import { literalInt, literalText, qualifiedName, textsOf } from './tree.ts';
import {
  commonType,
  elementOf,
  isInteger,
  isText,
  isTime,
  parseTypeName,
  requirePlain,
  requireSafeCast,
} from './types.ts';
import { attempt, Unsure } from './unsure.ts';
import { quoteName, quoteText } from './writing.ts';

/** Compiles an expression. Throws `Unsure` when it isn't harmless. */
export function compile(node: Node | undefined, at: Standing): Compiled {
  if (!node) throw new Unsure('a part of it is missing');
  spend(4);
  const inner = (each: Node | undefined) => compile(each, at);
  if ('ColumnRef' in node) return compileColumn(node.ColumnRef, at);
  if ('A_Const' in node) return compileLiteral(node);
  if ('A_Expr' in node) return compileOperator(node.A_Expr, at, compile);
  if ('FuncCall' in node) return compileCall(node.FuncCall, at);
  if ('TypeCast' in node) {
    const arg = inner(node.TypeCast.arg);
    if (!at.facts.catalogFirst) throw new Unsure('pg_catalog is not the first schema of the search path');
    const { type, sql } = parseTypeName(node.TypeCast.typeName);
    requireSafeCast(arg.type, type);
    return { ...combine(type, [arg], ([text]) => `(${text})::${sql}`), literal: arg.literal };
  }
  if ('BoolExpr' in node) {
    const args = (node.BoolExpr.args ?? []).map(inner);
    const word = node.BoolExpr.boolop === 'OR_EXPR' ? ' OR ' : ' AND ';
    const not = node.BoolExpr.boolop === 'NOT_EXPR';
    return combine('bool', args, (texts) => `(${not ? `NOT ${texts[0]}` : texts.join(word)})`);
  }
  if ('NullTest' in node) {
    const is = node.NullTest.nulltesttype === 'IS_NULL' ? 'IS NULL' : 'IS NOT NULL';
    return combine('bool', [inner(node.NullTest.arg)], ([text]) => `(${text} ${is})`);
  }
  if ('BooleanTest' in node) {
    const is = (node.BooleanTest.booltesttype ?? 'IS_TRUE').replaceAll('_', ' ');
    return combine('bool', [inner(node.BooleanTest.arg)], ([text]) => `(${text} ${is})`);
  }
  if ('CoalesceExpr' in node) {
    const args = (node.CoalesceExpr.args ?? []).map(inner);
    return combine(requireCommonType(args), args, (texts) => `COALESCE(${texts.join(', ')})`);
  }
  if ('A_ArrayExpr' in node) {
    const elements = (node.A_ArrayExpr.elements ?? []).map(inner);
    // Arrays of different lengths make no array.
    if (elements.some(({ type }) => elementOf(type) !== null))
      throw new Unsure('an array of arrays may fail');
    return combine(`_${requireCommonType(elements)}`, elements, (texts) => `ARRAY[${texts.join(', ')}]`);
  }
  if ('CaseExpr' in node) return compileCase(node.CaseExpr, at);
  if ('SQLValueFunction' in node) {
    const known = valueFunctions[node.SQLValueFunction.op ?? ''];
    if (known) return combine(known[0], [], () => known[1]);
  }
  throw new Unsure(`${describe(node)} is not looked into`);
}

const valueFunctions: Readonly<Record<string, readonly [type: string, sql: string]>> = {
  SVFOP_CURRENT_DATE: ['date', 'CURRENT_DATE'],
  SVFOP_CURRENT_TIMESTAMP: ['timestamptz', 'CURRENT_TIMESTAMP'],
  SVFOP_LOCALTIMESTAMP: ['timestamp', 'LOCALTIMESTAMP'],
};

const descriptions: Readonly<Record<string, string>> = {
  SubLink: 'a query inside of the expression',
  CollateClause: 'COLLATE',
  ParamRef: 'a parameter',
};

function describe(node: Node): string {
  const tag = Object.keys(node)[0] ?? '';
  return descriptions[tag] ?? `${tag} in the expression`;
}

function requireCommonType(parts: readonly Compiled[]): string {
  const type = commonType(parts.map((part) => part.type));
  if (type === null) throw new Unsure('its parts have different types');
  return type;
}

function compileColumn(ref: ColumnRef, at: Standing): Compiled {
  const resolved = resolve(ref, at.level, at.place);
  const type = columnType(resolved.column, at.facts);
  if (type === null)
    throw new Unsure(`the type of ${textsOf(ref.fields)?.join('.')} isn't known well enough`);
  return { type, columns: [resolved], literal: false, write: (column) => column(resolved, ref) };
}

/** The type of a column, followed through queries; null when it isn't known. */
export function columnType(column: Column, facts: Facts): string | null {
  const { type, from } = column;
  if (type !== null || from.length === 0) return type;
  const known = typesFound.get(from);
  if (known !== undefined) return known;
  const types = from.map(({ node, level }) => typeOf(node, { facts, level, place: 'after' }));
  const found = types.includes(null) ? null : commonType(types as string[]);
  typesFound.set(from, found);
  return found;
}

/** Of the columns of queries: one that names another twice, over and over, is looked into once. */
const typesFound = new WeakMap<Column['from'], string | null>();

/** The type of an expression that need not be harmless itself. */
function typeOf(node: Node, at: Standing): string | null {
  const compiled = attempt(() => compile(node, at));
  if ('value' in compiled) return compiled.value.type;
  const call = 'FuncCall' in node ? node.FuncCall : null;
  const name = textsOf(call?.funcname)?.join('.') ?? '';
  if (!call || at.facts.functions.get(nameKey({ schema: null, name }))?.builtIn !== true) return null;
  if (name === 'count') return 'int8';
  const passes = name === 'min' || name === 'max' || name === 'generate_series';
  const argument = call.args?.[0] ? typeOf(call.args[0], at) : null;
  if (passes) return argument;
  if (name === 'string_to_table') return 'text';
  return name === 'unnest' && argument ? elementOf(argument) : null;
}

function compileLiteral(node: Extract<Node, { A_Const: unknown }>): Compiled {
  const { A_Const: value } = node;
  const literal = (type: string, sql: string): Compiled => ({
    ...combine(type, [], () => sql),
    literal: true,
  });
  if (value.isnull) return literal('unknown', 'NULL');
  if (value.sval) return literal('unknown', quoteText(value.sval.sval ?? ''));
  if (value.boolval) return literal('bool', value.boolval.boolval ? 'true' : 'false');
  if (value.ival) return literal('int4', `(${value.ival.ival ?? 0})`);
  const digits = value.fval?.fval ?? '';
  // Whole numbers that don't fit into four bytes are an int8 or a numeric.
  if (/^-?[0-9]+(\.[0-9]*)?$/.test(digits)) return literal('numeric', `(${digits})`);
  throw new Unsure('a literal of its kind is not looked into');
}

function compileCase(expr: CaseExpr, at: Standing): Compiled {
  const argument = expr.arg ? [compile(expr.arg, at)] : [];
  const whens = (expr.args ?? []).map((node) => {
    if (!('CaseWhen' in node)) throw new Unsure('CASE is not looked into');
    return [compile(node.CaseWhen.expr, at), compile(node.CaseWhen.result, at)] as const;
  });
  const otherwise = expr.defresult ? [compile(expr.defresult, at)] : [];
  for (const [when] of whens) {
    if (argument[0]) requireEqualable(argument[0].type, when.type, at);
    else if (when.type !== 'bool') throw new Unsure('a condition in CASE may fail');
  }
  const type = requireCommonType([...whens.map(([, result]) => result), ...otherwise]);
  return combine(type, [...argument, ...whens.flat(), ...otherwise], (texts) => {
    const rest = [...texts];
    const head = argument.length > 0 ? ` ${rest.shift()}` : '';
    const arms = whens.map(() => ` WHEN ${rest.shift()} THEN ${rest.shift()}`).join('');
    return `(CASE${head}${arms}${otherwise.length > 0 ? ` ELSE ${rest.shift()}` : ''} END)`;
  });
}

const argumentRules: Readonly<Record<Parameter, (arg: Compiled, node: Node) => boolean>> = {
  any: (arg) => {
    requirePlain(arg.type);
    return true;
  },
  text: (arg) => isText(arg.type),
  int: (arg) => isInteger(arg.type),
  // A date far in the future is no timestamp, which it would have to become.
  time: (arg) => isTime(arg.type) && (arg.type !== 'date' || arg.columns.length === 0),
  textLiteral: (_, node) => literalText(node) !== null,
  sizeLiteral: (_, node) => (literalInt(node) ?? -1) >= 0 && (literalInt(node) ?? 0) <= 10_000,
  countLiteral: (_, node) => (literalInt(node) ?? 0) > 0,
};

/** What a call is besides its name and its arguments can change its meaning. */
function requireBareCall(call: FuncCall): void {
  const special = call.agg_order || call.agg_filter || call.over || call.agg_within_group || call.agg_star;
  if (special || call.agg_distinct || call.func_variadic)
    throw new Unsure('a call of its kind is not looked into');
}

function compileCall(call: FuncCall, at: Standing): Compiled {
  const name = qualifiedName(call.funcname);
  const facts = name && at.facts.functions.get(nameKey(name));
  const label = textsOf(call.funcname)?.join('.') ?? 'a function';
  requireBareCall(call);
  if (!name || !facts) throw new Unsure(`the function ${label} isn't known`);
  if (facts.volatile) throw new Unsure(`${label}() is volatile, or a function of that name is`);
  const nodes = call.args ?? [];
  const args = nodes.map((node) => compile(node, at));
  const sql =
    name.schema === null ? quoteName(name.name) : `${quoteName(name.schema)}.${quoteName(name.name)}`;
  // Another function of that name can be meant only where its types are.
  const own =
    facts.builtIn || (facts.someBuiltIn && !facts.shadowed && args.every(({ type }) => type !== 'enum'));
  const safe = own && at.facts.catalogFirst ? safeFunctions.get(name.name) : undefined;
  if (safe) {
    const { parameters, optional = 0, variadic = false, returns } = safe;
    const fits =
      args.length >= parameters.length - optional &&
      (variadic || args.length <= parameters.length) &&
      args.every((arg, n) =>
        argumentRules[parameters[n] ?? parameters.at(-1) ?? 'any'](arg, nodes[n] as Node),
      );
    const template = name.name === 'format' ? literalText(nodes[0]) : null;
    if (!fits || (template !== null && !isSafeTemplate(template, args.length - 1))) {
      throw new Unsure(`${label}() may fail with such arguments`);
    }
    return combine(returns, args, (texts) => `${sql}(${texts.join(', ')})`);
  }
  if (!facts.leakproof || facts.returns === null) throw new Unsure(`${label}() isn't known never to fail`);
  for (const arg of args) requirePlain(arg.type);
  return combine(facts.returns, args, (texts) => `${sql}(${texts.join(', ')})`);
}

/** Compiles a function in FROM. Throws `Unsure` unless it is given nothing but literals. */
export function compileTableFunction(node: Node, at: Standing): Compiled {
  const call = 'FuncCall' in node ? node.FuncCall : null;
  const name = qualifiedName(call?.funcname);
  const facts = name && at.facts.functions.get(nameKey(name));
  if (!call || !facts?.builtIn || facts.volatile || !tableFunctions.has(name?.name ?? '')) {
    throw new Unsure(`the table function ${name?.name} isn't known`);
  }
  requireBareCall(call);
  const args = (call.args ?? []).map((each) => compile(each, at));
  if (args.some(({ columns }) => columns.length > 0))
    throw new Unsure('a table function depends on other tables');
  return combine('', args, (texts) => `pg_catalog.${quoteName(name?.name ?? '')}(${texts.join(', ')})`);
}
