/**
 * What the cells of an Excel file have to be, from the texts of the values and docs/formats.md alone, and what two
 * programs that aren't ours read from it: SheetJS the values, LibreOffice what a person sees.
 * Source: docs/formats.md, "Excel"; Microsoft, "Excel specifications and limits".
 */
import * as XLSX from 'xlsx';
import type { ResultTexts } from './psql.ts';

/** One cell: what is stored, and what is shown. */
export type Cell =
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'time'; readonly value: number; readonly shown: string };

const empty: Cell = { kind: 'empty' };

const numberTypes = new Set(['int2', 'int4', 'int8', 'numeric', 'float4', 'float8']);
const temporalTypes = new Set(['date', 'timestamp', 'timestamptz']);

/** The rows of the sheet, its header first. */
export function expectedSheet({ names, types, rows }: ResultTexts): Cell[][] {
  const header = names.map((name, index) => (types[index] === 'timestamptz' ? `${name} (UTC)` : name));
  return [
    header.map((text): Cell => ({ kind: 'text', text })),
    ...rows.map((row) => row.map((text, index) => expectedCell(text, types[index] ?? ''))),
  ];
}

function expectedCell(text: string | null, type: string): Cell {
  if (text === null) return empty;
  if (type === 'bool') return { kind: 'boolean', value: text === 't' };
  if (numberTypes.has(type) && isExcelNumber(text)) return { kind: 'number', value: Number(text) };
  if (temporalTypes.has(type)) return expectedTime(text) ?? { kind: 'text', text };
  return { kind: 'text', text };
}

/** Excel keeps 15 digits, and numbers between 1E-307 and 9.99999999999999E+307. */
function isExcelNumber(text: string): boolean {
  const match = /^-?(\d+)(?:\.(\d*))?(?:e[+-]\d+)?$/.exec(text);
  if (!match) return false;
  const digits = `${match[1]}${(match[2] ?? '').replace(/0+$/, '')}`.replace(/^0+/, '');
  const size = Math.abs(Number(text));
  return digits.length <= 15 && (digits === '' || (size >= 1e-307 && size < 1e308));
}

/** In days: far below the millisecond that Excel shows, far above what a double loses. */
const smallestTime = 1e-9;

const isoTime = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d)(?:\.(\d{1,3}))?(?:\+00)?)?$/;
const dayMs = 86_400_000;

/** Null: Excel would show another time, or none. */
function expectedTime(text: string): Cell | null {
  const [, date, time, fraction] = isoTime.exec(text) ?? [];
  if (date === undefined || date < '1900-03-01') return null;
  const ms = fraction?.padEnd(3, '0');
  const epochMs = Date.parse(`${date}T${time ?? '00:00:00'}.${ms ?? '000'}Z`);
  // The last day that there is ends, for SheetJS, with its first moment.
  if (epochMs > Date.parse('9999-12-31T00:00:00Z')) return null;
  // Day 25569 is 1970-01-01.
  const value = (epochMs + 25_569 * dayMs) / dayMs;
  return { kind: 'time', value, shown: `${date}${time ? ` ${time}` : ''}${ms ? `.${ms}` : ''}` };
}

/** The cells that SheetJS reads from the first sheet. */
export function readWithSheetJs(file: Uint8Array): (XLSX.CellObject | undefined)[][] {
  const workbook = XLSX.read(file, { dense: true, cellText: false });
  const rows = workbook.Sheets[workbook.SheetNames[0] ?? '']?.['!data'] ?? [];
  // Rows and cells that are empty are holes.
  return Array.from(rows, (row) => Array.from(row ?? []));
}

/** SheetJS reads a line break of two characters as one. */
function linesInSheetJs(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

/** LibreOffice has one kind of line break in a text of several lines. */
function linesInLibreOffice(text: string): string {
  return text.includes('\n') ? text.replace(/\r\n?/g, '\n') : text;
}

/** Null: SheetJS has read what the cell has to be. Otherwise what is wrong. */
export function sheetJsProblem(cell: Cell, read: XLSX.CellObject | undefined): string | null {
  if (read?.f !== undefined) return `a formula: ${read.f}`;
  const found = read && read.t !== 'z' ? { t: read.t, v: read.v } : null;
  const same = {
    empty: () => found === null,
    text: () => found?.t === 's' && cell.kind === 'text' && found.v === linesInSheetJs(cell.text),
    number: () => found?.t === 'n' && cell.kind === 'number' && Number(found.v) === cell.value,
    boolean: () => found?.t === 'b' && cell.kind === 'boolean' && found.v === cell.value,
    time: () =>
      found?.t === 'n' && cell.kind === 'time' && Math.abs(Number(found.v) - cell.value) < smallestTime,
  }[cell.kind]();
  return same ? null : `SheetJS read ${abbreviate(found)} and not ${abbreviate(cell)}`;
}

/** A value of LibreOffice's CSV, which quotes every text and nothing else. */
export interface ShownCell {
  readonly quoted: boolean;
  readonly text: string;
}

/** The cells of LibreOffice's CSV. */
export function parseShownCsv(csv: string): ShownCell[][] {
  const rows: ShownCell[][] = [];
  let row: ShownCell[] = [];
  const value = /(?:"((?:[^"]|"")*)"|([^,"\n]*))([,\n])/gy;
  for (let match = value.exec(csv); match; match = value.exec(csv)) {
    const [, quoted, plain = '', end] = match;
    row.push({ quoted: quoted !== undefined, text: quoted?.replaceAll('""', '"') ?? plain });
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** Null: LibreOffice shows what the cell has to be. Otherwise what is wrong. */
export function libreOfficeProblem(cell: Cell, read: ShownCell | undefined): string | null {
  const { quoted = false, text = '' } = read ?? {};
  const same = {
    empty: () => !quoted && text === '',
    // LibreOffice tells an empty text from an empty cell no more than its users do.
    text: () => cell.kind === 'text' && text === linesInLibreOffice(cell.text) && quoted === (text !== ''),
    number: () => cell.kind === 'number' && !quoted && text !== '' && Number(text) === cell.value,
    boolean: () => cell.kind === 'boolean' && !quoted && text === String(cell.value).toUpperCase(),
    time: () => cell.kind === 'time' && !quoted && text === cell.shown,
  }[cell.kind]();
  return same ? null : `LibreOffice shows ${abbreviate({ quoted, text })} and not ${abbreviate(cell)}`;
}

function abbreviate(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}… (${text.length})` : text;
}

const problemsShown = 5;

/** The first differences between the sheet and what a program has read, each with its row and column from 1. */
export function sheetProblems<T>(
  expected: readonly (readonly Cell[])[],
  read: readonly (readonly (T | undefined)[])[],
  problemOf: (cell: Cell, read: T | undefined) => string | null,
): string[] {
  const problems: string[] = [];
  for (let r = 0; r < Math.max(expected.length, read.length); r++) {
    const width = Math.max(expected[r]?.length ?? 0, read[r]?.length ?? 0);
    for (let c = 0; c < width; c++) {
      const problem = problemOf(expected[r]?.[c] ?? empty, read[r]?.[c]);
      if (problem) problems.push(`row ${r + 1}, column ${c + 1}: ${problem}`);
      if (problems.length === problemsShown) return problems;
    }
  }
  return problems;
}
