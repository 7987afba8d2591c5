/**
 * Statements of one session carried out: on its transaction, on Redis, and on what Redis is shown as. What comes out are
 * rows to be fetched, and the tag that the client is told at the end. Knows nothing of messages.
 */
import { type LinkColumn, type LinkTable, linkTables } from '../domain/redis-link.ts';
import { answerCatalogue, type FixedResult, textOid, textResult, typeOids } from './catalogue.ts';
import { Cursor } from './cursor.ts';
import { encodePlan, estimate } from './estimate.ts';
import type { GatewayLogin } from './login.ts';
import { type OutputRow, prepareRows, projectRows } from './rows.ts';
import { notSupported } from './server-error.ts';
import { columnAt, type Scope } from './sql/condition.ts';
import type { RowStatement, Select, Target } from './sql/row-statement.ts';
import type { Statement } from './sql/statement.ts';
import { Transaction } from './transaction.ts';
import type { OutputColumn } from './wire-output.ts';
import { changeRows, expectWritable } from './writing.ts';

export type Parameters = readonly (string | null)[];

/** A statement as it came, ready to be executed. */
export interface ParsedStatement {
  readonly statement: Statement | { readonly kind: 'catalogue'; readonly result: FixedResult };
  readonly parameterCount: number;
}

/** What a statement yields. `tag` ends it, given the number of rows that were sent. */
export interface Outcome {
  readonly columns: readonly OutputColumn[] | null;
  readonly rows: Cursor | null;
  /** At most so many of them; null: all. */
  readonly max: number | null;
  /** Whether the rows are the statement's own, and end with it. */
  readonly ownsRows: boolean;
  tag(count: number): string;
}

const countLifetimeMs = 1_000;

function targetColumns(table: LinkTable, targets: readonly Target[]): OutputColumn[] {
  const columns: readonly LinkColumn[] = linkTables[table];
  return targets.map((name) => {
    if (name === null) return { name: '?column?', typeOid: textOid };
    return { name, typeOid: typeOids[(columns[columnAt(name, columns)] as LinkColumn).type] };
  });
}

const done = (tag: string): Outcome => ({
  columns: null,
  rows: null,
  max: null,
  ownsRows: false,
  tag: () => tag,
});

function fixedOutcome({ columns, rows }: FixedResult, tag: (count: number) => string): Outcome {
  return { columns, rows: cursorOf(rows), max: null, ownsRows: true, tag };
}

function cursorOf(rows: readonly OutputRow[]): Cursor {
  return new Cursor(async function* () {
    yield rows;
  });
}

const selectTag = (count: number) => `SELECT ${count}`;

/** How many keys a link has, asked for once a second at most: the planner asks for each plan. */
const keyCounts = new WeakMap<object, { readonly at: number; readonly count: number }>();

async function countKeys({ redis }: GatewayLogin): Promise<number> {
  const known = keyCounts.get(redis);
  const now = performance.now();
  if (known && now - known.at < countLifetimeMs) return known.count;
  const count = await redis.countKeys();
  keyCounts.set(redis, { at: now, count });
  return count;
}

/** Carries out the statements of one session. To be ended. */
export class Executor {
  readonly #login: GatewayLogin;
  readonly transaction = new Transaction();
  readonly #cursorColumns = new WeakMap<Cursor, readonly OutputColumn[]>();

  constructor(login: GatewayLogin) {
    this.#login = login;
  }

