/**
 * Built-in types as far as the reduction looks at them: which values can be written as text, compared or cast without
 * ever failing. Types are named as in pg_catalog; `unknown` is a literal that has none yet, `enum` any enum.
 * Source: PostgreSQL manual, "Type Conversion"; pg_type, pg_cast.
 */
import type { TypeName } from 'libpg-query';
import { textsOf } from './tree.ts';
import { Unsure } from './unsure.ts';

const texts = new Set(['text', 'varchar', 'unknown']);
const paddedTexts = new Set(['bpchar', 'name']);
/** Each can be cast to those after it, none of which fails. */
const integers = ['int2', 'int4', 'int8'];
const numbers = [...integers, 'numeric', 'float4', 'float8'];
const textFamily = ['text', 'varchar', 'bpchar', 'name'];
const times = ['date', 'timestamp', 'timestamptz'];
const others = [
  'bool',
  'uuid',
  'json',
  'jsonb',
  'inet',
  'cidr',
  'macaddr',
  'bytea',
  'time',
  'interval',
  'oid',
  'enum',
];
const plain = new Set([...texts, ...paddedTexts, ...numbers, ...times, ...others]);

/** True for text as a key is: not padded, not a name. */
export function isText(type: string): boolean {
  return texts.has(type);
}

export function isInteger(type: string): boolean {
  return integers.includes(type);
}

export function isTime(type: string): boolean {
  return times.includes(type);
}

/** Throws `Unsure` for a type whose values may not be written as text without failing. */
export function requirePlain(type: string): void {
  if (!plain.has(type.replace(/^_/, ''))) throw new Unsure(`the type ${type} isn't known well enough`);
}

/** The array's elements; null for what is no array. */
export function elementOf(type: string): string | null {
  return type.startsWith('_') ? type.slice(1) : null;
}

/** True when values of both can be compared without failing, the literal in the type of the other. */
export function areComparable(left: string, right: string): boolean {
  if (left === 'json' || right === 'json') return false;
  if (left === right || left === 'unknown' || right === 'unknown') return true;
  // A numeric may be too large for a float.
  const family = [[...integers, 'numeric'], [...integers, 'float4', 'float8'], times, textFamily];
  return family.some((types) => types.includes(left) && types.includes(right));
}

/** The one type of several expressions, as CASE, COALESCE and UNION find it; null when they are too different. */
export function commonType(types: readonly string[]): string | null {
  const known = [...new Set(types.filter((type) => type !== 'unknown'))];
  if (known.length === 0) return 'text';
  if (known.length === 1) return known[0] as string;
  if (known.every((type) => texts.has(type))) return 'text';
  // The first that all can become; float4 and float8 write numbers in another way, and are left alone.
  if (known.every((type) => integers.includes(type)))
    return integers.findLast((type) => known.includes(type)) ?? null;
  return null;
}

/** Throws `Unsure` for a cast that may fail for some value. */
export function requireSafeCast(from: string, to: string): void {
  requirePlain(from);
  if (from === to || from === 'unknown') return;
  if (texts.has(to) || (to === 'bpchar' && texts.has(from))) return;
  const widens =
    integers.includes(from) && numbers.includes(to) && numbers.indexOf(from) < numbers.indexOf(to);
  const shortens = from.startsWith('timestamp') && to === 'date';
  if (!widens && !shortens) throw new Unsure(`the cast from ${from} to ${to} may fail`);
}

/** A type as it is written in a cast, with its name in pg_catalog. Throws `Unsure` for what isn't built in. */
export function parseTypeName(typeName: TypeName | undefined): { type: string; sql: string } {
  const names = textsOf(typeName?.names) ?? [];
  const name = names.at(-1) ?? '';
  const builtIn = names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog');
  const known = builtIn && plain.has(name) && name !== 'enum' && name !== 'unknown';
  if (!typeName || !known || typeName.setof || typeName.pct_type) {
    throw new Unsure(`the type ${names.join('.')} isn't known well enough`);
  }
  const mods = typeName.typmods ?? [];
  const length = mods.map((node) => ('A_Const' in node ? (node.A_Const.ival?.ival ?? null) : null));
  if (mods.length > 1 || length.includes(null) || (mods.length > 0 && !/^(varchar|bpchar)$/.test(name))) {
    throw new Unsure(`a cast to ${name} with a size may fail`);
  }
  const array = (typeName.arrayBounds ?? []).length > 0;
  const sql = `${names.map((each) => `"${each}"`).join('.')}${mods.length ? `(${length[0]})` : ''}${array ? '[]' : ''}`;
  return { type: `${array ? '_' : ''}${name}`, sql };
}
