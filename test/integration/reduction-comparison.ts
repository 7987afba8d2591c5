/** Runs queries over the stand-ins for a Redis link as they are written, reduced, and over rows that are handed in. */
import pg from 'pg';
import { readFacts } from '../../src/adapters/postgres/reduction-facts.ts';
import { handOver, type RowReader } from '../../src/adapters/postgres/reduction-rows.ts';
import type { Facts } from '../../src/reduction/facts.ts';
import { type FetchPlan, planFetch } from '../../src/reduction/fetch.ts';
import { type Reduction, reduce } from '../../src/reduction/reduce.ts';
import type { SqlParser } from '../../src/reduction/sql-parser.ts';
import { openTestParser, standInLinks } from './reduction-parser.ts';

/** The rows, sorted, or the SQLSTATE that a query ends with. */
export type Outcome = readonly string[] | string;

/** What the reduction makes of a text. */
export interface Looked {
  readonly reduction: Reduction;
  readonly plan: FetchPlan;
}

export class Comparison {
  readonly client: pg.Client;
  readonly #parser: SqlParser;

  private constructor(client: pg.Client, parser: SqlParser) {
    this.client = client;
    this.#parser = parser;
  }

  static async open(url: string): Promise<Comparison> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("SET statement_timeout = '10s'; SET jit = off");
    return new Comparison(client, await openTestParser());
  }

  async end(): Promise<void> {
    await this.client.end();
  }

  /** Throws for what the parser doesn't take. */
  async look(sql: string): Promise<Looked> {
    const parsed = this.#parser.parse(sql);
    if (!parsed) throw new Error(`not parsed: ${sql}`);
    const facts: Facts = await readFacts(this.client, parsed, this.#parser, standInLinks);
    return { reduction: reduce(sql, facts, this.#parser), plan: planFetch(sql, facts, this.#parser) };
  }

  async outcome(sql: string): Promise<Outcome> {
    await this.client.query("SELECT set_config('test.calls', '0', false)");
    try {
      const { rows } = await this.client.query({ text: sql, rowMode: 'array' });
      return rows.map((row) => JSON.stringify(row)).sort();
    } catch (error) {
      if (error instanceof pg.DatabaseError) return error.code ?? 'unknown';
      throw error;
    }
  }

  /** The outcome of the way without the gateway, and the text that was run; null where it can't be gone. */
  async fetched({ plan }: Looked): Promise<{ outcome: Outcome; sql: string } | null> {
    if (plan.kind !== 'fetch') return null;
    await this.client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      const limits = { maxKeys: 10_000, maxCharacters: 1e6 };
      const handed = await handOver(this.client, plan, this.#reader, limits);
      if (handed.kind !== 'ready') throw new Error('more than could be handed over');
      return { outcome: await this.outcome(handed.sql), sql: handed.sql };
    } finally {
      await this.client.query('ROLLBACK');
    }
  }

  /** Reads the stand-in tables in the place of Redis, in small batches. */
  readonly #reader: RowReader = {
    ofKeys: ({ relation }, keys) => this.#rowsOfKeys(relation.name, keys),
    ofPrefix: ({ relation }, prefix) => this.#rows(relation.name, 'key ^@ $1', prefix),
  };

  async *#rowsOfKeys(table: string, keys: readonly string[]) {
    for (let n = 0; n < keys.length; n += 5) yield* this.#rows(table, 'key = ANY ($1)', keys.slice(n, n + 5));
  }

  async *#rows(table: string, condition: string, value: string | string[]) {
    const text = `SELECT * FROM hredis.${table} WHERE ${condition}`;
    yield (await this.client.query<(string | null)[]>({ text, values: [value], rowMode: 'array' })).rows;
  }
}
