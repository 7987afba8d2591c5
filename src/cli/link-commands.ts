/** The sub-commands of `pgclip links`, which change data links: named by the config vars of their databases. */
import type { LinkChange, LinkProgress } from '../domain/data-link.ts';
import { countChanges, describeChange } from '../domain/link-words.ts';
import { type Api, type ApiLink, type ApiLinkUses, type ApiRefresh, getApi } from './api.ts';
import { getLinks, linkAt, linksOf, listAll } from './link-list.ts';
import { startLinkLine } from './progress.ts';
import { cleanLines, cleanText } from './table.ts';
import { ask, CliError, printJson, printLine, type Terminal } from './terminal.ts';
import { type Watched, watchCall } from './watched-call.ts';

interface JsonOption {
  readonly json?: boolean;
}

interface NewLinkOptions {
  readonly as?: string;
  readonly schema?: string;
  readonly prefix?: string;
  readonly writable?: boolean;
}

/** `pgclip links create` */
export async function create(
  terminal: Terminal,
  remote: string,
  local: string,
  options: JsonOption & NewLinkOptions,
): Promise<void> {
  const { as, schema, prefix, writable } = options;
  const before = await getLinks(await getApi(terminal), local);
  const watched: Watched = {
    path: linksOf(local),
    // What is not given is left out of the JSON.
    body: { remote, as, schema, prefix, writable },
    async look(api) {
      const made = (await getLinks(api, local)).find(
        ({ name }) => !before.some((each) => each.name === name),
      );
      return made ? `the link was made all the same: ${made.name}.` : `${local} has no new link.`;
    },
    unknown: 'the server does not say now what became of the link; `pgclip links` tells it later.',
  };
  const made = await watchCall<ApiLink & { warnings: readonly string[] }, LinkProgress>(
    terminal,
    watched,
    startLinkLine,
    options,
  );
  warn(terminal, made.warnings);
  if (options.json) return printJson(terminal, made);
  const tables = count(made.tables, 'table');
  printLine(terminal, cleanText(`${local}: ${remote} is linked as ${made.name}, ${tables}`));
}

/** `pgclip links refresh` */
export async function refresh(
  terminal: Terminal,
  local: string | undefined,
  name: string | undefined,
  options: JsonOption & { readonly all?: boolean; readonly dryRun?: boolean },
): Promise<void> {
  if (options.all) {
    if (local !== undefined) throw new CliError('give a database and a link, or --all, not both.', 2);
    return refreshAll(terminal, options);
  }
  if (local === undefined || name === undefined)
    throw new CliError("give the database and the link's name, or --all.", 2);
  const done = await refreshOne(terminal, local, name, options);
  warn(terminal, done.warnings);
  if (options.json) return printJson(terminal, done);
  for (const change of changesOf(done)) printChange(terminal, change);
  printLine(terminal, summaryOf(local, name, done));
}

async function refreshOne(
  terminal: Terminal,
  local: string,
  name: string,
  options: JsonOption & { readonly dryRun?: boolean },
): Promise<ApiRefresh> {
  const path = linkAt(local, name);
  const api = await getApi(terminal);
  if (options.dryRun) return api.call<ApiRefresh>('POST', `${path}/refresh?dryRun=1`);
  const refreshedAt = async (from: Api) =>
    (await getLinks(from, local)).find((link) => link.name === name)?.refreshedAt;
  const before = await refreshedAt(api);
  const watched: Watched = {
    path: `${path}/refresh`,
    look: async (again) =>
      (await refreshedAt(again)) === before ? 'the link is as it was.' : 'the link was refreshed.',
    unknown: 'the server does not say now what became of the link; `pgclip links` tells it later.',
  };
  return watchCall<ApiRefresh, LinkProgress>(terminal, watched, startLinkLine, options);
}

