/**
 * Values as XML content, equal to what `query_to_xml` writes. Source: map_sql_value_to_xml_value and escape_xml in
 * PostgreSQL's xml.c; XML 1.0, section 2.2, for the characters that XML can't hold at all.
 */
import { Buffer } from 'node:buffer';
import type { Column, ColumnKind } from '../domain/result-set.ts';
import { decodeArray } from './array-literal.ts';
import { isInfinite, xsdEncoder } from './temporal.ts';
import { ValueProblem } from './value-problem.ts';

type ValueEncoder = (text: string) => string;

// Everything but what XML allows and needs no escape.
const notPlain = /[^\t\n -%'-;=?-\ufffd]/;
const notAllowed = /[^\t\n\r -\ufffd]/;
const markup = /[&<>\r]/g;
const references: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#x0d;' };

function textEncoder(column: Column): ValueEncoder {
  return (text) => {
    if (!notPlain.test(text)) return text;
    if (notAllowed.test(text)) {
      throw new ValueProblem(
        column.name,
        'the text holds a control character that XML 1.0 has no way to write. Remove it with translate() or choose another format.',
      );
    }
    return text.replace(markup, (char) => references[char] ?? char);
  };
}

function temporalEncoder(kind: 'date' | 'timestamp' | 'timestamptz', column: Column): ValueEncoder {
  const encode = xsdEncoder(kind, column);
  return (text) => {
    if (isInfinite(text)) {
      throw new ValueProblem(
        column.name,
        'XML has no infinite dates. Cast the column to text or use nullif().',
      );
    }
    return encode(text);
  };
}

// libxml's xmlTextWriterWriteBase64 breaks lines after 72 characters.
const base64Line = /.{72}(?=.)/g;

function encodeBytea(text: string): string {
  return Buffer.from(text.slice(2), 'hex').toString('base64').replace(base64Line, '$&\r\n');
}

const asItIs: ValueEncoder = (text) => text;

const encoders: Record<ColumnKind, (column: Column) => ValueEncoder> = {
  int: () => asItIs,
  int8: () => asItIs,
  numeric: () => asItIs,
  float: () => asItIs,
  boolean: () => (text) => (text === 't' ? 'true' : 'false'),
  date: (column) => temporalEncoder('date', column),
  timestamp: (column) => temporalEncoder('timestamp', column),
  timestamptz: (column) => temporalEncoder('timestamptz', column),
  json: textEncoder,
  xml: () => asItIs,
  bytea: () => encodeBytea,
  array: arrayEncoder,
  nested: textEncoder,
  text: textEncoder,
  other: textEncoder,
};

/**
 * Arrays of any dimensions become a flat list in which NULLs are left out, as in Postgres; elements that are arrays of
 * their own, lists in it.
 */
function arrayEncoder(column: Column): ValueEncoder {
  const { elementArray, element = 'text', delimiter = ',', ...rest } = column;
  const encode = elementArray ? arrayEncoder({ ...rest, ...elementArray }) : encoders[element](column);
  return (text) => {
    let xml = '';
    for (const each of decodeArray(text, delimiter)) {
      if (each !== null) xml += `<element>${encode(each)}</element>`;
    }
    return xml;
  };
}

/** Makes the encoder of a column's values (never NULL). It may throw ValueProblem. */
export function xmlValueEncoder(column: Column): ValueEncoder {
  return encoders[column.kind](column);
}
