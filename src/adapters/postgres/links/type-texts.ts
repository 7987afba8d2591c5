/**
 * Texts of types for the local server. What the remote says is checked before it becomes part of one: it may be any
 * server's answer, and the text runs as SQL with the owner's login.
 */
import type { BuiltInType, LocalTypes } from './local-catalog.ts';
import type { TypeText } from './shape.ts';

/** Interval has its fields in its text. */
const intervalText = /^interval( (year|month|day|hour|minute|second)( to (month|hour|minute|second))?)?$/;

/** The built-in type with the length, precision or fields that the remote's text gives it. */
export function withLength(type: BuiltInType, remoteText: string, local: LocalTypes): TypeText {
  const bare = remoteText.replace(/\(\d{1,9}(,-?\d{1,9})?\)/, '');
  if (type.text === 'interval' && intervalText.test(bare)) return remoteText;
  if (bare === remoteText) return type.text;
  if (bare !== type.text && bare !== type.textBeforeLength) return type.text;
  return type.text === 'numeric' && !takesScale(remoteText, local) ? type.text : remoteText;
}

/** Since PostgreSQL 15 the scale of a numeric may be negative, or more than its precision. */
function takesScale(text: string, { versionNumber }: LocalTypes): boolean {
  const [, precision, scale] = /\((\d+),(-?\d+)\)/.exec(text) ?? [];
  if (versionNumber >= 150000 || scale === undefined) return true;
  return Number(scale) >= 0 && Number(scale) <= Number(precision);
}

/**
 * What follows the name of an extension's type in the remote's text, such as `(Point,4326)`; '' for nothing known, and
 * for what would begin a comment.
 */
export function modifierOf(remoteText: string): string {
  return /\((?!.*--)[\w ,.:-]*\)$/.exec(remoteText)?.[0] ?? '';
}

/** The name as the local server's `quote_ident` writes it. */
export function quoteAs(name: string, { keywords }: Pick<LocalTypes, 'keywords'>): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name)) return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** Whether the local database's encoding surely has the characters of a name or comment. */
export function isRepresentable(text: string, { encoding }: Pick<LocalTypes, 'encoding'>): boolean {
  if (encoding === 'UTF8') return true;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code > 0x7f && (encoding !== 'LATIN1' || code > 0xff)) return false;
  }
  return true;
}

/** Built-in types whose values mean something only where they are, or can't be read in at all. */
export function isOnlyText(name: string): boolean {
  return /^reg[a-z]+$/.test(name) || /^pg_brin_/.test(name) || onlyText.has(name);
}

const onlyText: ReadonlySet<string> = new Set([
  'aclitem',
  'gtsvector',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_ndistinct',
  'pg_node_tree',
]);
