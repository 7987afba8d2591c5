/**
 * JSON: an array of objects, each on its own line and byte for byte what `row_to_json` writes; or, as Heroku's
 * Dataclips had it, the fields once and then the rows as arrays.
 */
import type { Column, Row } from '../domain/result-set.ts';
import type { Format, FormatOptions } from './format.ts';
import { encodeJsonString, jsonRowEncoder } from './json-value.ts';
import { uniqueKeys } from './keys.ts';
import { streamText, type TextBody } from './text-stream.ts';

function openBody(columns: readonly Column[], options: FormatOptions): TextBody {
  const numbers = options.numbers === 'string' ? 'string' : 'number';
  const asRows = options.shape === 'rows';
  const encode = jsonRowEncoder(columns, asRows ? { numbers } : { numbers, keys: uniqueKeys(columns) });
  const fields = columns.map((column) => encodeJsonString(column.name));
  const end = asRows ? ']}' : ']';
  return {
    head: asRows ? `{"fields":[${fields.join(',')}],"values":[` : '[',
    encodeRow: (row, index) => (index === 0 ? '\n' : ',\n') + encode(row),
    encodeTail: (rowCount) => (rowCount === 0 ? end : `\n${end}`),
  };
}

/** Rows in memory as the JSON text of an array of arrays, as in the shape `rows`. They must have come with `nestedJson`. */
export function valuesJson(columns: readonly Column[], rows: readonly Row[]): string {
  return `[${rows.map(jsonRowEncoder(columns, { numbers: 'number' })).join(',')}]`;
}

/** Arrays and composites come as Postgres's own JSON, which `numbers=string` leaves alone. */
export const json: Format = {
  name: 'json',
  title: 'JSON',
  mediaType: 'application/json',
  options: {
    shape: {
      values: ['objects', 'rows'],
      help: 'objects: an array of objects (default). rows: {"fields": […], "values": [[…]]}.',
    },
    numbers: {
      values: ['number', 'string'],
      help: 'string: columns of type bigint and numeric as strings, for readers that would round them.',
    },
  },
  nestedJson: true,
  encode: (result, options) => streamText(result, () => openBody(result.columns, options)),
};
