/** Runs SQL as a clip's, for tests: a database over a login's URL and its result sets read to the end. */
import pg from 'pg';
import { type DatabaseOptions, openDatabase } from '../../src/adapters/postgres/database.ts';
import type { Database, RunOptions } from '../../src/domain/ports.ts';
import type { Column, ResultSet, Row } from '../../src/domain/result-set.ts';

export interface RunSettings extends Partial<Omit<DatabaseOptions, 'url' | 'queue'>> {
  readonly poolSize?: number;
  readonly queueDeadlineMs?: number;
}

/** Opens a database as the server does; to be closed. */
export function openReader(url: string, settings: RunSettings = {}): ReturnType<typeof openDatabase> {
  const { poolSize = 1, queueDeadlineMs = 10_000, ...rest } = settings;
  return openDatabase({
    name: 'DATABASE_URL',
    url,
    queue: { size: poolSize, deadlineMs: queueDeadlineMs },
    perRequest: false,
    runDeadlineMs: 20_000,
    log: () => {},
    ...rest,
  });
}

/** The rows of a result set. */
export async function readAll(result: ResultSet): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of result.batches) rows.push(...batch);
  return rows;
}

/** Runs to the end. Throws what the run throws, whenever it does. */
export async function runAll(
  database: Database,
  sql: string,
  options?: RunOptions,
): Promise<{ columns: readonly Column[]; rows: Row[] }> {
  const result = await database.run(sql, options);
  return { columns: result.columns, rows: await readAll(result) };
}

/** The first value of the first row. */
export async function runValue(database: Database, sql: string): Promise<string | null | undefined> {
  return (await runAll(database, sql)).rows[0]?.[0];
}

/** A connection of one's own that looks on from outside, every value as text; to be closed with `end()`. */
export class Observer {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<Observer> {
    const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
    const client = new pg.Client({ connectionString: url, application_name: 'observer', types });
    await client.connect();
    return new Observer(client);
  }

  async rows(sql: string, values: unknown[] = []): Promise<(string | null)[][]> {
    return (await this.#client.query({ text: sql, values, rowMode: 'array' })).rows;
  }

  /** The backends of pgclip in this database. */
  backends(where = 'true'): Promise<number> {
    return this.rows(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'pgclip' AND ${where}`,
    ).then((rows) => rows.length);
  }

  /** Those that do not stand idle outside of a transaction. */
  busy(): Promise<number> {
    return this.backends(`state IS DISTINCT FROM 'idle'`);
  }

  /** Calls with the payload of every notification that arrives; `LISTEN` first. */
  onNotification(call: (payload: string) => void): void {
    this.#client.on('notification', ({ payload = '' }) => call(payload));
  }

  end(): Promise<void> {
    return this.#client.end();
  }
}
