/**
 * What Postgres itself makes of a query, asked through psql by the login that clips run with. Nothing of pgclip takes
 * part.
 * Source: PostgreSQL manual, "psql", COPY, row_to_json, query_to_xml.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import Papa from 'papaparse';
import pg from 'pg';

/** A result as its columns' base types and the texts that the types' output functions write. */
export interface ResultTexts {
  readonly names: readonly string[];
  /** `pg_type.typname` behind domains, e.g. `int4`. */
  readonly types: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Columns asked for at once: an argument of a program ends at 128 KB. */
const columnsAtOnce = 400;

const oneRow = '(SELECT) AS one';

/** Every type and the name of the one behind its domains. */
const baseTypes = `(
  WITH RECURSIVE base(asked, oid) AS (
    SELECT oid, oid FROM pg_catalog.pg_type
    UNION ALL
    SELECT base.asked, t.typbasetype FROM base JOIN pg_catalog.pg_type t USING (oid) WHERE t.typtype = 'd'
  )
  SELECT asked, typname FROM base JOIN pg_catalog.pg_type t USING (oid) WHERE t.typtype <> 'd'
) AS types`;

export class Psql {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** The bytes of `COPY (sql) TO STDOUT (options)`. */
  copy(sql: string, options: string): Promise<Buffer> {
    return this.#run(`COPY (${sql}\n) TO STDOUT (${options})`);
  }

  /** Each row as `row_to_json` writes it. */
  jsonLines(sql: string, keys?: readonly string[]): Promise<string[]> {
    return this.#texts('row_to_json(q)', `(${sql}\n) AS q${alias(keys)}`);
  }

  /** What `query_to_xml` writes. */
  async xml(sql: string, keys?: readonly string[]): Promise<string> {
    const query = pg.escapeLiteral(`SELECT * FROM (${sql}\n) AS q${alias(keys)}`);
    const [xml = ''] = await this.#texts(`query_to_xml(${query}, true, false, '')`, oneRow);
    return xml;
  }

  /** Texts of values; those of timestamptz in UTC. */
  async texts(sql: string): Promise<ResultTexts> {
    const names = await this.#names(sql);
    const types: string[] = [];
    let rows: (string | null)[][] = [];
    for (let from = 0; from < names.length; from += columnsAtOnce) {
      const columns = names.map((_, index) => `c${index}`).slice(from, from + columnsAtOnce);
      const query = `(${sql}\n) AS q${alias(names.map((_, index) => `c${index}`))}`;
      types.push(...(await this.#types(columns, query)));
      const part = await this.#rows(columns, query);
      if (types.slice(from).includes('timestamptz')) {
        const inUtc = await this.#rows(columns, query, "SET TimeZone = 'UTC'");
        for (const [row, texts] of part.entries())
          for (const column of columns.keys())
            if (types[from + column] === 'timestamptz') texts[column] = inUtc[row]?.[column] ?? null;
      }
      rows = from === 0 ? part : rows.map((row, index) => row.concat(part[index] ?? []));
    }
    return { names, types, rows };
  }

  async #names(sql: string): Promise<string[]> {
    const header = (
      await this.copy(`SELECT * FROM (${sql}\n) AS q LIMIT 0`, 'FORMAT csv, HEADER')
    ).toString();
    if (header === '\n') return [];
    return Papa.parse<string[]>(header, { delimiter: ',', newline: '\n' }).data[0] ?? [];
  }

  async #types(columns: readonly string[], query: string): Promise<string[]> {
    const oids = columns.map((column) => `pg_typeof(r.${column})::oid::text`);
    // A row of the outer join is there even when the query has none.
    const row = `${oneRow} LEFT JOIN (SELECT * FROM ${query} LIMIT 1) AS r ON true`;
    const [found = '[]'] = await this.#texts(`to_json(ARRAY[${oids.join(', ')}])`, row);
    const [names = '{}'] = await this.#texts('json_object_agg(asked, typname)', baseTypes);
    const nameOf = new Map(Object.entries<string>(JSON.parse(names)));
    return (JSON.parse(found) as string[]).map((oid) => nameOf.get(oid) ?? oid);
  }

  async #rows(columns: readonly string[], query: string, ...before: string[]): Promise<(string | null)[][]> {
    // IS NULL is also true of a composite whose fields are all NULL.
    const texts = columns.map((c) => `CASE num_nulls(${c}) WHEN 0 THEN format('%s', ${c}) END`);
    const lines = await this.#texts(`to_json(ARRAY[${texts.join(', ')}])`, query, ...before);
    return lines.map((line) => JSON.parse(line));
  }

  /** A value of each row. In hexadecimal on its way: COPY escapes, and psql otherwise drops U+10FFFF. */
  async #texts(value: string, from: string, ...before: string[]): Promise<string[]> {
    const hex = `SELECT encode(convert_to((${value})::text, 'UTF8'), 'hex') FROM ${from}`;
    const lines = (await this.#run(...before, `COPY (${hex}) TO STDOUT`)).toString('latin1').split('\n');
    return lines.slice(0, -1).map((line) => Buffer.from(line, 'hex').toString());
  }

  async #run(...commands: string[]): Promise<Buffer> {
    const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', this.#url];
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn('psql', [...args, ...commands.flatMap((command) => ['-c', command])], {
      env: { PATH, HOME, PGCLIENTENCODING: 'UTF8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      complaint += chunk.toString();
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`psql ended with ${code}: ${complaint}`);
    return Buffer.concat(chunks);
  }
}

function alias(names: readonly string[] | undefined): string {
  return names?.length ? `(${names.map((name) => pg.escapeIdentifier(name)).join(', ')})` : '';
}
