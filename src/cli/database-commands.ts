/** `pgclip databases` (through the API) and `pgclip databases harden` (straight to Postgres, with the owner's login). */
import { hardenDatabase } from '../adapters/postgres/harden.ts';
import { parseSettings } from '../config/settings.ts';
import { type ApiDatabase, getApi } from './api.ts';
import { printTable } from './table.ts';
import { CliError, printJson, printLine, type Terminal } from './terminal.ts';

/** Lists the databases of the server and whether their logins are safe. */
export async function databases(terminal: Terminal, options: { json?: boolean }): Promise<void> {
  const api = await getApi(terminal);
  const answer = await api.call<{ databases: ApiDatabase[] }>('GET', '/databases');
  if (options.json) return printJson(terminal, answer.databases);
  const columns = [
    { title: 'NAME', cell: (each: ApiDatabase) => each.name },
    { title: 'POSTGRES', cell: (each: ApiDatabase) => each.serverVersion ?? '' },
    { title: 'DATABASE', cell: (each: ApiDatabase) => each.databaseName ?? '' },
    { title: 'LOGIN', cell: (each: ApiDatabase) => each.login ?? '' },
    { title: 'STATE', cell: describeState },
  ];
  printTable(terminal, columns, answer.databases, 'The server has no databases; set DATABASE_URL.');
}

function describeState(database: ApiDatabase): string {
  if (!database.reachable) return `not reachable: ${database.error ?? ''}`;
  const problems = database.problems.map((problem) => problem.message).join(' ');
  return `${database.safe ? 'safe' : 'unsafe'}${problems === '' ? '' : `: ${problems}`}`;
}

/**
 * Makes (or renews) the login that can only read. Its URL is all that goes to stdout. `database` is the name of a
 * config var or a Postgres URL.
 */
export async function harden(terminal: Terminal, database: string): Promise<void> {
  const { ownerUrl, addressUrl } = getUrls(terminal, database);
  const result = await hardenDatabase(ownerUrl, { addressUrl }).catch((error) =>
    Promise.reject(explain(error)),
  );
  const note = (line: string) => terminal.stderr.write(`${line}\n`);
  note(
    `The login ${result.role} can read what is there now and what its owners add later, and nothing else.`,
  );
  for (const warning of result.warnings) note(`Warning: ${warning}`);
  const name = /^\w+_URL$/.test(database) ? database : 'DATABASE_URL';
  note(`Its URL follows; the password is shown this once. Set it as ${name}:`);
  printLine(terminal, result.url);
}

// What to do about the errors that are met most.
const advice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  '28P01': 'see the password in the URL',
  '42501': 'harden with a login that may create roles and grant, for example in <NAME>_OWNER_URL',
};

function explain(error: NodeJS.ErrnoException): CliError {
  const hint = advice[error.code ?? ''];
  return new CliError(`${error.message.replace(/\.$/, '')}${hint === undefined ? '' : `; ${hint}`}.`);
}

function getUrls({ env }: Terminal, database: string): { ownerUrl: string; addressUrl: string } {
  if (/^postgres(ql)?:\/\//i.test(database)) {
    if (!URL.canParse(database)) throw new CliError('this is not a Postgres URL that can be read.');
    return { ownerUrl: database, addressUrl: database };
  }
  const settings = parseSettings(env, 'node');
  const found = settings.databases.find((each) => each.name === database);
  if (found) return { ownerUrl: settings.ownerUrls[database] ?? found.url, addressUrl: found.url };
  const names = settings.databases.map((each) => each.name).join(', ');
  throw new CliError(
    `there is no database ${JSON.stringify(database)}; ${names === '' ? 'no config var holds a Postgres URL' : `there is ${names}`}.`,
  );
}
