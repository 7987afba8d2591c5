/** `pgclip export` and `pgclip import`: every clip of a server as one file, and back. Both stream. */
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { blockBytes, paddingOf, parseTarHeader } from '../services/archive/tar-header.ts';
import { getApi } from './api.ts';
import type { JsonOption } from './clip-commands.ts';
import { writeToFile, writeToStdout } from './download.ts';
import { formatBytes, startProgress } from './progress.ts';
import { cleanText } from './table.ts';
import { CliError, printJson, printLine, type Terminal } from './terminal.ts';

export interface ImportOptions extends JsonOption {
  readonly replace?: boolean;
}

/** What an import answers; see the OpenAPI document. */
interface ImportReport {
  readonly clips: number;
  readonly snapshots: number;
  readonly bytes: number;
  readonly unchanged: number;
  readonly replaced: number;
  readonly conflicts: readonly { readonly id: string; readonly name: string; readonly reason: string }[];
}

/** `pgclip export` */
export async function exportClips(terminal: Terminal, file: string): Promise<void> {
  const toStdout = file === '-';
  if (toStdout && terminal.stdout.isTTY)
    throw new CliError("an archive can't be shown on a terminal; give a file.", 2);
  const response = await (await getApi(terminal)).fetch('/export');
  const total = Number(response.headers.get('x-archive-bytes')) || null;
  const counter = new ClipCounter();
  const progress = startProgress(terminal.stderr, total, () => `  ${describeCount(counter.clips)}`);
  const counted = new Response(
    response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          counter.add(chunk);
          controller.enqueue(chunk);
        },
      }),
    ) ?? null,
  );
  try {
    if (toStdout) await writeToStdout(terminal, counted, progress);
    else await writeToFile(file, counted, progress);
  } finally {
    progress.end();
  }
  if (!toStdout) printLine(terminal, `${cleanText(file)}: ${describeCount(counter.clips)}`);
}

/** `pgclip import`: fails, after the report, when a clip was not imported. */
export async function importClips(terminal: Terminal, file: string, options: ImportOptions): Promise<void> {
  const api = await getApi(terminal);
  const { stream, bytes } = await openInput(terminal, file);
  const counter = new ClipCounter();
  const progress = startProgress(terminal.stderr, bytes, () => `  ${describeCount(counter.clips)}`);
  async function* send(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      counter.add(chunk);
      progress.add(chunk.length);
      yield chunk;
    }
  }
  let report: ImportReport;
  try {
    const init: RequestInit & { readonly duplex: 'half' } = {
      method: 'POST',
      headers: { 'content-type': 'application/x-tar' },
      body: toStream(send()),
      duplex: 'half',
    };
    const response = await api.fetch(`/import${options.replace ? '?replace=1' : ''}`, init);
    report = (await response.json()) as ImportReport;
  } catch (error) {
    // To fetch, a file that can't be read looks like a server that can't be reached.
    throw stream.errored ? unreadable(file, stream.errored) : error;
  } finally {
    progress.end();
    stream.destroy();
  }
  if (options.json) printJson(terminal, report);
  else printReport(terminal, report);
  const refused = report.conflicts.length;
  if (refused > 0)
    throw new CliError(
      `${describeCount(refused)} could not be imported; --replace replaces those with the same id.`,
    );
}

/** The chunks as fetch takes them, read as fast as they are sent. */
function toStream(chunks: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}

function printReport(terminal: Terminal, report: ImportReport): void {
  const { clips, snapshots, bytes, unchanged, replaced, conflicts } = report;
  const parts = [
    `${describeCount(clips)} imported${replaced > 0 ? ` (${replaced} replaced)` : ''}`,
    ...(snapshots > 0
      ? [
          `${snapshots.toLocaleString('en')} ${snapshots === 1 ? 'snapshot' : 'snapshots'} of ${formatBytes(bytes)}`,
        ]
      : []),
    ...(unchanged > 0 ? [`${unchanged.toLocaleString('en')} there already`] : []),
  ];
  printLine(terminal, parts.join(', '));
  for (const { id, name, reason } of conflicts)
    printLine(terminal, `not imported: ${id} ${cleanText(name)}: ${cleanText(reason)}`);
}

function describeCount(clips: number): string {
  return `${clips.toLocaleString('en')} ${clips === 1 ? 'clip' : 'clips'}`;
}

/** The file, or stdin; `bytes` is null when nobody knows how much there is. Throws CliError. */
async function openInput(
  terminal: Terminal,
  file: string,
): Promise<{ readonly stream: Readable; readonly bytes: number | null }> {
  if (file === '-') return { stream: terminal.stdin, bytes: null };
  const stream = createReadStream(file, { highWaterMark: 256 * 1024 });
  try {
    await once(stream, 'open');
    const { size } = await stat(file);
    return { stream, bytes: size };
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): CliError {
  return new CliError(`${file} can't be read (${(error as NodeJS.ErrnoException).code}).`);
}

/** Counts the clips in an archive that goes by. What is no archive counts as none: the server says what is wrong. */
class ClipCounter {
  clips = 0;
  /** Bytes until the next header, and what has come of it. */
  #skip = 0;
  readonly #header = new Uint8Array(blockBytes);
  #filled = 0;

  add(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const part = chunk.subarray(at, at + blockBytes - this.#filled);
      this.#header.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === blockBytes) this.#count();
    }
  }

  #count(): void {
    this.#filled = 0;
    const entry = parseTarHeader(this.#header);
    this.#skip = entry ? entry.size + paddingOf(entry.size) : Number.POSITIVE_INFINITY;
    if (entry?.name.endsWith('/clip.json')) this.clips++;
  }
}
