/**
 * `pgclip get`: a clip's result set, whole or not at all. A file appears under its name only when the last byte
 * has come; a download that breaks off is an error, never a short file.
 */
import { open, rename, rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { getApi, request } from './api.ts';
import { getClip, parseClipUrl } from './find-clip.ts';
import { formatBytes, type Progress, startProgress } from './progress.ts';
import { CliError, type Terminal } from './terminal.ts';

export interface GetOptions {
  readonly format?: string;
  readonly output?: string;
}

/** The formats that a file's extension may ask for. */
export const formatNames = ['csv', 'json', 'ndjson', 'xml', 'xlsx', 'html'] as const;

const isFormat = (text: string): boolean => (formatNames as readonly string[]).includes(text);

/** Downloads a clip into a file or to stdout. A clip URL needs no token. */
export async function get(terminal: Terminal, text: string, options: GetOptions): Promise<void> {
  const link = parseClipUrl(text);
  const format = chooseFormat(options, link?.extension ?? null);
  const toTerminal = options.output === undefined && terminal.stdout.isTTY === true;
  if (format === 'xlsx' && toTerminal)
    throw new CliError("Excel's format can't be shown on a terminal; give -o FILE.", 2);
  const { url, credentials } = link ? { url: link.base, credentials: {} } : await find(terminal, text);
  url.pathname += `.${format}`;

  // Not compressed: the length on the wire is then that of the file, and the progress can tell its part.
  const init = { signal: terminal.signal, headers: { ...credentials, 'Accept-Encoding': 'identity' } };
  const response = await request(url.href, init);
  const total = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  const progress = toTerminal
    ? startProgress({ isTTY: false } as Terminal['stderr'], null)
    : startProgress(terminal.stderr, total === null ? null : Number(total));
  try {
    if (options.output === undefined) await writeToStdout(terminal, response, progress);
    else await writeToFile(options.output, response, progress);
  } finally {
    progress.end();
  }
}

/** A clip that is not named by its URL: its owner asks, who is told more of what went wrong than strangers are. */
async function find(terminal: Terminal, text: string) {
  const api = await getApi(terminal);
  const url = new URL((await getClip(api, text)).url);
  return { url, credentials: api.credentialsFor(url) };
}

function chooseFormat(options: GetOptions, extension: string | null): string {
  if (options.format !== undefined) return options.format.toLowerCase();
  const wanted = extname(options.output ?? '')
    .slice(1)
    .toLowerCase();
  return isFormat(wanted) ? wanted : (extension ?? 'csv');
}

class BrokenOff extends Error {
  readonly receivedBytes: number;

  constructor(receivedBytes: number, cause: unknown) {
    super('broken off', { cause });
    this.receivedBytes = receivedBytes;
  }
}

async function* receive(response: Response, progress: Progress): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of response.body ?? []) {
      received += chunk.byteLength;
      progress.add(chunk.byteLength);
      yield chunk;
    }
  } catch (error) {
    throw new BrokenOff(received, error);
  }
}

/** Writes the answer's body into a file that is there only when it is whole. Throws CliError. */
export async function writeToFile(file: string, response: Response, progress: Progress): Promise<void> {
  const part = `${file}.part`;
  const unwritable = (error: unknown) =>
    new CliError(`${file} can't be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  const handle = await open(part, 'w').catch((error) => Promise.reject(unwritable(error)));
  try {
    await pipeline(receive(response, progress), handle.createWriteStream());
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof BrokenOff)
      throw new CliError(`download broke off after ${formatBytes(error.receivedBytes)}; nothing was kept.`);
    throw unwritable(error);
  }
}

/** Writes the answer's body to stdout. Throws CliError when it broke off. */
export async function writeToStdout(
  terminal: Terminal,
  response: Response,
  progress: Progress,
): Promise<void> {
  try {
    await pipeline(receive(response, progress), terminal.stdout, { end: false });
  } catch (error) {
    // Whoever reads has seen enough (`| head`); leaving cancels the run.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    if (error instanceof BrokenOff)
      throw new CliError(
        `download broke off after ${formatBytes(error.receivedBytes)}; what was written is not whole.`,
      );
    throw error;
  }
}
