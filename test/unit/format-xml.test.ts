import { describe, expect, test } from 'vitest';
import { xml } from '../../src/formats/xml.ts';
import { xmlName } from '../../src/formats/xml-name.ts';
import { column, encodeText } from './format-support.ts';

const open = '<table xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n\n';
const close = '</table>\n';

async function encodeValue(value: string, ...rest: Parameters<typeof column>): Promise<string> {
  const text = await encodeText(xml, [column(...rest)], [[value]]);
  return text.slice(`${open}<row>\n  <c>`.length, -`</c>\n</row>\n\n${close}`.length);
}

describe('XML', () => {
  test('lays rows out as query_to_xml does', async () => {
    const columns = [column('int', 'a b'), column('text', 'a b')];
    expect(
      await encodeText(xml, columns, [
        ['1', null],
        ['2', ''],
      ]),
    ).toBe(
      `${open}<row>\n  <a_x0020_b>1</a_x0020_b>\n  <a_x0020_b_2 xsi:nil="true"/>\n</row>\n\n` +
        `<row>\n  <a_x0020_b>2</a_x0020_b>\n  <a_x0020_b_2></a_x0020_b_2>\n</row>\n\n${close}`,
    );
    expect(await encodeText(xml, columns, [])).toBe(open + close);
    expect(await encodeText(xml, [], [[]])).toBe(`${open}<row>\n</row>\n\n${close}`);
  });

  test.each([
    ['xml', '_x0078_ml'],
    ['XMLa', '_x0058_MLa'],
    ['a:b', 'a_x003A_b'],
    ['_x0041_', '_x005F_x0041_'],
    ['1a', '_x0031_a'],
    ['a.b-1', 'a.b-1'],
    ['?column?', '_x003F_column_x003F_'],
    ['é日本', 'é日本'],
    ['a😀', 'a_x1F600_'],
    ['·x', '_x00B7_x'],
    ['a·x', 'a·x'],
  ])('names the element of %j %j', (name, expected) => {
    expect(xmlName(name)).toBe(expected);
  });

  test.each([
    ['text', '<a> & "b"\r\n\t', '&lt;a&gt; &amp; "b"&#x0d;\n\t'],
    ['xml', '<a>&amp;</a>', '<a>&amp;</a>'],
    ['json', '{"a": "<"}', '{"a": "&lt;"}'],
    ['boolean', 't', 'true'],
    ['float', '-Infinity', '-Infinity'],
    ['timestamp', '2024-02-29 12:00:00.5', '2024-02-29T12:00:00.5'],
    ['timestamptz', '2024-02-29 12:00:00+05:30', '2024-02-29T12:00:00+05:30'],
    ['bytea', '\\xdeadbeef', '3q2+7w=='],
    ['bytea', '\\x', ''],
    ['bytea', `\\x${'ab'.repeat(54)}`, 'q6ur'.repeat(18)],
    ['bytea', `\\x${'ab'.repeat(55)}`, `${'q6ur'.repeat(18)}\r\nqw==`],
  ] as const)('writes %s %j as Postgres does', async (kind, value, expected) => {
    expect(await encodeValue(value, kind)).toBe(expected);
  });

  test.each([
    ['int', ',', '{1,NULL,3}', ['1', '3']],
    ['int', ',', '{}', []],
    ['int', ',', '[0:1]={5,6}', ['5', '6']],
    ['int', ',', '{{1,2},{3,4}}', ['1', '2', '3', '4']],
    ['int', ',', '1 2', ['1', '2']],
    ['text', ',', '{a,"b, \\"c\\" \\\\","NULL","",NULL,"<"}', ['a', 'b, "c" \\', 'NULL', '', '&lt;']],
    ['other', ';', '{(1,1),(0,0);(3,3),(2,2)}', ['(1,1),(0,0)', '(3,3),(2,2)']],
    ['boolean', ',', '{t,f}', ['true', 'false']],
    ['bytea', ',', '{"\\\\x01"}', ['AQ==']],
    ['timestamp', ',', '{"2024-01-01 00:00:00"}', ['2024-01-01T00:00:00']],
  ] as const)('flattens an array of %s with %j: %s', async (element, delimiter, value, elements) => {
    const expected = elements.map((each) => `<element>${each}</element>`).join('');
    expect(await encodeValue(value, 'array', 'c', { element, delimiter })).toBe(expected);
  });

  test.each([
    ['text', '{"{a,\\"b,c\\",NULL}","{}",NULL}', [['a', 'b,c'], []]],
    ['int', '{"1 2","",NULL,3}', [['1', '2'], [], ['3']]],
  ] as const)('keeps lists in a list of arrays of %s: %s', async (element, value, lists) => {
    const inXml = (each: string) => `<element>${each}</element>`;
    const expected = lists.map((list) => inXml(list.map(inXml).join(''))).join('');
    const elementArray = { element, delimiter: ',' };
    expect(await encodeValue(value, 'array', 'c', { elementArray, delimiter: ',' })).toBe(expected);
  });

  test.each([
    ['text', 'a\u0001b', /control character/],
    ['text', 'a\uffff', /control character/],
    ['date', 'infinity', /infinite/],
    ['timestamptz', '-infinity', /infinite/],
    ['date', '17/12/1997', /DateStyle/],
  ] as const)('refuses %s %j and names its place', async (kind, value, reason) => {
    const failure = await encodeText(
      xml,
      [column('int', 'id'), column(kind, 'x')],
      [
        ['1', null],
        ['2', value],
      ],
    ).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'value_not_representable' });
    expect(String(failure)).toMatch(/Row 2, column "x"/);
    expect(String(failure)).toMatch(reason);
  });
});