  /** The answer to a question about the catalogue; null: the text is none. */
  async findCatalogue(sql: string): Promise<ParsedStatement | null> {
    const result = await answerCatalogue(sql, () => countKeys(this.#login));
    return result && { statement: { kind: 'catalogue', result }, parameterCount: 0 };
  }

  /** The columns that a statement will yield; null: none. */
  describe({ statement }: ParsedStatement): readonly OutputColumn[] | null {
    switch (statement.kind) {
      case 'catalogue':
        return statement.result.columns;
      case 'select':
        return targetColumns(statement.select.table, statement.select.targets);
      case 'values':
        return statement.values.map(() => ({ name: '?column?', typeOid: textOid }));
      case 'explain':
        return [{ name: 'QUERY PLAN', typeOid: textOid }];
      case 'fetch':
        return this.#cursorColumns.get(this.transaction.getCursor(statement.cursor)) ?? null;
      case 'insert':
      case 'update':
      case 'delete':
        return statement.returning.length > 0 ? targetColumns(statement.table, statement.returning) : null;
      default:
        return null;
    }
  }

  /** Executes one statement. `signal` ends it. */
  async execute(parsed: ParsedStatement, parameters: Parameters, signal: AbortSignal): Promise<Outcome> {
    const { statement } = parsed;
    const { transaction } = this;
    // What a failed transaction still takes comes first.
    if (statement.kind === 'rollback') {
      transaction.end();
      return done('ROLLBACK');
    }
    if (statement.kind === 'rollbackTo') {
      transaction.rollbackTo(statement.name);
      return done('ROLLBACK');
    }
    if (statement.kind === 'commit') return await this.#commit();
    transaction.expectHealthy();
    const outcome = await this.#run(parsed, parameters, signal);
    // Outside of a transaction a statement is one.
    if (transaction.status === 'I' && !transaction.pending.isEmpty) await this.#commit();
    return outcome;
  }

  /** Applies the changes, if there are any; whatever becomes of it, the transaction is over. */
  async #commit(): Promise<Outcome> {
    const { transaction } = this;
    try {
      if (transaction.status === 'E') return done('ROLLBACK');
      const changes = transaction.pending.changes();
      if (changes.length > 0) await transaction.getWriting(this.#login.redis).apply(changes);
      return done('COMMIT');
    } finally {
      transaction.end();
    }
  }

  async #run(parsed: ParsedStatement, parameters: Parameters, signal: AbortSignal): Promise<Outcome> {
    const { statement } = parsed;
    switch (statement.kind) {
      case 'catalogue':
        return fixedOutcome(statement.result, selectTag);
      case 'values':
        return fixedOutcome({ columns: this.describe(parsed) ?? [], rows: [statement.values] }, selectTag);
      case 'explain':
        return await this.#explain(statement.select);
      case 'select': {
        const rows = this.#openRows(statement.select, parameters);
        return { columns: this.describe(parsed), rows, max: null, ownsRows: true, tag: selectTag };
      }
      case 'insert':
      case 'update':
      case 'delete':
        return await this.#change(statement, parameters, signal);
      default:
        return this.#control(statement, parameters);
    }
  }

  #openRows(select: Select, parameters: Parameters): Cursor {
    if (select.locks) throw notSupported('row locks and rows that are changed one by one');
    const scope: Scope = { columns: linkTables[select.table], parameters };
    const prepared = prepareRows(select, scope);
    const { pending } = this.transaction;
    return new Cursor((signal) => prepared.open({ link: this.#login.redis, pending, signal }));
  }

  async #explain(select: Select): Promise<Outcome> {
    const scope: Scope = { columns: linkTables[select.table], parameters: null };
    // What can't be answered is told while it is planned. An UPDATE is explained as a SELECT of its rows' places (ctid),
    // which it then doesn't ask for.
    const targets = select.locks ? select.targets.filter((name) => name !== 'ctid') : select.targets;
    prepareRows({ ...select, targets }, scope);
    const line = encodePlan(select.table, estimate(select, scope, await countKeys(this.#login)));
    return fixedOutcome(textResult(['QUERY PLAN'], [[line]]), () => 'EXPLAIN');
  }

  async #change(statement: RowStatement, parameters: Parameters, signal: AbortSignal): Promise<Outcome> {
    const { table, returning } = statement;
    expectWritable(table, this.#login.writable);
    const { pending } = this.transaction;
    const { position } = pending;
    try {
      const { redis } = this.#login;
      const source = { link: redis, pending, signal };
      const rows = await changeRows(statement, parameters, source, this.transaction.getWriting(redis));
      const tag = `${statement.kind === 'insert' ? 'INSERT 0' : statement.kind.toUpperCase()} ${rows.length}`;
      if (returning.length === 0) return done(tag);
      const output = projectRows(rows, returning, table);
      return fixedOutcome({ columns: targetColumns(table, returning), rows: output }, () => tag);
    } catch (error) {
      pending.rollbackTo(position);
      throw error;
    }
  }

  /** Statements that read and change no rows. */
  #control(statement: Statement, parameters: Parameters): Outcome {
    const { transaction } = this;
    switch (statement.kind) {
      case 'set':
        return done(statement.tag);
      case 'begin':
        transaction.begin();
        return done(statement.tag);
      case 'savepoint':
        transaction.addSavepoint(statement.name);
        return done('SAVEPOINT');
      case 'release':
        transaction.releaseSavepoint(statement.name);
        return done('RELEASE');
      case 'declare': {
        const cursor = this.#openRows(statement.select, parameters);
        transaction.addCursor(statement.cursor, cursor);
        // postgres_fdw's FETCH comes next: Redis can answer meanwhile.
        cursor.start();
        const { table, targets } = statement.select;
        this.#cursorColumns.set(cursor, targetColumns(table, targets));
        return done('DECLARE CURSOR');
      }
      case 'fetch': {
        const rows = transaction.getCursor(statement.cursor);
        const columns = this.#cursorColumns.get(rows) ?? [];
        return { columns, rows, max: statement.count, ownsRows: false, tag: (count) => `FETCH ${count}` };
      }
      case 'rewind':
        transaction.getCursor(statement.cursor).rewind();
        return done('MOVE 0');
      case 'close':
        transaction.closeCursor(statement.cursor);
        return done('CLOSE CURSOR');
      case 'discard':
        transaction.end();
        return done('DISCARD ALL');
      case 'deallocate':
        return done(statement.name === null ? 'DEALLOCATE ALL' : 'DEALLOCATE');
      default:
        return done('');
    }
  }

  /** Ends what is open, without a trace. */
  end(): void {
    this.transaction.end();
  }
}
