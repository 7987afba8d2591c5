/** The commands that list, make and change clips through the API. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { formatRetention, parseRetention } from '../domain/retention.ts';
import { type ApiClip, type ApiSnapshot, getApi } from './api.ts';
import { getClip, listClips } from './find-clip.ts';
import { watchCreation, watchFreeze } from './freezing.ts';
import { minuteOf, snapshotFields } from './snapshot-text.ts';
import { cleanText, printFields, printTable } from './table.ts';
import { CliError, confirm, printJson, printLine, readStdin, type Terminal } from './terminal.ts';

export interface JsonOption {
  readonly json?: boolean;
}

export interface CreateOptions extends JsonOption {
  readonly name: string;
  readonly file?: string;
  readonly database?: string;
  readonly frozen?: boolean;
}

export interface EditOptions extends JsonOption {
  readonly name?: string;
  readonly file?: string;
  readonly database?: string;
  readonly keep?: string;
}

/** `pgclip clips` */
export async function clips(terminal: Terminal, options: JsonOption & { query?: string }): Promise<void> {
  const found: ApiClip[] = [];
  for await (const clip of listClips(await getApi(terminal), options.query)) found.push(clip);
  if (options.json) return printJson(terminal, found);
  const columns = [
    { title: 'ID', cell: (clip: ApiClip) => clip.id },
    { title: 'NAME', cell: (clip: ApiClip) => clip.name },
    { title: 'MODE', cell: (clip: ApiClip) => clip.mode },
    { title: 'DATABASE', cell: (clip: ApiClip) => clip.database },
    { title: 'CHANGED', cell: (clip: ApiClip) => minuteOf(clip.updatedAt) },
  ];
  printTable(terminal, columns, found, options.query ? 'No clip matches.' : 'There are no clips yet.');
}

/** `pgclip create`: prints the new clip's URL. */
export async function create(
  terminal: Terminal,
  sql: string | undefined,
  options: CreateOptions,
): Promise<void> {
  const text = await findSql(terminal, sql, options.file);
  if (text === undefined) throw new CliError('give the SQL, `-f FILE`, or `-` to read it from stdin.', 2);
  const { name, database } = options;
  const body = { name, sql: text, ...(database === undefined ? {} : { database }) };
  const clip = options.frozen
    ? await watchCreation(terminal, { ...body, mode: 'frozen' }, options)
    : await (await getApi(terminal)).call<ApiClip>('POST', '/clips', body);
  if (options.json) printJson(terminal, clip);
  else printLine(terminal, clip.url);
}

/** `pgclip show` */
export async function show(terminal: Terminal, text: string, options: JsonOption): Promise<void> {
  const clip = await getClip(await getApi(terminal), text);
  if (options.json) return printJson(terminal, clip);
  const { snapshot } = clip;
  printFields(terminal, [
    ['Name', clip.name],
    ['URL', clip.url],
    ['Id', clip.id],
    ['Database', clip.database],
    ['Mode', snapshot ? `frozen ${minuteOf(snapshot.takenAt)}, ${describeSnapshot(snapshot)}` : clip.mode],
    ['Revision', String(clip.revision)],
    ['Keeps', formatRetention(clip.retention)],
    ['Changed', minuteOf(clip.updatedAt)],
  ]);
  if (snapshot) {
    printLine(terminal, '');
    printFields(terminal, snapshotFields(snapshot));
  }
  if (snapshot && snapshot.sql !== clip.sql) {
    printLine(terminal, `\nRevision ${snapshot.revision}, of which the snapshot is:`);
    printSql(terminal, snapshot.sql);
    printLine(terminal, `\nRevision ${clip.revision}, of the clip:`);
  }
  printSql(terminal, clip.sql);
}

/** SQL with its lines and tabs, and nothing that could steer the terminal. */
function printSql(terminal: Terminal, sql: string): void {
  const lines = sql.trimEnd().split('\n');
  printLine(terminal, `\n${lines.map((line) => line.replaceAll(/[^\P{Cc}\t]/gu, '\ufffd')).join('\n')}`);
}

