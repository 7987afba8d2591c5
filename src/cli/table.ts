/**
 * Tables for people: aligned columns that fit the terminal. Nothing in a cell can steer the terminal.
 * Source of widths: Unicode Standard Annex 11, East Asian Width (the wide ranges in use).
 */
import { bold, printLine, type Terminal } from './terminal.ts';

export interface TableColumn<T> {
  readonly title: string;
  readonly cell: (row: T) => string;
  readonly align?: 'right';
}

const gap = 2;
const minColumnWidth = 8;
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const wide =
  /\p{Emoji_Presentation}|\p{Regional_Indicator}{2}|\u{fe0f}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Replaces control characters and those that turn the direction of writing. */
export function cleanText(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** The same for a text whose lines are to stay lines. */
export function cleanLines(text: string): string {
  return text.split('\n').map(cleanText).join('\n');
}

/** How many cells of a terminal the text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** Prints rows under their titles; says `empty` when there are none. Not a terminal: nothing is shortened. */
export function printTable<T>(
  terminal: Terminal,
  columns: readonly TableColumn<T>[],
  rows: readonly T[],
  empty: string,
): void {
  if (rows.length === 0) {
    terminal.stderr.write(`${empty}\n`);
    return;
  }
  const cells = rows.map((row) => columns.map((column) => cleanText(column.cell(row))));
  const titles = columns.map((column) => column.title);
  const available = terminal.stdout.isTTY ? (terminal.stdout.columns ?? 80) : Number.POSITIVE_INFINITY;
  const widths = fitWidths([titles, ...cells], available);
  const line = (values: readonly string[]) =>
    values
      .map((value, i) => pad(shorten(value, widths[i] ?? 0), widths[i] ?? 0, columns[i]?.align))
      .join(' '.repeat(gap))
      .trimEnd();
  printLine(terminal, bold(terminal, line(titles)));
  for (const values of cells) printLine(terminal, line(values));
}

/** Prints names and values, one a line, the values aligned. */
export function printFields(terminal: Terminal, fields: readonly (readonly [string, string])[]): void {
  const width = Math.max(...fields.map(([name]) => displayWidth(name)));
  for (const [name, value] of fields)
    printLine(terminal, `${bold(terminal, pad(name, width, undefined))}  ${cleanText(value)}`);
}

/** The widest column gives way first. */
function fitWidths(lines: readonly (readonly string[])[], available: number): number[] {
  const widths = (lines[0] ?? []).map((_, i) =>
    Math.max(...lines.map((line) => displayWidth(line[i] ?? ''))),
  );
  let excess = widths.reduce((sum, width) => sum + width + gap, -gap) - available;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= minColumnWidth) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let short = '';
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= displayWidth(segment);
    if (left < 0) break;
    short += segment;
  }
  return `${short}…`;
}

function pad(text: string, width: number, align: 'right' | undefined): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? space + text : text + space;
}
