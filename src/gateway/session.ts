/**
 * The messages of one session after its login: simple queries and the extended protocol, one message at a time, and what
 * errors do to both. Source: PostgreSQL manual, "Message Flow".
 */
import type { Connection } from './connection.ts';
import { Executor, type Outcome, type ParsedStatement } from './executor.ts';
import type { GatewayLogin } from './login.ts';
import { type MemoryBudget, MemoryShare } from './memory-budget.ts';
import { PreparedStatements } from './prepared.ts';
import { findServerError, notSupported, ServerError, sqlstates } from './server-error.ts';
import { countParameters, parseStatement, splitStatements } from './sql/statement.ts';
import type { Token } from './sql/tokens.ts';
import { FieldReader, type Message } from './wire-input.ts';

/** The largest message: a query's array of a million keys is about 30 MB. */
const maxMessageBytes = 32 * 1024 * 1024;
/** Query, Sync, Flush, FunctionCall: what a client waits for an answer after. */
const flushing = new Set(['Q', 'S', 'H', 'F']);

export interface SessionOptions {
  readonly connection: Connection;
  readonly login: GatewayLogin;
  /** Shared by all sessions. */
  readonly budget: MemoryBudget;
  /** Told of errors that nobody foresaw. */
  onUnexpected(error: unknown): void;
}

export class Session {
  readonly #connection: Connection;
  readonly #executor: Executor;
  readonly #onUnexpected: (error: unknown) => void;
  readonly #prepared = new PreparedStatements();
  readonly #budget: MemoryBudget;
  readonly #memory: MemoryShare;
  /** Of the message that is worked on. */
  #running: AbortController | null = null;
  /** After an error in the extended protocol, until Sync. */
  #isSkipping = false;

