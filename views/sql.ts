/**
 * SQL with light colouring, as HTML. The tokenizer knows the lexical rules and nothing of the grammar: whatever it
 * can't name is plain text, and the tokens joined are always the text itself.
 * Source: PostgreSQL manual, 4.1 "Lexical Structure".
 */
import { escapeHtml } from './escape.ts';

/** Kinds of token that are coloured; each is also the CSS class. */
export type SqlTokenKind = 'comment' | 'string' | 'number' | 'keyword' | 'plain';

export interface SqlToken {
  readonly kind: SqlTokenKind;
  readonly text: string;
}

const keywords = new Set(
  `all and any array as asc asymmetric at between both by case cast collate column cross cube current_date
   current_time current_timestamp default desc distinct else end escape except exists explain extract false
   fetch filter first following for from full group grouping having ilike in inner interval intersect into is isnull
   join last lateral leading left like limit localtime localtimestamp materialized natural next not notnull null nulls
   offset on only or order ordinality outer over overlaps partition preceding range recursive right row rows select
   sets similar some symmetric table tablesample then ties to trailing true unbounded union unique unnest using values
   when where window with within without zone`.split(/\s+/),
);

/** Tried in this order at every place; each is sticky and matches at least one character. */
const rules: readonly (readonly [SqlTokenKind, RegExp])[] = [
  ['comment', /--[^\n]*/y],
  ['string', /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/y],
  ['string', /(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)/y],
  ['plain', /(?:[uU]&)?"(?:[^"]|"")*(?:"|$)/y],
  ['string', /\$((?:[\p{L}_][\p{L}\p{N}_]*)?)\$[\s\S]*?(?:\$\1\$|$)/uy],
  ['number', /(?:0[xob][\da-f_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d[\d_]*)?)/iy],
  ['plain', /[\p{L}_][\p{L}\p{N}_$]*/uy],
];

/** Block comments nest, which no regular expression follows. Returns where the one that begins at `at` ends. */
function findCommentEnd(sql: string, at: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = at;
  let depth = 0;
  for (let match = edge.exec(sql); match; match = edge.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return sql.length;
}

function tokenAt(sql: string, at: number): SqlToken {
  if (sql.startsWith('/*', at)) return { kind: 'comment', text: sql.slice(at, findCommentEnd(sql, at)) };
  for (const [kind, rule] of rules) {
    rule.lastIndex = at;
    const text = rule.exec(sql)?.[0];
    if (!text) continue;
    return kind === 'plain' && keywords.has(text.toLowerCase()) ? { kind: 'keyword', text } : { kind, text };
  }
  return { kind: 'plain', text: sql.charAt(at) };
}

/** The tokens of a SQL text, in order; neighbours that are plain are one. Joined they are the text. */
export function tokenizeSql(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  let plain = '';
  for (let at = 0; at < sql.length; ) {
    const token = tokenAt(sql, at);
    at += token.text.length;
    if (token.kind === 'plain') {
      plain += token.text;
      continue;
    }
    if (plain) tokens.push({ kind: 'plain', text: plain });
    plain = '';
    tokens.push(token);
  }
  if (plain) tokens.push({ kind: 'plain', text: plain });
  return tokens;
}

/** A SQL text as HTML for the inside of a `<code>` element. */
export function sqlHtml(sql: string): string {
  return tokenizeSql(sql)
    .map(({ kind, text }) =>
      kind === 'plain' ? escapeHtml(text) : `<span class="sql-${kind}">${escapeHtml(text)}</span>`,
    )
    .join('');
}
