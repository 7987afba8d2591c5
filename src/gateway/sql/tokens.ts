/**
 * SQL as tokens, as far as postgres_fdw writes it: names, strings, numbers, parameters and operators. Anything else is a
 * syntax error. Source: PostgreSQL manual, "Lexical Structure" (standard_conforming_strings is on).
 */
import { notSupported, ServerError, sqlstates } from '../server-error.ts';

/** `word`: a keyword or name, in lower case. `name`: quoted, as it is. `end` comes last, once. */
export type TokenKind = 'word' | 'name' | 'string' | 'number' | 'parameter' | 'symbol' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Without quotes and escapes; of a parameter its number. */
  readonly text: string;
}

const space = /\s+/y;
const word = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/iy;
const number = /\d+(?:\.\d+)?/y;
const parameter = /\$(\d+)/y;
const symbol = /::|\^@|<>|!=|<=|>=|~<=~|~>=~|~<~|~>~|[-+*/=<>()[\],.;]/y;
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** An INSERT of as many parameters as the protocol allows has about 300,000. */
const maxTokens = 500_000;
/** As many as the protocol can carry. */
const maxParameters = 65_535;

const syntaxError = (message: string) => new ServerError(sqlstates.syntax, message);

/** The text of a quoted token that begins after its quote, and where it ends. */
function readQuoted(sql: string, from: number, quote: string): { text: string; end: number } {
  let text = '';
  for (let at = from; ; ) {
    const close = sql.indexOf(quote, at);
    if (close < 0) throw syntaxError('unterminated quoted text');
    text += sql.slice(at, close);
    if (sql[close + 1] !== quote) return { text, end: close + 1 };
    text += quote;
    at = close + 2;
  }
}

/** The same for E'…', with its backslashes. */
function readEscaped(sql: string, from: number): { text: string; end: number } {
  const stop = /['\\]/g;
  let text = '';
  for (let at = from; ; ) {
    stop.lastIndex = at;
    const found = stop.exec(sql)?.index;
    const next = found === undefined ? undefined : sql[found + 1];
    if (found === undefined || (sql[found] === '\\' && next === undefined))
      throw syntaxError('unterminated quoted text');
    text += sql.slice(at, found);
    if (sql[found] === "'" && next !== "'") return { text, end: found + 1 };
    if (sql[found] === '\\' && /[\dxuU]/.test(next as string))
      throw notSupported('numeric escapes in strings');
    text += sql[found] === '\\' ? (escapes[next as string] ?? next) : "'";
    at = found + 2;
  }
}

function match(pattern: RegExp, sql: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(sql);
}

function parameterNumber(digits: string): string {
  const number = Number(digits);
  if (number < 1 || number > maxParameters) throw syntaxError('there is no such parameter');
  return String(number);
}

/** One token and where it ends. */
function readToken(sql: string, at: number): Token & { readonly end: number } {
  const char = sql[at] as string;
  if (char === "'") return { kind: 'string', ...readQuoted(sql, at + 1, "'") };
  if (char === '"') return { kind: 'name', ...readQuoted(sql, at + 1, '"') };
  if (/[eE]/.test(char) && sql[at + 1] === "'") return { kind: 'string', ...readEscaped(sql, at + 2) };
  const name = match(word, sql, at);
  if (name) return { kind: 'word', text: name[0].toLowerCase(), end: word.lastIndex };
  const found = match(parameter, sql, at);
  if (found)
    return { kind: 'parameter', text: parameterNumber(found[1] as string), end: parameter.lastIndex };
  const digits = match(number, sql, at);
  if (digits) return { kind: 'number', text: digits[0], end: number.lastIndex };
  const sign = match(symbol, sql, at);
  if (sign) return { kind: 'symbol', text: sign[0], end: symbol.lastIndex };
  throw notSupported('this SQL');
}

/** All tokens of the text, with one `end`. Throws for what isn't one. */
export function readTokens(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    if (match(space, sql, at)) at = space.lastIndex;
    if (at >= sql.length) break;
    const { kind, text, end } = readToken(sql, at);
    tokens.push({ kind, text });
    if (tokens.length > maxTokens) throw new ServerError(sqlstates.tooComplex, 'the statement is too long');
    at = end;
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/** Reads tokens one after the other. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  /** `tokens` end with `end`. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get next(): Token {
    return this.#tokens[this.#at] as Token;
  }

  get isAtEnd(): boolean {
    return this.next.kind === 'end';
  }

  take(): Token {
    const token = this.next;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  /** Whether the words (lower case) or symbols come next; they are not taken. */
  sees(...texts: readonly string[]): boolean {
    return texts.every((text, i) => {
      const token = this.#tokens[this.#at + i];
      return (token?.kind === 'word' || token?.kind === 'symbol') && token.text === text;
    });
  }

  /** Takes the words or symbols if they come next. */
  accept(...texts: readonly string[]): boolean {
    const found = this.sees(...texts);
    if (found) this.#at += texts.length;
    return found;
  }

  /** Takes the words or symbols; throws when something else comes. */
  expect(...texts: readonly string[]): void {
    if (!this.accept(...texts)) throw this.unexpected();
  }

  /** A name, quoted or not. */
  name(): string {
    const { kind, text } = this.next;
    if (kind !== 'word' && kind !== 'name') throw this.unexpected();
    this.take();
    return text;
  }

  /** Throws unless everything was taken. */
  expectEnd(): void {
    if (!this.isAtEnd) throw this.unexpected();
  }

  /** The error for what comes next. Its text isn't told: it may be a value. */
  unexpected(): ServerError {
    const { kind, text } = this.next;
    const what = kind === 'word' || kind === 'symbol' ? `"${text}" here` : `a ${kind} here`;
    return kind === 'end' ? syntaxError('syntax error at end of input') : notSupported(what);
  }
}
