/** One query in one format, live and frozen, held against its source. It registers no test. */
import { expect } from 'vitest';
import type { ClipAnswer, TestServer } from '../support/server.ts';
import { Psql } from './psql.ts';
import { type Cell, expectedSheet, readWithSheetJs, sheetJsProblem, sheetProblems } from './sheet.ts';

export const formatNames = ['csv', 'json', 'ndjson', 'xml', 'xlsx'] as const;
export type FormatName = (typeof formatNames)[number];

/** A query and how it is to be compared. */
export interface QueryCase {
  readonly name: string;
  readonly sql: string;
  /** For columns that share a name: the keys that JSON, NDJSON and XML have to give them. */
  readonly keys?: readonly string[];
  /** The config var of its database. Default: `DATABASE_URL`. */
  readonly database?: string;
  /** Default: all. */
  readonly formats?: readonly FormatName[];
  /** Formats that can't hold it: what the error has to say, row and column. */
  readonly refused?: Partial<Record<FormatName, RegExp>>;
}

/** An Excel file and what has to be in it, for a program that reads many at once. */
export interface Sheet {
  readonly name: string;
  readonly cells: readonly (readonly Cell[])[];
  readonly file: Buffer;
}

/** What a group has compared so far. */
export interface Tally {
  answers: number;
  refusals: number;
  readonly sheets: Sheet[];
}

/** A query saved as two clips. Its methods throw where an answer is not what it has to be. */
export class Comparison {
  readonly #server: TestServer;
  readonly #query: QueryCase;
  readonly #psql: Psql;
  readonly #tally: Tally;
  readonly #live: ClipAnswer;
  readonly #frozen: ClipAnswer;
  #jsonLines: Promise<string[]> | undefined;

  private constructor(
    server: TestServer,
    query: QueryCase,
    databaseUrl: string,
    tally: Tally,
    clips: readonly [ClipAnswer, ClipAnswer],
  ) {
    this.#server = server;
    this.#query = query;
    this.#psql = new Psql(databaseUrl);
    this.#tally = tally;
    [this.#live, this.#frozen] = clips;
  }

  /** Saves the clips. `databaseUrl` is what `query.database` stands for. */
  static async open(
    server: TestServer,
    query: QueryCase,
    databaseUrl: string,
    tally: Tally,
  ): Promise<Comparison> {
    const clip = { sql: query.sql, database: query.database ?? 'DATABASE_URL' };
    const live = await server.save(clip);
    const frozen = await server.save({ ...clip, mode: 'frozen' });
    return new Comparison(server, query, databaseUrl, tally, [live, frozen]);
  }

  async csv(): Promise<void> {
    await this.#compare('csv', await this.#psql.copy(this.#query.sql, 'FORMAT csv, HEADER'));
  }

  async json(): Promise<void> {
    const rows = await this.#rowsAsJson();
    await this.#compare('json', Buffer.from(rows.length ? `[\n${rows.join(',\n')}\n]` : '[]'));
  }

  async ndjson(): Promise<void> {
    // A line break between the tokens of a json value is a blank.
    const lines = (await this.#rowsAsJson()).map((row) => `${row.replace(/[\r\n]/g, ' ')}\n`);
    await this.#compare('ndjson', Buffer.from(lines.join('')));
  }

  async xml(): Promise<void> {
    await this.#compare('xml', Buffer.from(await this.#psql.xml(this.#query.sql, this.#query.keys)));
  }

  async xlsx(): Promise<void> {
    const cells = expectedSheet(await this.#psql.texts(this.#query.sql));
    const file = await this.#get('xlsx');
    this.#tally.sheets.push({ name: this.#query.name, cells, file });
    expect(sheetProblems(cells, readWithSheetJs(file), sheetJsProblem)).toEqual([]);
  }

  /** Both clips are refused in the format, with an error that says so. */
  async refuses(format: FormatName, said: RegExp): Promise<void> {
    for (const { slug } of [this.#live, this.#frozen]) {
      const response = await this.#server.fetch(`/c/${slug}.${format}`);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({
        code: 'value_not_representable',
        detail: expect.stringMatching(said),
      });
      this.#tally.refusals++;
    }
  }

  #rowsAsJson(): Promise<string[]> {
    this.#jsonLines ??= this.#psql.jsonLines(this.#query.sql, this.#query.keys);
    return this.#jsonLines;
  }

  async #compare(format: FormatName, expected: Buffer): Promise<void> {
    expect(firstDifference(await this.#get(format), expected)).toBe('none');
  }

  /**
   * The answer of the live clip, which the frozen one's has to be equal to: as it is encoded the first time, and as it
   * is stored from then on.
   */
  async #get(format: FormatName): Promise<Buffer> {
    const [live, encoded] = await Promise.all([
      this.#download(this.#live, format, 'gzip, zstd'),
      this.#download(this.#frozen, format, 'gzip, zstd'),
    ]);
    const stored = await this.#download(this.#frozen, format, 'identity');
    expect(firstDifference(encoded, live)).toBe('none');
    expect(firstDifference(stored, live)).toBe('none');
    this.#tally.answers += 3;
    return live;
  }

  async #download({ slug }: ClipAnswer, format: FormatName, coding: string): Promise<Buffer> {
    const headers = { 'Accept-Encoding': coding };
    const response = await this.#server.fetch(`/c/${slug}.${format}`, { headers });
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) throw new Error(`${response.status}: ${body.subarray(0, 500)}`);
    return body;
  }
}

const contextBytes = 60;

/** Where two texts part, with what stands there; `none` when they are the same bytes. */
function firstDifference(actual: Buffer, expected: Buffer): string {
  if (actual.equals(expected)) return 'none';
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at++;
  const around = (bytes: Buffer) =>
    JSON.stringify(bytes.subarray(Math.max(0, at - contextBytes), at + contextBytes).toString());
  return `at byte ${at} ${around(actual)} instead of ${around(expected)}`;
}
