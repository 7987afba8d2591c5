/**
 * Functions of pg_catalog that yield the same for the same within a transaction and fail for no arguments of the
 * given kinds. Whether a name really means them, and whether they are volatile, the catalogue is asked.
 * Source: PostgreSQL manual, "Functions and Operators".
 */

/**
 * What an argument may be: any plain value; text; an integer; a date or time; or a literal: a text, a small number,
 * one that is not negative, one that is not zero.
 */
export type Parameter = 'any' | 'text' | 'int' | 'time' | 'textLiteral' | 'sizeLiteral' | 'countLiteral';

export interface SafeFunction {
  readonly parameters: readonly Parameter[];
  /** How many of the parameters may be left out. */
  readonly optional?: number;
  /** More arguments of the last kind may follow. */
  readonly variadic?: boolean;
  readonly returns: string;
}

const textToText: SafeFunction = { parameters: ['text'], returns: 'text' };
const trim: SafeFunction = { parameters: ['text', 'text'], optional: 1, returns: 'text' };
const lengthOf: SafeFunction = { parameters: ['text'], returns: 'int4' };
const pad: SafeFunction = { parameters: ['text', 'sizeLiteral', 'text'], optional: 1, returns: 'text' };
const part: SafeFunction = {
  parameters: ['text', 'sizeLiteral', 'sizeLiteral'],
  optional: 1,
  returns: 'text',
};

/** By name. */
export const safeFunctions: ReadonlyMap<string, SafeFunction> = new Map<string, SafeFunction>([
  ['concat', { parameters: ['any'], variadic: true, returns: 'text' }],
  ['concat_ws', { parameters: ['text', 'any'], variadic: true, returns: 'text' }],
  // Its template is looked at too.
  ['format', { parameters: ['textLiteral', 'any'], optional: 1, variadic: true, returns: 'text' }],
  ['lower', textToText],
  ['upper', textToText],
  ['initcap', textToText],
  ['reverse', textToText],
  ['md5', textToText],
  ['quote_ident', textToText],
  ['quote_literal', textToText],
  ['btrim', trim],
  ['ltrim', trim],
  ['rtrim', trim],
  ['length', lengthOf],
  ['char_length', lengthOf],
  ['octet_length', lengthOf],
  ['replace', { parameters: ['text', 'text', 'text'], returns: 'text' }],
  ['translate', { parameters: ['text', 'text', 'text'], returns: 'text' }],
  ['starts_with', { parameters: ['text', 'text'], returns: 'bool' }],
  ['left', { parameters: ['text', 'int'], returns: 'text' }],
  ['right', { parameters: ['text', 'int'], returns: 'text' }],
  ['lpad', pad],
  ['rpad', pad],
  ['substr', part],
  ['substring', part],
  ['split_part', { parameters: ['text', 'textLiteral', 'countLiteral'], returns: 'text' }],
  ['to_char', { parameters: ['time', 'textLiteral'], returns: 'text' }],
  ['now', { parameters: [], returns: 'timestamptz' }],
]);

/** Set-returning functions of one column that are followed, given nothing but literals. */
export const tableFunctions: ReadonlySet<string> = new Set(['generate_series', 'unnest', 'string_to_table']);

/** True for a `format` template that takes no more than this many values and fails for none. */
export function isSafeTemplate(template: string, values: number): boolean {
  const slots = template.match(/%./gs) ?? [];
  return (
    !/%$/.test(template.replaceAll('%%', '')) &&
    slots.every((slot) => slot === '%s' || slot === '%%') &&
    slots.filter((slot) => slot === '%s').length <= values
  );
}