  constructor({ connection, login, budget, onUnexpected }: SessionOptions) {
    this.#connection = connection;
    this.#executor = new Executor(login);
    this.#budget = budget;
    this.#memory = new MemoryShare(budget);
    this.#onUnexpected = onUnexpected;
    connection.gone.addEventListener('abort', () => this.#running?.abort(connection.gone.reason), {
      once: true,
    });
  }

  /** Ends what is worked on, if anything is. */
  cancel(): void {
    this.#running?.abort(new ServerError(sqlstates.cancelled, 'canceling statement due to user request'));
  }

  /** Serves the client until it is gone or says good-bye. */
  async serve(): Promise<void> {
    try {
      this.#ready();
      await this.#connection.output.flush();
      for (;;) {
        const message = await this.#connection.nextMessage(maxMessageBytes, this.#memory.take);
        if (!message || message.type === 'X') return;
        await this.#budget.waitForTurn(message.body.length);
        await this.#handle(message);
        // The rest of the extended protocol is answered at its Sync: one write instead of five.
        if (flushing.has(message.type) || this.#connection.output.isFull)
          await this.#connection.output.flush();
      }
    } finally {
      this.#prepared.closePortals();
      this.#executor.end();
      this.#memory.giveBackBut(0);
    }
  }

  #ready(): void {
    this.#isSkipping = false;
    if (this.#executor.transaction.status === 'I') this.#memory.giveBackBut(this.#prepared.bytes);
    this.#connection.output.readyForQuery(this.#executor.transaction.status);
  }

  async #handle(message: Message): Promise<void> {
    const { type } = message;
    if (this.#isSkipping && type !== 'S') return;
    this.#running = new AbortController();
    try {
      if (this.#connection.gone.aborted) return;
      await this.#dispatch(message, this.#running.signal);
    } catch (error) {
      this.#fail(error);
      if (type === 'Q' || type === 'F') this.#ready();
      else this.#isSkipping = true;
    } finally {
      this.#running = null;
    }
  }

  #fail(thrown: unknown): void {
    if (this.#connection.gone.aborted) return;
    const known = findServerError(thrown);
    if (!known) this.#onUnexpected(thrown);
    const error = known ?? new ServerError(sqlstates.internal, "pgclip's gateway failed; its log says why");
    if (error.severity === 'FATAL') throw error;
    this.#executor.transaction.fail();
    this.#connection.output.error(error);
  }

  async #dispatch({ type, body }: Message, signal: AbortSignal): Promise<void> {
    const fields = new FieldReader(body);
    switch (type) {
      case 'Q':
        return await this.#query(fields.text(), signal);
      case 'P':
        return await this.#parse(fields);
      case 'B':
        return this.#bind(fields);
      case 'D':
        return this.#describe(fields);
      case 'E':
        return await this.#execute(fields, signal);
      case 'C':
        return this.#close(fields);
      case 'H':
        return;
      case 'S':
        if (this.#executor.transaction.status === 'I') this.#prepared.closePortals();
        return this.#ready();
      case 'F':
        throw notSupported('function calls by their message');
      // What comes of a COPY that has failed is to be passed over.
      case 'd':
      case 'c':
      case 'f':
        return;
      default:
        throw new ServerError(sqlstates.protocolViolation, 'invalid message type', { severity: 'FATAL' });
    }
  }

  async #query(sql: string, signal: AbortSignal): Promise<void> {
    const { output } = this.#connection;
    const catalogue = await this.#findCatalogue(sql);
    const statements = catalogue ? [catalogue] : splitStatements(sql).map((tokens) => parsed(tokens));
    if (statements.length === 0) output.bare('I');
    for (const statement of statements) {
      const outcome = await this.#executor.execute(statement, [], signal);
      this.#prepared.forget(statement);
      if (outcome.columns) output.rowDescription(outcome.columns);
      await this.#send(outcome, outcome.max, 0, signal);
    }
    this.#ready();
  }

  #findCatalogue(sql: string): Promise<ParsedStatement | null> {
    // Its questions begin like this; no other text is looked at twice.
    return /^\s*SELECT (pg_catalog|rel|1 FROM)/.test(sql)
      ? this.#executor.findCatalogue(sql)
      : Promise.resolve(null);
  }

  /** Sends rows of an outcome, then its tag, or that there are more. Gives back how many have been sent. */
  async #send(outcome: Outcome, max: number | null, sent: number, signal: AbortSignal): Promise<number> {
    const { output } = this.#connection;
    const { rows, ownsRows } = outcome;
    const limit = max ?? Number.POSITIVE_INFINITY;
    let count = 0;
    const stop = () => rows?.close(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (rows && count < limit) {
        signal.throwIfAborted();
        const batch = await rows.take(limit - count);
        if (!batch) break;
        for (const row of batch) {
          output.dataRow(row);
          if (output.isFull) await output.flush();
        }
        count += batch.length;
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (ownsRows && rows && count === limit) {
      output.bare('s');
      return sent + count;
    }
    if (ownsRows) rows?.close();
    output.commandComplete(outcome.tag(sent + count));
    return sent + count;
  }

  async #parse(fields: FieldReader): Promise<void> {
    const name = fields.text();
    const sql = fields.text();
    this.#prepared.expectFree(name);
    const [tokens = [{ kind: 'end', text: '' } as const], ...more] = splitStatements(sql);
    if (more.length > 0)
      throw new ServerError(sqlstates.syntax, 'cannot insert multiple commands into a prepared statement');
    this.#prepared.add(name, (await this.#findCatalogue(sql)) ?? parsed(tokens), sql.length);
    this.#connection.output.bare('1');
  }

  #bind(fields: FieldReader): void {
    const portalName = fields.text();
    const statement = this.#prepared.get(fields.text());
    const formats = Array.from({ length: fields.count() }, () => fields.count());
    const values = Array.from({ length: fields.count() }, () => fields.value());
    const resultFormats = Array.from({ length: fields.count() }, () => fields.count());
    if ([...formats, ...resultFormats].some((format) => format !== 0))
      throw notSupported('values in binary format');
    if (values.length < statement.parameterCount)
      throw new ServerError(
        sqlstates.protocolViolation,
        `the statement needs ${statement.parameterCount} parameters, and ${values.length} came`,
      );
    this.#prepared.bind(portalName, statement, values);
    this.#connection.output.bare('2');
  }

  #describe(fields: FieldReader): void {
    const { output } = this.#connection;
    const kind = String.fromCharCode(fields.bytes(1)[0] ?? 0);
    const name = fields.text();
    const statement = kind === 'S' ? this.#prepared.get(name) : this.#prepared.getPortal(name).parsed;
    if (kind === 'S') output.parameterDescription(statement.parameterCount);
    const columns = this.#executor.describe(statement);
    if (columns) output.rowDescription(columns);
    else output.bare('n');
  }

  async #execute(fields: FieldReader, signal: AbortSignal): Promise<void> {
    const portal = this.#prepared.getPortal(fields.text());
    const max = fields.int32();
    if (portal.parsed.statement.kind === 'empty') return this.#connection.output.bare('I');
    const outcome =
      portal.outcome ?? (await this.#executor.execute(portal.parsed, portal.parameters, signal));
    if (!portal.outcome) this.#prepared.forget(portal.parsed);
    portal.outcome = outcome;
    // They are as large as anything that is kept, and not needed again.
    portal.parameters = [];
    portal.sent = await this.#send(outcome, max > 0 ? max : outcome.max, portal.sent, signal);
  }

  #close(fields: FieldReader): void {
    const kind = String.fromCharCode(fields.bytes(1)[0] ?? 0);
    const name = fields.text();
    if (kind === 'S') this.#prepared.remove(name);
    else this.#prepared.closePortal(name);
    this.#connection.output.bare('3');
  }
}

const parsed = (tokens: readonly Token[]): ParsedStatement => ({
  statement: parseStatement(tokens),
  parameterCount: countParameters(tokens),
});
