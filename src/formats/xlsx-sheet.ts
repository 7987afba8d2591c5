/**
 * One sheet's XML: widths, a frozen bold header row and a row per row of the result set. Source: ECMA-376 part 1,
 * sections 18.3.1.99 (worksheet) and 18.3.1.73 (row).
 */
import type { Column, Row } from '../domain/result-set.ts';
import { cellEncoder, rowReference, textCellEncoder } from './xlsx-cell.ts';
import { cellStyles } from './xlsx-parts.ts';

const minWidth = 6;
const maxWidth = 60;
/** Rows that the widths are measured by; fewer when they are long. */
const sampleRows = 1000;
const sampleLength = 262_144;

/** How a sheet reads. The strings are joined as they are. */
export interface SheetBody {
  readonly head: string;
  /** `number` is the row's in the sheet; the header is row 1. May throw ValueProblem. */
  readonly encodeRow: (row: Row, number: number) => string;
  readonly tail: string;
}

/** The letters of a column: 0 is A, 26 is AA. */
function columnLetters(index: number): string {
  const rest = Math.floor(index / 26) - 1;
  return `${rest >= 0 ? columnLetters(rest) : ''}${String.fromCharCode(65 + (index % 26))}`;
}

function title(column: Column): string {
  return column.kind === 'timestamptz' ? `${column.name} (UTC)` : column.name;
}

/**
 * How many of the first rows the widths are measured by; null when these are too few to tell. It goes by the rows
 * alone and not by the batches that they came in: the same rows give the same bytes.
 */
export function countSample(rows: readonly Row[]): number | null {
  let length = 0;
  for (const [index, row] of rows.entries()) {
    for (const value of row) length += value?.length ?? 0;
    if (index + 1 === sampleRows || length >= sampleLength) return index + 1;
  }
  return null;
}

/** Widths in characters that fit the header and the first rows. */
function encodeWidths(columns: readonly Column[], first: readonly Row[]): string {
  if (columns.length === 0) return '';
  const rows = first.slice(0, countSample(first) ?? first.length);
  const cols = columns.map((column, index) => {
    let width = title(column).length;
    for (const row of rows) width = Math.max(width, row[index]?.length ?? 0);
    const padded = Math.min(Math.max(width + 2, minWidth), maxWidth);
    return `<col min="${index + 1}" max="${index + 1}" width="${padded}" customWidth="1"/>`;
  });
  return `<cols>${cols.join('')}</cols>`;
}

function encodeHead(columns: readonly Column[], first: readonly Row[]): string {
  const names = columns.map((column, index) => {
    const encode = textCellEncoder(column, columnLetters(index), cellStyles.header);
    return encode(title(column), rowReference(1));
  });
  return (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' +
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' +
    '<sheetViews><sheetView workbookViewId="0">' +
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' +
    '</sheetView></sheetViews>' +
    encodeWidths(columns, first) +
    `<sheetData><row r="1">${names.join('')}</row>`
  );
}

/** Prepares the sheets of a result set; `first` are its first rows, all of the sample. Every sheet has the same head. */
export function sheetBody(columns: readonly Column[], first: readonly Row[]): SheetBody {
  const encoders = columns.map((column, at) => cellEncoder(column, columnLetters(at)));
  return {
    head: encodeHead(columns, first),
    encodeRow: (row, number) => {
      const reference = rowReference(number);
      let text = `<row r="${number}">`;
      let at = 0;
      for (const encode of encoders) {
        const value = row[at++];
        if (value !== null && value !== undefined) text += encode(value, reference);
      }
      return `${text}</row>`;
    },
    tail: '</sheetData></worksheet>',
  };
}
