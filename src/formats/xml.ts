/**
 * XML: the SQL/XML mapping of ISO 9075-14, byte for byte what `query_to_xml(sql, true, false, '')` writes but for
 * columns of the same name, which are told apart as in JSON. Source: PostgreSQL manual, "Mapping Tables to XML".
 */
import type { Column, Row } from '../domain/result-set.ts';
import type { Format } from './format.ts';
import { uniqueKeys } from './keys.ts';
import { streamText, type TextBody } from './text-stream.ts';
import { xmlName } from './xml-name.ts';
import { xmlValueEncoder } from './xml-value.ts';

function openBody(columns: readonly Column[]): TextBody {
  const keys = uniqueKeys(columns);
  const cells = columns.map((column, at) => {
    const name = xmlName(keys[at] ?? '');
    return {
      at,
      open: `  <${name}>`,
      close: `</${name}>\n`,
      none: `  <${name} xsi:nil="true"/>\n`,
      encode: xmlValueEncoder(column),
    };
  });
  return {
    head: '<table xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n\n',
    encodeRow: (row: Row) => {
      let text = '<row>\n';
      for (const cell of cells) {
        const value = row[cell.at];
        text +=
          value === null || value === undefined ? cell.none : cell.open + cell.encode(value) + cell.close;
      }
      return `${text}</row>\n\n`;
    },
    encodeTail: () => '</table>\n',
  };
}

export const xml: Format = {
  name: 'xml',
  title: 'XML',
  mediaType: 'application/xml; charset=utf-8',
  options: {},
  nestedJson: false,
  encode: (result) => streamText(result, () => openBody(result.columns)),
};
