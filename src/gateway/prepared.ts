/**
 * The prepared statements and portals of a session, by name; the empty name is the one that is replaced each time.
 * Source: PostgreSQL manual, "Extended Query".
 */
import type { Outcome, Parameters, ParsedStatement } from './executor.ts';
import { ServerError, sqlstates } from './server-error.ts';

const maxPrepared = 100;
const maxPortals = 100;

/** A statement with its values; its outcome once it has been executed, and how many rows of it have been sent. */
export interface Portal {
  readonly parsed: ParsedStatement;
  parameters: Parameters;
  outcome: Outcome | null;
  sent: number;
}

export class PreparedStatements {
  readonly #statements = new Map<string, { readonly parsed: ParsedStatement; readonly length: number }>();
  readonly #portals = new Map<string, Portal>();

  /** Throws unless a statement of this name may be added. */
  expectFree(name: string): void {
    if (name !== '' && this.#statements.has(name))
      throw new ServerError(sqlstates.duplicateStatement, `prepared statement "${name}" already exists`);
    if (this.#statements.size >= maxPrepared)
      throw new ServerError(sqlstates.limitExceeded, `a session may have ${maxPrepared} prepared statements`);
  }

  /** About the bytes of the statements' texts. */
  get bytes(): number {
    let bytes = 0;
    for (const { length } of this.#statements.values()) bytes += length;
    return bytes;
  }

  /** `length`: of its text. */
  add(name: string, parsed: ParsedStatement, length: number): void {
    this.#statements.set(name, { parsed, length });
  }

  get(name: string): ParsedStatement {
    const statement = this.#statements.get(name);
    if (!statement)
      throw new ServerError(sqlstates.badStatement, `prepared statement "${name}" does not exist`);
    return statement.parsed;
  }

  /** Forgets it if it is there. */
  remove(name: string): void {
    this.#statements.delete(name);
  }

  /** What DEALLOCATE and DISCARD end, the executor not knowing of it. */
  forget({ statement }: ParsedStatement): void {
    if (statement.kind === 'discard' || (statement.kind === 'deallocate' && statement.name === null)) {
      this.#statements.clear();
      this.closePortals();
    } else if (statement.kind === 'deallocate') {
      this.get(statement.name ?? '');
      this.remove(statement.name ?? '');
    }
  }

  /** Adds a portal in the place of one with the same name. */
  bind(name: string, parsed: ParsedStatement, parameters: Parameters): void {
    this.closePortal(name);
    if (this.#portals.size >= maxPortals)
      throw new ServerError(sqlstates.limitExceeded, `a session may have ${maxPortals} portals`);
    this.#portals.set(name, { parsed, parameters, outcome: null, sent: 0 });
  }

  getPortal(name: string): Portal {
    const portal = this.#portals.get(name);
    if (!portal) throw new ServerError(sqlstates.badCursor, `portal "${name}" does not exist`);
    return portal;
  }

  /** Ends a portal, if it is there, with the reading that is its own. */
  closePortal(name: string): void {
    const outcome = this.#portals.get(name)?.outcome;
    if (outcome?.ownsRows) outcome.rows?.close();
    this.#portals.delete(name);
  }

  closePortals(): void {
    for (const name of [...this.#portals.keys()]) this.closePortal(name);
  }
}
