/**
 * What a command has of the process it runs in: its environment, its streams, its end. Commands use nothing else of
 * the process, and end it never: they return, or throw a CliError.
 */
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted when the person (Ctrl-C) or the system wants the command to end. */
  readonly signal: AbortSignal;
}

/**
 * An error for the person at the terminal: one line that says what to do. Exit code 1, 2 for wrong usage, 130 when it
 * was the person who left.
 */
export class CliError extends Error {
  readonly exitCode: 1 | 2 | 130;

  constructor(message: string, exitCode: 1 | 2 | 130 = 1) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}

/** Writes one line to stdout. */
export function printLine(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

/** Writes a value as indented JSON to stdout. */
export function printJson(terminal: Terminal, value: unknown): void {
  printLine(terminal, JSON.stringify(value, null, 2));
}

/** Text in bold where stdout is a terminal that wants it. Source: no-color.org. */
export function bold(terminal: Terminal, words: string): string {
  return terminal.stdout.isTTY && !terminal.env.NO_COLOR ? `\x1b[1m${words}\x1b[22m` : words;
}

/** Everything on stdin, as text. */
export function readStdin(terminal: Terminal): Promise<string> {
  return text(terminal.stdin);
}

/** Asks a yes-or-no question on stderr. False for anything but yes, and when there is nobody to ask. */
export async function confirm(terminal: Terminal, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(terminal, `${question} [y/N] `)) ?? '');
}

/**
 * Asks on stderr for a line, which comes back trimmed. Null when there is nobody to ask, and for Ctrl-D. Throws CliError
 * for Ctrl-C, which does not come as a signal while a line is typed.
 */
export async function ask(terminal: Terminal, question: string): Promise<string | null> {
  if (!terminal.stdin.isTTY) return null;
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: terminal.stdin, output: terminal.stderr });
  let interrupted = false;
  lines.on('SIGINT', () => {
    interrupted = true;
    lines.close();
  });
  // Not at once: a line that came just before counts.
  const closed = new Promise<null>((resolve) => lines.once('close', () => setImmediate(resolve, null)));
  try {
    const typed = lines.question(question, { signal: terminal.signal }).catch((error: unknown) => {
      if (terminal.signal.aborted) throw error;
      return closed;
    });
    const line = await Promise.race([typed, closed]);
    // The question still stands where the next words would.
    if (line === null) terminal.stderr.write('\n');
    if (interrupted) throw new CliError('cancelled; nothing was changed.', 130);
    return line?.trim() ?? null;
  } finally {
    lines.close();
  }
}
