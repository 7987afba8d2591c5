/** NDJSON: the objects of the JSON format, one a line. Source: github.com/ndjson/ndjson-spec. */
import type { Column } from '../domain/result-set.ts';
import type { Format, FormatOptions } from './format.ts';
import { jsonRowEncoder } from './json-value.ts';
import { uniqueKeys } from './keys.ts';
import { streamText, type TextBody } from './text-stream.ts';

const lineBreak = /[\n\r]/;
const lineBreaks = /[\n\r]/g;

function openBody(columns: readonly Column[], options: FormatOptions): TextBody {
  const encode = jsonRowEncoder(columns, {
    numbers: options.numbers === 'string' ? 'string' : 'number',
    keys: uniqueKeys(columns),
  });
  // Strings hold no raw line break, so one can only be insignificant whitespace of a value of type json.
  const mayBreak = columns.some(({ kind }) => kind === 'json' || kind === 'array' || kind === 'nested');
  return {
    head: '',
    encodeRow: (row) => {
      const line = encode(row);
      return `${mayBreak && lineBreak.test(line) ? line.replace(lineBreaks, ' ') : line}\n`;
    },
    encodeTail: () => '',
  };
}

export const ndjson: Format = {
  name: 'ndjson',
  title: 'NDJSON',
  mediaType: 'application/x-ndjson',
  options: {
    numbers: {
      values: ['number', 'string'],
      help: 'string: columns of type bigint and numeric as strings, for readers that would round them.',
    },
  },
  nestedJson: true,
  encode: (result, options) => streamText(result, () => openBody(result.columns, options)),
};
