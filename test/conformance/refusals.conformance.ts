/** What a format can't hold: which row and column the error names, at whatever place it stands. */
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

/** Code points below 65536 that XML 1.0, section 2.2 ("Char"), leaves out; 0 and the surrogates are in no text. */
const notInXml = [
  ...Array.from({ length: 31 }, (_, index) => index + 1).filter((code) => ![9, 10, 13].includes(code)),
  0xfffe,
  0xffff,
];

const characters = notInXml.map(
  (code, index): QueryCase => ({
    name: `U+${code.toString(16).padStart(4, '0')} in XML`,
    sql: `SELECT n, CASE n WHEN ${index + 1} THEN 'a' || chr(${code}) || 'b' ELSE 'fine' END AS "the text" FROM generate_series(1, 40) n`,
    formats: ['xml'],
    refused: { xml: new RegExp(`^Row ${index + 1}, column "the text": the text holds a control character`) },
  }),
);

function inXml(name: string, value: string): QueryCase {
  return {
    name: `${name} in XML`,
    sql: `SELECT 1 AS n, NULL AS v UNION ALL SELECT 2, ${value}`,
    formats: ['xml'],
    refused: { xml: /^Row 2, column "v": / },
  };
}

function inExcel(name: string, value: string, length: number): QueryCase {
  return {
    name: `${name} in Excel`,
    sql: `SELECT n, CASE n WHEN 3 THEN ${value} END AS "a ""v""" FROM generate_series(1, 5) n ORDER BY n`,
    formats: ['xlsx'],
    refused: { xlsx: new RegExp(`^Row 3, column "a \\\\"v\\\\"": the text has ${length} characters`) },
  };
}

describeGroup('refusals', [
  ...characters,
  inXml('an infinite date', `date 'infinity'`),
  inXml('an infinite timestamp', `timestamp '-infinity'`),
  inXml('an infinite timestamptz', `timestamptz 'infinity'`),
  inXml('an infinite date in an array', `ARRAY[NULL, date '-infinity']`),
  inXml('an infinite timestamptz in an array', `ARRAY[[now(), 'infinity'::timestamptz]]`),
  inXml('a control character in an array', `ARRAY['fine', chr(1)]`),
  inXml('a control character in a row', `ROW(1, chr(31))`),
  inXml('a control character in a "char"', `chr(2)::"char"`),
  inXml('a control character in a name', `chr(2)::name`),
  inExcel('one character too many', `repeat('ä', 32768)`, 32768),
  inExcel('characters outside of the basic plane', `repeat('😀', 16384)`, 32768),
  inExcel('a number of too many digits', `repeat('1', 32768)::numeric`, 32768),
  inExcel('a long array', `ARRAY[repeat('x', 32766)]`, 32768),
  inExcel('a long json', `to_json(repeat('x', 32766))`, 32768),
  inExcel('a long bytea', `decode(repeat('ab', 16383), 'hex')`, 32768),
]);
