/**
 * Values as cells of a sheet. What Excel can't hold exactly is written as the database's text, never changed; what it
 * can't hold at all is a ValueProblem. Source: ECMA-376 part 1, sections 18.3.1.4 (c), 22.9.2.19 (ST_Xstring);
 * Microsoft, "Excel specifications and limits".
 */
import type { Column, ColumnKind } from '../domain/result-set.ts';
import { daySeconds, encodeUtc, type Instant, parseInstant } from './instant.ts';
import { isInfinite, notIso } from './temporal.ts';
import { ValueProblem } from './value-problem.ts';
import { cellStyles } from './xlsx-parts.ts';

/** Makes the cell of a value that is not NULL; `row` is what `rowReference` gives. May throw ValueProblem. */
export type CellEncoder = (text: string, row: string) => string;

/** The part that all cells of a row have in common: the number in their references, to where their values begin. */
export function rowReference(number: number): string {
  return `${number}"><v>`;
}

/** What a cell begins with, up to the row in its reference. `letters` are its column's, A to XFD. */
function cellStart(letters: string, attributes: string): string {
  return `<c${attributes} r="${letters}`;
}

/** Longest text of a cell, in UTF-16 units. */
const maxTextLength = 32_767;

// Everything but what an XML text of Excel can hold as it is. Excel takes `_x0041_` for an A, SheetJS `_X0041_` too.
const mustEscape = /[^\t\n -%'-;=?-\ufffd]|_[xX]/;
const escapes = /[^\t\n -%'-;=?-\ufffd]|_(?=[xX][\dA-Fa-f]{4}_)/g;
const references: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeCharacter(char: string): string {
  return references[char] ?? `_x${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;
}

const blank = 32;
/** The first of the blanks that LibreOffice drops besides, U+2000 to U+3000. */
const wideBlank = 0x2000;

function isEdge(code: number): boolean {
  return code > blank && code < wideBlank;
}

/** Whether the text can stand in XML as it is, without a blank at either end that readers would drop. */
function isPlain(text: string): boolean {
  return !mustEscape.test(text) && isEdge(text.charCodeAt(0)) && isEdge(text.charCodeAt(text.length - 1));
}

function checkLength(text: string, column: Column): void {
  if (text.length <= maxTextLength) return;
  throw new ValueProblem(
    column.name,
    `the text has ${text.length} characters and a cell of Excel holds 32,767. Shorten it with left() or choose another format.`,
  );
}

const plainType = ' t="str"';

/**
 * Makes the encoder of texts, which Excel never takes for formulas. Plain ones are written as SheetJS does, a third
 * shorter than as inline strings; but then SheetJS undoes escapes twice when it reads them, so the others are inline.
 */
export function textCellEncoder(
  column: Column,
  letters: string,
  style: number = cellStyles.general,
): CellEncoder {
  const styled = style === cellStyles.general ? '' : ` s="${style}"`;
  const plain = cellStart(letters, `${styled}${plainType}`);
  const inline = cellStart(letters, `${styled} t="inlineStr"`);
  return (text, row) => {
    checkLength(text, column);
    if (isPlain(text)) return `${plain}${row}${text}</v></c>`;
    const open = row.replace('<v>', '<is><t xml:space="preserve">');
    return `${inline}${open}${text.replace(escapes, escapeCharacter)}</t></is></c>`;
  };
}

/** Makes the encoder of numbers and times that Excel can't hold: their texts have nothing to escape. */
function verbatimEncoder(column: Column, letters: string): CellEncoder {
  const start = cellStart(letters, plainType);
  return (text, row) => {
    checkLength(text, column);
    return `${start}${row}${text}</v></c>`;
  };
}

const maxDigits = 15;
/** Excel has no denormal numbers and ends below 1E308. */
const maxExponent = 307;

const zero = 48;
const nine = 57;
const minus = 45;
const dot = 46;
const smallE = 101;

/** Whether Excel keeps the number as it is: at most 15 significant digits and neither too large nor too small. */
function fitsNumber(text: string): boolean {
  if (text.length > maxExponent) return false;
  let digits = 0;
  let zeros = 0;
  let whole = true;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === zero) {
      // Zeros count between digits and at the end of a whole number.
      if (digits > 0) zeros++;
    } else if (code > zero && code <= nine) {
      digits += zeros + 1;
      zeros = 0;
    } else if (code === dot) {
      digits += zeros;
      zeros = 0;
      whole = false;
    } else if (code === smallE) {
      return digits <= maxDigits && Math.abs(Number(text.slice(at + 1))) <= maxExponent;
    } else if (code !== minus) {
      // NaN and the infinities.
      return false;
    }
  }
  return (whole ? digits + zeros : digits) <= maxDigits;
}

const wholeStyle = ` s="${cellStyles.whole}"`;

function wholeEncoder(_column: Column, letters: string): CellEncoder {
  const start = cellStart(letters, wholeStyle);
  return (text, row) => `${start}${row}${text}</v></c>`;
}

function numberEncoder(column: Column, letters: string): CellEncoder {
  const encodeText = verbatimEncoder(column, letters);
  const encodeWhole = wholeEncoder(column, letters);
  const start = cellStart(letters, '');
  return (text, row) => {
    if (!fitsNumber(text)) return encodeText(text, row);
    // The general format would show 123456789012 as 1.23457E+11.
    if (!text.includes('.') && !text.includes('e')) return encodeWhole(text, row);
    return `${start}${row}${text}</v></c>`;
  };
}

function booleanEncoder(_column: Column, letters: string): CellEncoder {
  const start = cellStart(letters, ' t="b"');
  return (text, row) => `${start}${row}${text === 't' ? '1</v></c>' : '0</v></c>'}`;
}

/** 1900-03-01: before it Excel counts a 29 February 1900 that never was. */
const firstSecond = -25_508 * daySeconds;
/** 9999-12-31 00:00:00. Excel's calendar lasts for the rest of that day, but SheetJS shows it as nothing. */
const lastSecond = 2_932_896 * daySeconds;
/** Excel's day number of 1970-01-01. */
const epochDay = 25_569;
/** Excel shows milliseconds and no finer. */
const maxFractionDigits = 3;

function fitsSerial({ epochSeconds, fraction }: Instant): boolean {
  return epochSeconds >= firstSecond && epochSeconds <= lastSecond && fraction.length <= maxFractionDigits;
}

/** Days since Excel's epoch, from whole milliseconds by one division. */
function encodeSerial({ epochSeconds, fraction }: Instant): string {
  const ms = epochSeconds * 1000 + Number(fraction.padEnd(3, '0'));
  const dayMs = daySeconds * 1000;
  const total = ms + epochDay * dayMs;
  const serial = total / dayMs;
  // LibreOffice shows the second before for some times, mostly of the 1960s, whose double is a hair too small.
  const isLess = (serial - Math.floor(serial)) * dayMs < total % dayMs;
  return String(isLess ? serial * (1 + Number.EPSILON) : serial);
}

function temporalEncoder(
  kind: 'date' | 'timestamp' | 'timestamptz',
  column: Column,
  letters: string,
): CellEncoder {
  const encodeText = verbatimEncoder(column, letters);
  const [whole, fractional] = [
    kind === 'date' ? cellStyles.date : cellStyles.timestamp,
    cellStyles.timestampMs,
  ].map((style) => cellStart(letters, ` s="${style}"`));
  return (text, row) => {
    const instant = parseInstant(text);
    if (!instant) {
      if (isInfinite(text)) return encodeText(text, row);
      throw notIso(column.name);
    }
    if (fitsSerial(instant)) {
      return `${instant.fraction === '' ? whole : fractional}${row}${encodeSerial(instant)}</v></c>`;
    }
    return encodeText(kind === 'timestamptz' && !text.endsWith('+00') ? encodeUtc(instant) : text, row);
  };
}

const encoders: Record<ColumnKind, (column: Column, letters: string) => CellEncoder> = {
  int: wholeEncoder,
  int8: numberEncoder,
  numeric: numberEncoder,
  float: numberEncoder,
  boolean: booleanEncoder,
  date: (column, letters) => temporalEncoder('date', column, letters),
  timestamp: (column, letters) => temporalEncoder('timestamp', column, letters),
  timestamptz: (column, letters) => temporalEncoder('timestamptz', column, letters),
  json: textCellEncoder,
  xml: textCellEncoder,
  bytea: textCellEncoder,
  array: textCellEncoder,
  nested: textCellEncoder,
  text: textCellEncoder,
  other: textCellEncoder,
};

/** Makes the encoder of a column's values (never NULL). `letters` are the column's in the sheet. */
export function cellEncoder(column: Column, letters: string): CellEncoder {
  return encoders[column.kind](column, letters);
}
