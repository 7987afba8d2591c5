/**
 * The statements about rows that postgres_fdw sends: SELECT, INSERT, UPDATE and DELETE of one table. Source: deparse.c of
 * PostgreSQL 15 to 18.
 */
import { isLinkTable, type LinkTable } from '../../domain/redis-link.ts';
import { notSupported, ServerError, sqlstates } from '../server-error.ts';
import { type Expression, parseExpression, parseType } from './expression.ts';
import type { Token, TokenReader } from './tokens.ts';

/** What a SELECT or RETURNING lists: a column's name, or null for NULL. */
export type Target = string | null;

export interface Select {
  readonly table: LinkTable;
  readonly targets: readonly Target[];
  readonly condition: Expression | null;
  readonly limit: number | null;
  /** Whether it asks for locks, which Redis has not; postgres_fdw explains it so before it sends an UPDATE or DELETE. */
  readonly locks: boolean;
}

interface Insert {
  readonly kind: 'insert';
  readonly table: LinkTable;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Expression[])[];
  readonly onConflict: 'fail' | 'skip';
  readonly returning: readonly Target[];
}

interface Update {
  readonly kind: 'update';
  readonly table: LinkTable;
  readonly changes: readonly { readonly column: string; readonly value: Expression }[];
  readonly condition: Expression | null;
  readonly returning: readonly Target[];
}

interface Delete {
  readonly kind: 'delete';
  readonly table: LinkTable;
  readonly condition: Expression | null;
  readonly returning: readonly Target[];
}

/** As Postgres has it. */
const maxTargets = 1_664;

/** Statements that change rows. */
export type RowStatement = Insert | Update | Delete;

/** A whole number. Throws for any other. */
export function parseCount({ kind, text }: Token): number {
  const count = Number(text);
  if (kind !== 'number' || !Number.isSafeInteger(count))
    throw new ServerError(sqlstates.syntax, 'a count must be a whole number');
  return count;
}

/** `public.redis`, `redis`. */
function parseTable(tokens: TokenReader): LinkTable {
  let name = tokens.name();
  if (tokens.accept('.')) {
    if (name !== 'public') throw new ServerError(sqlstates.noSchema, `schema "${name}" does not exist`);
    name = tokens.name();
  }
  if (!isLinkTable(name)) throw new ServerError(sqlstates.noTable, `relation "${name}" does not exist`);
  return name;
}

function parseTarget(tokens: TokenReader): Target {
  if (tokens.accept('null')) {
    if (tokens.accept('::')) parseType(tokens);
    return null;
  }
  const name = tokens.name();
  if (tokens.sees('(')) throw notSupported(`the function ${name}`);
  return tokens.accept('.') ? tokens.name() : name;
}

function parseTargets(tokens: TokenReader): Target[] {
  const targets = [parseTarget(tokens)];
  while (tokens.accept(',')) targets.push(parseTarget(tokens));
  if (targets.length > maxTargets)
    throw new ServerError(sqlstates.tooManyColumns, `target lists can have at most ${maxTargets} entries`);
  return targets;
}

const parseWhere = (tokens: TokenReader) => (tokens.accept('where') ? parseExpression(tokens) : null);
const parseReturning = (tokens: TokenReader) => (tokens.accept('returning') ? parseTargets(tokens) : []);

/** What follows the word SELECT. */
export function parseSelect(tokens: TokenReader): Select {
  const targets = parseTargets(tokens);
  tokens.expect('from');
  const table = parseTable(tokens);
  if (tokens.next.kind === 'word' && /^r\d+$/.test(tokens.next.text)) tokens.take();
  const condition = parseWhere(tokens);
  let limit: number | null = null;
  if (tokens.accept('limit')) {
    limit = parseCount(tokens.take());
    if (tokens.accept('::')) parseType(tokens);
  }
  const locks = tokens.accept('for', 'update') || tokens.accept('for', 'share');
  return { table, targets, condition, limit, locks };
}

/** What follows the word INSERT. */
export function parseInsert(tokens: TokenReader): Insert {
  tokens.expect('into');
  const table = parseTable(tokens);
  const columns: string[] = [];
  tokens.expect('(');
  do columns.push(tokens.name());
  while (tokens.accept(','));
  tokens.expect(')', 'values');
  const rows: Expression[][] = [];
  do {
    const row: Expression[] = [];
    tokens.expect('(');
    do row.push(parseExpression(tokens));
    while (tokens.accept(','));
    tokens.expect(')');
    rows.push(row);
  } while (tokens.accept(','));
  const skips = tokens.accept('on', 'conflict', 'do', 'nothing');
  return {
    kind: 'insert',
    table,
    columns,
    rows,
    onConflict: skips ? 'skip' : 'fail',
    returning: parseReturning(tokens),
  };
}

/** What follows the word UPDATE. */
export function parseUpdate(tokens: TokenReader): Update {
  const table = parseTable(tokens);
  tokens.expect('set');
  const changes: { column: string; value: Expression }[] = [];
  do {
    const column = tokens.name();
    tokens.expect('=');
    changes.push({ column, value: parseExpression(tokens) });
  } while (tokens.accept(','));
  return { kind: 'update', table, changes, condition: parseWhere(tokens), returning: parseReturning(tokens) };
}

/** What follows the word DELETE. */
export function parseDelete(tokens: TokenReader): Delete {
  tokens.expect('from');
  const table = parseTable(tokens);
  return { kind: 'delete', table, condition: parseWhere(tokens), returning: parseReturning(tokens) };
}
