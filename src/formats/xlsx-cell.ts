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

/** Everything of a cell after its reference: `<c r="A1"` + ` s="2"><v>45000</v></c>`. May throw ValueProblem. */
export type CellEncoder = (text: string) => string;

/** Longest text of a cell, in UTF-16 units. */
const maxTextLength = 32_767;

// Everything but what an XML text of Excel can hold as it is.
const mustEscape = /[^\t\n -%'-;=?-\ufffd]|_x/;
const escapes = /[^\t\n -%'-;=?-\ufffd]|_(?=x[\dA-Fa-f]{4}_)/g;
const references: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

function escapeCharacter(char: string): string {
  return references[char] ?? `_x${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;
}

const blank = 32;

/** Makes the encoder of texts; they are inline strings, which Excel never takes for formulas. */
export function textCellEncoder(column: Column, style: number = cellStyles.general): CellEncoder {
  const attributes = `${style === cellStyles.general ? '' : ` s="${style}"`} t="inlineStr"`;
  const open = `${attributes}><is><t>`;
  const openPreserving = `${attributes}><is><t xml:space="preserve">`;
  return (text) => {
    if (text.length > maxTextLength) {
      throw new ValueProblem(
        column.name,
        `the text has ${text.length} characters and a cell of Excel holds 32,767. Shorten it with left() or choose another format.`,
      );
    }
    const padded = text.charCodeAt(0) <= blank || text.charCodeAt(text.length - 1) <= blank;
    const escaped = mustEscape.test(text) ? text.replace(escapes, escapeCharacter) : text;
    return `${padded ? openPreserving : open}${escaped}</t></is></c>`;
  };
}

const numberParts = /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;
const maxDigits = 15;
/** Excel has no denormal numbers and ends below 1E308. */
const maxExponent = 307;

const zero = 48;
const nine = 57;

/** Whether Excel keeps the number as it is: at most 15 significant digits and neither too large nor too small. */
function fitsNumber(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  // NaN and the infinities.
  if (last < zero || last > nine) return false;
  if (text.length <= maxDigits && !text.includes('e')) return true;
  const [, whole = '', decimals = '', exponent = '0'] = numberParts.exec(text) ?? [];
  const digits = `${whole}${decimals.replace(/0+$/, '')}`.replace(/^0+/, '');
  return (
    digits.length <= maxDigits && text.length <= maxExponent && Math.abs(Number(exponent)) <= maxExponent
  );
}

const wholeNumber = ` s="${cellStyles.whole}"><v>`;

function numberEncoder(column: Column): CellEncoder {
  const encodeText = textCellEncoder(column);
  return (text) => {
    if (!fitsNumber(text)) return encodeText(text);
    // The general format would show 123456789012 as 1.23457E+11.
    return `${text.includes('.') || text.includes('e') ? '><v>' : wholeNumber}${text}</v></c>`;
  };
}

const booleanEncoder = (): CellEncoder => (text) => ` t="b"><v>${text === 't' ? 1 : 0}</v></c>`;

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
  return String((ms + epochDay * daySeconds * 1000) / (daySeconds * 1000));
}

function temporalEncoder(kind: 'date' | 'timestamp' | 'timestamptz', column: Column): CellEncoder {
  const encodeText = textCellEncoder(column);
  const wholeSeconds = kind === 'date' ? cellStyles.date : cellStyles.timestamp;
  return (text) => {
    const instant = parseInstant(text);
    if (!instant) {
      if (isInfinite(text)) return encodeText(text);
      throw notIso(column.name);
    }
    if (!fitsSerial(instant)) return encodeText(kind === 'timestamptz' ? encodeUtc(instant) : text);
    const style = instant.fraction === '' ? wholeSeconds : cellStyles.timestampMs;
    return ` s="${style}"><v>${encodeSerial(instant)}</v></c>`;
  };
}

const text = (column: Column): CellEncoder => textCellEncoder(column);

const encoders: Record<ColumnKind, (column: Column) => CellEncoder> = {
  int: () => (text) => `${wholeNumber}${text}</v></c>`,
  int8: numberEncoder,
  numeric: numberEncoder,
  float: numberEncoder,
  boolean: booleanEncoder,
  date: (column) => temporalEncoder('date', column),
  timestamp: (column) => temporalEncoder('timestamp', column),
  timestamptz: (column) => temporalEncoder('timestamptz', column),
  json: text,
  xml: text,
  bytea: text,
  array: text,
  nested: text,
  text,
  other: text,
};

/** Makes the encoder of a column's values (never NULL). */
export function cellEncoder(column: Column): CellEncoder {
  return encoders[column.kind](column);
}