/** `pgclip edit`: a new SQL text is a new revision. */
export async function edit(
  terminal: Terminal,
  text: string,
  sql: string | undefined,
  options: EditOptions,
): Promise<void> {
  const newSql = await findSql(terminal, sql, options.file);
  const { name, database, keep } = options;
  const retention = keep === undefined ? undefined : parseRetention(keep);
  if (keep !== undefined && retention === undefined)
    throw new CliError('--keep takes all, last:N (N from 1 to 10,000) or days:N (N from 1 to 36,500).', 2);
  if ([newSql, name, database, retention].every((each) => each === undefined))
    throw new CliError('nothing to change; give SQL, -f, --name, --database or --keep.', 2);
  const api = await getApi(terminal);
  const { id } = await getClip(api, text);
  const clip = await api.call<ApiClip>('PATCH', `/clips/${id}`, { sql: newSql, name, database, retention });
  if (options.json) printJson(terminal, clip);
  else {
    const kept = keep === undefined ? '' : `, keeps ${formatRetention(clip.retention)}`;
    printLine(terminal, `${cleanText(clip.name)}: revision ${clip.revision}${kept}, ${clip.url}`);
  }
}

/** `pgclip freeze` */
export async function freeze(terminal: Terminal, text: string, options: JsonOption): Promise<void> {
  const clip = await getClip(await getApi(terminal), text);
  const snapshot = await watchFreeze(terminal, clip, options);
  if (options.json) printJson(terminal, snapshot);
  else printLine(terminal, `${cleanText(clip.name)}: frozen, ${describeSnapshot(snapshot)}, ${snapshot.url}`);
}

/** `pgclip thaw` */
export async function thaw(terminal: Terminal, text: string, options: JsonOption): Promise<void> {
  const api = await getApi(terminal);
  const clip = await api.call<ApiClip>('POST', `/clips/${(await getClip(api, text)).id}/thaw`);
  if (options.json) printJson(terminal, clip);
  else printLine(terminal, `${cleanText(clip.name)}: live, ${clip.url}`);
}

/** `pgclip rotate`: prints the new URL; the old one is dead. */
export async function rotate(terminal: Terminal, text: string, options: JsonOption): Promise<void> {
  const api = await getApi(terminal);
  const clip = await api.call<ApiClip>('POST', `/clips/${(await getClip(api, text)).id}/rotate`);
  if (options.json) printJson(terminal, clip);
  else printLine(terminal, clip.url);
}

/** `pgclip rm` */
export async function remove(terminal: Terminal, text: string, options: { yes?: boolean }): Promise<void> {
  const api = await getApi(terminal);
  const { id, name } = await getClip(api, text);
  const shown = JSON.stringify(cleanText(name));
  if (!options.yes && !(await confirm(terminal, `Remove ${shown} with its revisions and snapshots?`)))
    throw new CliError(`${shown} was not removed; --yes removes it without asking.`);
  await api.call('DELETE', `/clips/${id}`);
  printLine(terminal, `${cleanText(name)}: removed`);
}

/** `pgclip open`: prints the clip's URL and shows it in a browser, where there is one. */
export async function open(terminal: Terminal, text: string): Promise<void> {
  const { url } = await getClip(await getApi(terminal), text);
  printLine(terminal, url);
  const openers: Partial<Record<string, readonly [string, ...string[]]>> = {
    darwin: ['open'],
    win32: ['rundll32', 'url.dll,FileProtocolHandler'],
  };
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const browser = spawn(command, [...args, url], { stdio: 'ignore', detached: true });
  // A machine without a browser: the printed URL is all it can give.
  browser.on('error', () => {});
  browser.unref();
}

async function findSql(
  terminal: Terminal,
  sql: string | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  if (sql !== undefined && file !== undefined) throw new CliError('give the SQL or -f, not both.', 2);
  if (sql === '-' || file === '-') return readStdin(terminal);
  if (file === undefined) return sql;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(`${file} can't be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

function describeSnapshot(snapshot: ApiSnapshot): string {
  const rows = snapshot.rowCount.toLocaleString('en');
  return `${rows} ${snapshot.rowCount === 1 ? 'row' : 'rows'}, sha256 ${snapshot.sha256.slice(0, 12)}`;
}
