/**
 * Dates and times as JSON and XML write them: the ISO text of Postgres becomes its XSD-like form ('T' between date
 * and time, offset with minutes), by moving text only. Source: EncodeDateTime with USE_XSD_DATES in PostgreSQL's
 * datetime.c; PostgreSQL manual, "Date/Time Output".
 */
import type { Column } from '../domain/result-set.ts';
import { ValueProblem } from './value-problem.ts';

const date = /^\d{4,7}-\d\d-\d\d(?: BC)?$/;
const timestamp = /^(\d{4,7}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?(?: BC)?)$/;
const timestamptz =
  /^(\d{4,7}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d)(:\d\d(?::\d\d)?)?((?: BC)?)$/;

const space = 32;
const plus = 43;
const minus = 45;

/** Whether the value is `infinity` or `-infinity`. */
export function isInfinite(text: string): boolean {
  return text === 'infinity' || text === '-infinity';
}

/** The problem of a value whose text the query brought into another form. */
export function notIso(column: string): ValueProblem {
  return new ValueProblem(
    column,
    'the date or time is not in ISO form, because the query changed DateStyle. Leave DateStyle alone or use to_char().',
  );
}

/** Whether the text begins `YYYY-MM-DD`, which no other DateStyle writes. */
function beginsWithIsoDate(text: string): boolean {
  return text.charCodeAt(4) === minus && text.charCodeAt(7) === minus;
}

/** Makes the encoder for one kind of column; infinities stay as they are. It throws ValueProblem for text that is not ISO. */
export function xsdEncoder(
  kind: 'date' | 'timestamp' | 'timestamptz',
  column: Column,
): (text: string) => string {
  const encode = xsdEncoders[kind];
  return (text) => encode(text, column.name);
}

const xsdEncoders = {
  date(text: string, column: string): string {
    if ((text.length === 10 && beginsWithIsoDate(text)) || date.test(text) || isInfinite(text)) return text;
    throw notIso(column);
  },
  timestamp(text: string, column: string): string {
    if (text.charCodeAt(10) === space && beginsWithIsoDate(text))
      return `${text.slice(0, 10)}T${text.slice(11)}`;
    const match = timestamp.exec(text);
    if (match) return `${match[1]}T${match[2]}`;
    if (isInfinite(text)) return text;
    throw notIso(column);
  },
  timestamptz(text: string, column: string): string {
    const sign = text.charCodeAt(text.length - 3);
    if ((sign === plus || sign === minus) && text.charCodeAt(10) === space && beginsWithIsoDate(text)) {
      return `${text.slice(0, 10)}T${text.slice(11)}:00`;
    }
    const match = timestamptz.exec(text);
    if (match) return `${match[1]}T${match[2]}${match[3] ?? ':00'}${match[4]}`;
    if (isInfinite(text)) return text;
    throw notIso(column);
  },
};
