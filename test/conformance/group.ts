/**
 * A group of queries: asked from a server in this process in every format, live and frozen, and compared. It knows no
 * query itself.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { executeSql } from '../support/postgres.ts';
import { openTestServer, type TestServer } from '../support/server.ts';
import { Comparison, formatNames, type QueryCase, type Tally } from './comparison.ts';
import { convertToCsv } from './libreoffice.ts';
import { libreOfficeProblem, parseShownCsv, sheetProblems } from './sheet.ts';

export interface GroupOptions {
  /** Statements that the superuser runs in `DATABASE_URL` before the queries. */
  readonly setup?: readonly string[];
  /** More databases, by config var, made before the server starts. */
  readonly databases?: (postgresUrl: string) => Promise<Record<string, string>>;
  /** Number of the Redis database that is the store. Default: the embedded store. */
  readonly redisDatabase?: number;
}

/** Registers the group's tests. */
export function describeGroup(name: string, cases: readonly QueryCase[], options: GroupOptions = {}): void {
  describe(name, () => {
    const tally: Tally = { answers: 0, refusals: 0, sheets: [] };
    let server: TestServer;
    let urls: Readonly<Record<string, string>>;

    beforeAll(async () => {
      ({ server, urls } = await openGroup(options));
    });

    afterAll(async () => {
      await server?.close();
      console.log(
        `${name}: ${cases.length} queries, ${tally.answers} answers compared, ${tally.refusals} refusals, ` +
          `${tally.sheets.length} Excel files read by SheetJS and LibreOffice`,
      );
    });

    for (const query of cases) {
      describeQuery(query, () =>
        Comparison.open(server, query, urls[query.database ?? 'DATABASE_URL'] ?? '', tally),
      );
    }

    if (cases.some(({ formats = formatNames, refused }) => formats.includes('xlsx') && !refused?.xlsx)) {
      test('LibreOffice shows what the cells have to be', () => compareWithLibreOffice(tally));
    }
  });
}

async function openGroup(options: GroupOptions) {
  const postgresUrl = inject('postgresUrl');
  const more = (await options.databases?.(postgresUrl)) ?? {};
  const { redisDatabase } = options;
  const server = await openTestServer({
    postgresUrl,
    env: () => more,
    ...(redisDatabase === undefined ? {} : { redisUrl: `${inject('redisUrl')}/${redisDatabase}` }),
  });
  await executeSql(server.database.superuserUrl, ...(options.setup ?? []));
  return { server, urls: { ...more, DATABASE_URL: server.database.readerUrl } };
}

function describeQuery(query: QueryCase, open: () => Promise<Comparison>): void {
  describe(query.name, () => {
    let comparison: Comparison;

    beforeAll(async () => {
      comparison = await open();
    });

    for (const format of query.formats ?? formatNames) {
      const said = query.refused?.[format];
      if (said) test(`${format} refuses it`, () => comparison.refuses(format, said));
      else test(format, () => comparison[format]());
    }
  });
}

async function compareWithLibreOffice({ sheets }: Tally): Promise<void> {
  expect(sheets.length).toBeGreaterThan(0);
  const shown = await convertToCsv(sheets.map(({ file }) => file));
  const problems = sheets.flatMap(({ name, cells }, index) =>
    sheetProblems(cells, parseShownCsv(shown[index] ?? ''), libreOfficeProblem).map(
      (problem) => `${name}, ${problem}`,
    ),
  );
  expect(problems).toEqual([]);
}
