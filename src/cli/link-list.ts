/** `pgclip links`: the data links of every database, each beside its remote; and how to find them through the API. */
import { describeDifference, describeRemote } from '../domain/link-words.ts';
import { type Api, type ApiDatabase, ApiError, type ApiLink, getApi } from './api.ts';
import { cleanLines, cleanText } from './table.ts';
import { bold, printJson, printLine, type Terminal } from './terminal.ts';

/** A database with its links, or with why nobody knows them. */
interface ListedDatabase {
  readonly database: string;
  /** Name of the Postgres database; null when it does not answer. */
  readonly databaseName: string | null;
  readonly links: readonly ApiLink[];
  readonly error: string | null;
}

/** Path of the API: the links of a database. */
export const linksOf = (local: string) => `/databases/${encodeURIComponent(local)}/links`;
/** Path of the API: one of them. */
export const linkAt = (local: string, name: string) => `${linksOf(local)}/${encodeURIComponent(name)}`;

/** `pgclip links` */
export async function links(terminal: Terminal, { json }: { readonly json?: boolean }): Promise<void> {
  const listed = await listAll(await getApi(terminal));
  if (json) return printJson(terminal, listed);
  if (listed.length === 0) terminal.stderr.write('The server has no databases; set DATABASE_URL.\n');
  const print = (line: string) => printLine(terminal, cleanLines(line));
  for (const { database, databaseName, links: found, error } of listed) {
    printLine(terminal, bold(terminal, cleanText(`=== ${database} (${databaseName ?? 'not reachable'})`)));
    if (error !== null) print(`Broken: ${error}`);
    else if (found.length === 0) print('No data sources are linked into this database.');
    for (const link of found) {
      printLine(terminal, bold(terminal, cleanText(`==== ${link.name}`)));
      for (const line of linesOf(link)) print(line);
    }
  }
}

function linesOf(link: ApiLink): readonly string[] {
  const difference = describeDifference(link);
  return [
    `Created: ${minuteOf(link.createdAt)}`,
    `Remote: ${link.remote} (${describeRemote(link)})`,
    `Remote Name: ${link.server ?? 'none'}`,
    `Tables: ${link.tables.toLocaleString('en-US')}${difference === null ? '' : ` (${difference})`}`,
    ...link.problems.map(({ level, message }) => `${level === 'broken' ? 'Broken' : 'Warning'}: ${message}`),
  ];
}

/** `2026-11-21 08:15 UTC` */
function minuteOf(iso: string): string {
  return `${iso.slice(0, 16).replace('T', ' ')} UTC`;
}

/** Every database of the server with its links, in the order of the config; one that fails says why. */
export async function listAll(api: Api, query = ''): Promise<readonly ListedDatabase[]> {
  const { databases } = await api.call<{ databases: ApiDatabase[] }>('GET', '/databases');
  return Promise.all(
    databases.map(async ({ name, databaseName }) => {
      try {
        const answer = await api.call<{ links: ApiLink[] }>('GET', `${linksOf(name)}${query}`);
        return { database: name, databaseName, links: answer.links, error: null };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { database: name, databaseName, links: [], error: error.message };
      }
    }),
  );
}

/** The links of a database as it has them; their remotes are not asked. */
export async function getLinks(api: Api, local: string): Promise<readonly ApiLink[]> {
  return (await api.call<{ links: ApiLink[] }>('GET', `${linksOf(local)}?compare=0`)).links;
}