/** Refreshes whatever can be, one line each. Throws CliError at the end when something could not. */
async function refreshAll(
  terminal: Terminal,
  options: JsonOption & { readonly dryRun?: boolean },
): Promise<void> {
  const outcomes: (ApiRefresh | { database: string; link: string | null; error: string })[] = [];
  const failed = { links: 0, databases: 0 };
  let links = 0;
  const fail = (database: string, link: string | null, error: string) => {
    failed[link === null ? 'databases' : 'links']++;
    outcomes.push({ database, link, error });
    const place = [database, link].filter((each) => each !== null).join(' ');
    terminal.stderr.write(`pgclip: ${cleanLines(`${place}: ${error}`)}\n`);
  };
  for (const { database, links: found, error } of await listAll(await getApi(terminal), '?compare=0')) {
    if (error !== null) fail(database, null, error);
    for (const { name } of found) {
      links++;
      try {
        const done = await refreshOne(terminal, database, name, options);
        outcomes.push(done);
        warn(terminal, done.warnings);
        if (options.json) continue;
        printLine(terminal, summaryOf(database, name, done));
        for (const change of changesOf(done).filter(isLoss)) printChange(terminal, change);
      } catch (thrown) {
        if (!(thrown instanceof CliError)) throw thrown;
        fail(database, name, thrown.message);
      }
    }
  }
  if (options.json) printJson(terminal, outcomes);
  const sums = [
    ...(failed.links > 0 ? [`${failed.links} of ${count(links, 'link')} could not be refreshed`] : []),
    ...(failed.databases > 0
      ? [`the links of ${count(failed.databases, 'database')} could not be listed`]
      : []),
  ];
  if (sums.length > 0) throw new CliError(`${sums.join('; ')}.`);
}

function count(howMany: number, what: string): string {
  return `${howMany.toLocaleString('en-US')} ${what}${howMany === 1 ? '' : 's'}`;
}

/** Whether something that the database had of its own went with the change. */
function isLoss({ kind, change, detail }: LinkChange): boolean {
  return kind === 'dependent' && change === 'removed' && detail !== null;
}

function printChange(terminal: Terminal, change: LinkChange): void {
  printLine(terminal, cleanText(describeChange(change)));
  // What was taken away from the database itself is printed whole, so that nothing is lost.
  if (change.kind === 'dependent' && change.detail !== null) printSql(terminal, change.detail);
}

function changesOf({ added, changed, removed }: ApiRefresh): readonly LinkChange[] {
  return [...added, ...changed, ...removed];
}

function summaryOf(local: string, name: string, done: ApiRefresh): string {
  const changes = changesOf(done);
  const counts = countChanges(changes);
  const what = changes.length === 0 ? 'as its remote' : done.dryRun ? `would be ${counts}` : counts;
  return cleanText(`${local} ${name}: ${what}`);
}

/** `pgclip links destroy` */
export async function destroy(
  terminal: Terminal,
  local: string,
  name: string,
  options: { readonly confirm?: string },
): Promise<void> {
  const api = await getApi(terminal);
  const link = await api.call<ApiLink & { uses: ApiLinkUses }>('GET', linkAt(local, name));
  for (const line of warningsOf(link)) terminal.stderr.write(`${cleanText(line)}\n`);
  const shown = cleanText(name);
  const given = options.confirm ?? (await ask(terminal, `Type ${shown} to remove it: `));
  if (given === null) throw new CliError(`${shown} was not removed; --confirm ${shown} removes it.`);
  if (given !== name) throw new CliError(`${shown} was not removed; what was given is another name.`);
  await api.call('DELETE', `${linkAt(local, name)}?confirm=${encodeURIComponent(given)}`);
  printLine(terminal, cleanText(`${local} ${name}: removed`));
}

function warningsOf(link: ApiLink & { uses: ApiLinkUses }): readonly string[] {
  const { clips, dependents } = link.uses;
  return [
    `Warning: this removes the schema ${link.name} with its ${count(link.tables, 'table')} from ${link.database}. ${link.remote} stays as it is.`,
    ...(clips.length === 0
      ? ['No clip uses it.']
      : [
          'Clips that use it, and will fail from then on (frozen ones go on showing their snapshots):',
          ...clips.map(({ id, name }) => `- ${id} ${name}`),
        ]),
    ...(dependents.length === 0
      ? ['No view uses it.']
      : ['What goes with it:', ...dependents.map((each) => `- ${each}`)]),
  ];
}

function warn(terminal: Terminal, warnings: readonly string[]): void {
  for (const warning of warnings) terminal.stderr.write(`Warning: ${cleanLines(warning)}\n`);
}

function printSql(terminal: Terminal, sql: string): void {
  for (const line of sql.trimEnd().split('\n')) {
    const indent = /^ */.exec(line)?.[0] ?? '';
    printLine(terminal, `  ${indent}${cleanText(line.slice(indent.length))}`);
  }
}
