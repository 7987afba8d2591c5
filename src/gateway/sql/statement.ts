/**
 * The statements that postgres_fdw sends, and a few that clients use to see whether a server lives. Anything else is
 * refused. Source: postgres_fdw's connection.c, deparse.c and postgres_fdw.c of PostgreSQL 15 to 18, and what they were
 * seen to send.
 */
import { notSupported } from '../server-error.ts';
import {
  parseCount,
  parseDelete,
  parseInsert,
  parseSelect,
  parseUpdate,
  type RowStatement,
  type Select,
} from './row-statement.ts';
import { readTokens, type Token, TokenReader } from './tokens.ts';

export type Statement =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly tag: 'SET' | 'RESET' }
  | { readonly kind: 'begin'; readonly tag: 'BEGIN' | 'START TRANSACTION' }
  | { readonly kind: 'commit' | 'rollback' }
  | { readonly kind: 'savepoint' | 'release' | 'rollbackTo'; readonly name: string }
  | { readonly kind: 'declare'; readonly cursor: string; readonly select: Select }
  /** `count` null: all. */
  | { readonly kind: 'fetch'; readonly cursor: string; readonly count: number | null }
  | { readonly kind: 'rewind'; readonly cursor: string }
  /** Null: all of them. */
  | { readonly kind: 'close'; readonly cursor: string | null }
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'discard' }
  | { readonly kind: 'explain'; readonly select: Select }
  | { readonly kind: 'select'; readonly select: Select }
  /** A SELECT without a table: its values as text. */
  | { readonly kind: 'values'; readonly values: readonly (string | null)[] }
  | RowStatement;

type Parser = (tokens: TokenReader) => Statement;

const transactionWords = /^(transaction|work)$/;

function skipWord(tokens: TokenReader, pattern: RegExp): void {
  if (tokens.next.kind === 'word' && pattern.test(tokens.next.text)) tokens.take();
}

/** What comes after is taken as it is: settings and transaction modes change nothing here. */
function skipAll(tokens: TokenReader): void {
  while (!tokens.isAtEnd) tokens.take();
}

function parseBegin(tokens: TokenReader, tag: 'BEGIN' | 'START TRANSACTION'): Statement {
  skipAll(tokens);
  return { kind: 'begin', tag };
}

function parseRollback(tokens: TokenReader): Statement {
  skipWord(tokens, transactionWords);
  if (!tokens.accept('to')) return { kind: 'rollback' };
  skipWord(tokens, /^savepoint$/);
  return { kind: 'rollbackTo', name: tokens.name() };
}

function parseCommit(tokens: TokenReader): Statement {
  skipWord(tokens, transactionWords);
  return { kind: 'commit' };
}

function parseDeclare(tokens: TokenReader): Statement {
  const cursor = tokens.name();
  tokens.expect('cursor');
  tokens.expect('for', 'select');
  return { kind: 'declare', cursor, select: parseSelect(tokens) };
}

function parseFetch(tokens: TokenReader): Statement {
  skipWord(tokens, /^forward$/);
  let count: number | null = 1;
  if (tokens.accept('all')) count = null;
  else if (tokens.next.kind === 'number') count = parseCount(tokens.take());
  else skipWord(tokens, /^next$/);
  skipWord(tokens, /^(from|in)$/);
  return { kind: 'fetch', cursor: tokens.name(), count };
}

/** postgres_fdw moves back to the start alone. */
function parseMove(tokens: TokenReader): Statement {
  tokens.expect('backward', 'all');
  skipWord(tokens, /^(from|in)$/);
  return { kind: 'rewind', cursor: tokens.name() };
}

function parseClose(tokens: TokenReader): Statement {
  return { kind: 'close', cursor: tokens.accept('all') ? null : tokens.name() };
}

function parseDeallocate(tokens: TokenReader): Statement {
  skipWord(tokens, /^prepare$/);
  return { kind: 'deallocate', name: tokens.accept('all') ? null : tokens.name() };
}

function parseExplain(tokens: TokenReader): Statement {
  tokens.expect('select');
  return { kind: 'explain', select: parseSelect(tokens) };
}

/** `SELECT 1`, `SELECT 'a', NULL`. */
function parseValues(tokens: TokenReader): (string | null)[] | null {
  const values: (string | null)[] = [];
  do {
    const { kind, text } = tokens.next;
    if (kind !== 'number' && kind !== 'string' && !tokens.sees('null')) return null;
    tokens.take();
    values.push(kind === 'word' ? null : text);
  } while (tokens.accept(','));
  return tokens.isAtEnd ? values : null;
}

function parseSettings(tokens: TokenReader, tag: 'SET' | 'RESET'): Statement {
  if (tokens.sees('client_encoding') || tokens.sees('names')) throw notSupported('another encoding');
  skipAll(tokens);
  return { kind: 'set', tag };
}

/** By the first word. */
const parsers: Readonly<Record<string, Parser>> = {
  set: (tokens) => parseSettings(tokens, 'SET'),
  reset: (tokens) => parseSettings(tokens, 'RESET'),
  begin: (tokens) => parseBegin(tokens, 'BEGIN'),
  start: (tokens) => parseBegin(tokens, 'START TRANSACTION'),
  commit: parseCommit,
  end: parseCommit,
  abort: parseRollback,
  rollback: parseRollback,
  savepoint: (tokens) => ({ kind: 'savepoint', name: tokens.name() }),
  release: (tokens) => {
    skipWord(tokens, /^savepoint$/);
    return { kind: 'release', name: tokens.name() };
  },
  declare: parseDeclare,
  fetch: parseFetch,
  move: parseMove,
  close: parseClose,
  deallocate: parseDeallocate,
  discard: (tokens) => {
    tokens.expect('all');
    return { kind: 'discard' };
  },
  explain: parseExplain,
  select: (tokens) => ({ kind: 'select', select: parseSelect(tokens) }),
  insert: parseInsert,
  update: parseUpdate,
  delete: parseDelete,
};

/** One statement from its tokens, which end with `end`. */
export function parseStatement(all: readonly Token[]): Statement {
  const tokens = new TokenReader(all);
  if (tokens.isAtEnd) return { kind: 'empty' };
  const { kind, text } = tokens.take();
  const parse = kind === 'word' && Object.hasOwn(parsers, text) ? parsers[text] : undefined;
  if (!parse) throw kind === 'word' ? notSupported(text.toUpperCase()) : tokens.unexpected();
  if (text === 'select') {
    const values = parseValues(new TokenReader(all.slice(1)));
    if (values) return { kind: 'values', values };
  }
  const statement = parse(tokens);
  tokens.expectEnd();
  return statement;
}

/** The statements of a text that semicolons divide, as their tokens; none for an empty one. */
export function splitStatements(sql: string): Token[][] {
  const statements: Token[][] = [];
  let tokens: Token[] = [];
  for (const token of readTokens(sql)) {
    const isEnd = token.kind === 'end' || (token.kind === 'symbol' && token.text === ';');
    if (!isEnd) {
      tokens.push(token);
      continue;
    }
    if (tokens.length > 0) statements.push([...tokens, { kind: 'end', text: '' }]);
    tokens = [];
  }
  return statements;
}

/** How many parameters the tokens name. */
export function countParameters(tokens: readonly Token[]): number {
  return tokens.reduce(
    (max, { kind, text }) => (kind === 'parameter' ? Math.max(max, Number(text)) : max),
    0,
  );
}
