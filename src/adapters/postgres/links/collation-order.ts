/**
 * Whether text sorts and compares alike under two collations of two servers. What can't be proved to be alike counts as
 * different. Source: PostgreSQL manual, "Collation Support".
 */

export interface CollationFacts {
  /** Of the collation object; '' for a database's default, as is its name. */
  readonly schema: string;
  readonly name: string;
  /** `libc`, `icu` or `builtin`. */
  readonly provider: string;
  /** The locale that it sorts by. */
  readonly collate: string;
  /** The locale that knows its letters. */
  readonly ctype: string;
  /** Tailoring rules of ICU, or null. */
  readonly rules: string | null;
  readonly deterministic: boolean;
  /** As the provider says now, not as it was when the collation was made; null when it says none. */
  readonly version: string | null;
}

/** A collation in a database of this encoding. */
export interface Collated {
  readonly collation: CollationFacts;
  /** As Postgres names it: `UTF8`. */
  readonly encoding: string;
}

/** True when any two texts are known to compare alike under both. */
export function sortsAlike(a: Collated, b: Collated): boolean {
  const order = orderOf(a);
  return order !== null && order === orderOf(b);
}

/**
 * True when both take the same characters for letters, so that `lower`, ILIKE and regular expressions do the same. It is
 * asked of collations that sort alike.
 */
export function knowsSameLetters(a: CollationFacts, b: CollationFacts): boolean {
  return lettersOf(a) === lettersOf(b);
}

/** As people name it: `en_US.UTF-8 (libc 2.36, UTF8)`. */
export function describeCollation({ collation, encoding }: Collated): string {
  const { provider, collate, version } = collation;
  const name = collation.name === '' ? collate : `"${collation.name}"`;
  return `${name} (${[version ? `${provider} ${version}` : provider, encoding].join(', ')})`;
}

/** The same for collations of the same order, or null when nothing can be said of the order. */
function orderOf({ collation, encoding }: Collated): string | null {
  const { provider, rules, deterministic, version } = collation;
  if (deterministic && comparesBytes(collation, encoding)) return `bytes ${encoding}`;
  if (version === null) return null;
  const locales = [normalise(collation.collate), normalise(collation.ctype)];
  return JSON.stringify([provider, ...locales, rules, deterministic, version, encoding]);
}

/** In UTF-8 the order of bytes is that of code points. */
function comparesBytes({ provider, collate }: CollationFacts, encoding: string): boolean {
  const locale = normalise(collate);
  if (provider === 'builtin') return true;
  return provider === 'libc' && (isC(locale) || (locale === 'c.utf8' && encoding === 'UTF8'));
}

function lettersOf({ provider, ctype }: CollationFacts): string {
  const locale = normalise(ctype);
  if (isC(locale)) return 'ASCII';
  return locale === 'c.utf8' ? 'Unicode' : `${provider} ${locale}`;
}

function isC(locale: string): boolean {
  return locale === 'c' || locale === 'posix';
}

/** `en_US.UTF-8`, `en_US.utf8` and, of ICU, `en-US` are one way or the other the same locale. */
export function normalise(locale: string): string {
  return locale
    .toLowerCase()
    .replace(/\.(.*)$/, (_, codeset: string) => `.${codeset.replaceAll('-', '')}`)
    .replaceAll('-', '_');
}
