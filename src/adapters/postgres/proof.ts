/**
 * Proves that a text is one query: it is parsed behind DECLARE … CURSOR in the extended protocol, in which Postgres
 * parses one statement and no more. Text that has not been proved never gets into any other text.
 * Source: PostgreSQL manual, "DECLARE", "Message Flow", "Extended Query".
 */
import type pg from 'pg';
import { AppError } from '../../domain/errors.ts';
import type { Field } from './column-types.ts';
import type { Session } from './session.ts';
import { parseStatement } from './statement.ts';

const declare = 'DECLARE pgclip_run NO SCROLL CURSOR FOR ';

/** Characters of ours before the text while it is proved. */
export const proofPrefixLength: number = declare.length;

/** The one statement of the text, without what stands behind it. Throws `sql_refused` when there is none. */
export function getStatement(sql: string): string {
  if (sql.includes('\0')) throw new AppError('sql_refused', 'The SQL holds a NUL character. Remove it.');
  const statement = parseStatement(sql);
  if (statement === '') {
    throw new AppError('sql_refused', 'The SQL holds no query. Write one SELECT, WITH, VALUES or TABLE.', {
      sql: { sqlstate: '42601', message: 'there is no query in the text', line: 1, column: 1 },
    });
  }
  return statement;
}

export interface ProofOptions {
  /**
   * Plans the query too, and has it ready to run: so that what Postgres refuses only then is told now, as a right that
   * is missing. A run does without, since it plans anyway.
   */
  readonly plan: boolean;
}

/** Proves that the text is one query and tells its columns' fields, without running it. Throws pg's errors. */
export async function prove(
  session: Session,
  sql: string,
  options: ProofOptions = { plan: false },
): Promise<readonly Field[]> {
  const proof = new Proof(sql, options);
  session.client.query(proof);
  return await proof.fields;
}

/** The part of pg's connection that a proof uses. */
interface Connection {
  parse(query: { text: string }): void;
  bind(config: object): void;
  execute(config: object): void;
  describe(message: { type: 'S' | 'P'; name?: string }): void;
  sync(): void;
}

/**
 * All of it in one round trip: after an error the server skips what was sent with it, so that the text is parsed by
 * itself, which tells its columns, only when it is proved.
 */
class Proof implements pg.Submittable {
  readonly fields: Promise<readonly Field[]>;
  readonly #sql: string;
  readonly #options: ProofOptions;
  #fields: readonly Field[] = [];
  #resolve: (fields: readonly Field[]) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(sql: string, options: ProofOptions) {
    this.#sql = sql;
    this.#options = options;
    this.fields = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  submit(given: pg.Connection): void {
    const connection = given as unknown as Connection;
    connection.parse({ text: declare + this.#sql });
    // Refuses parameters such as $1.
    connection.bind({});
    if (this.#options.plan) connection.execute({});
    connection.parse({ text: this.#sql });
    connection.describe({ type: 'S' });
    connection.sync();
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    this.#fields = fields;
  }

  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.#fields);
  }

  handleCommandComplete(): void {}
  handleDataRow(): void {}
  handlePortalSuspended(): void {}
  handleEmptyQuery(): void {}
  handleCopyInResponse(): void {}
}
