import { describe, expect, test } from 'vitest';
import { json, valuesJson } from '../../src/formats/json.ts';
import { ndjson } from '../../src/formats/ndjson.ts';
import { column, encodeText } from './format-support.ts';

/** What one value of a column becomes. */
async function encodeValue(...[kind, value]: [Parameters<typeof column>[0], string | null]): Promise<string> {
  const line = await encodeText(ndjson, [column(kind)], [[value]]);
  return line.slice('{"c":'.length, -'}\n'.length);
}

describe('JSON', () => {
  test('is an array of objects, one a line', async () => {
    const columns = [column('int', 'a'), column('text', 'b')];
    const rows = [
      ['1', 'x'],
      ['2', null],
      ['3', ''],
    ];
    expect(await encodeText(json, columns, rows)).toBe(
      '[\n{"a":1,"b":"x"},\n{"a":2,"b":null},\n{"a":3,"b":""}\n]',
    );
  });

  test('is an empty array without rows', async () => {
    expect(await encodeText(json, [column('int')], [])).toBe('[]');
    expect(await encodeText(json, [column('int')], [], { shape: 'rows' })).toBe(
      '{"fields":["c"],"values":[]}',
    );
  });

  test('has an empty object for each row of no columns', async () => {
    expect(await encodeText(json, [], [[], []])).toBe('[\n{},\n{}\n]');
    expect(await encodeText(json, [], [[], []], { shape: 'rows' })).toBe(
      '{"fields":[],"values":[\n[],\n[]\n]}',
    );
  });

  test.each([
    ['int8', '9007199254740993', '9007199254740993'],
    ['numeric', '123456789012345678901234567890.10', '123456789012345678901234567890.10'],
    ['numeric', 'NaN', '"NaN"'],
    ['float', '-Infinity', '"-Infinity"'],
    ['float', '1e+20', '1e+20'],
    ['boolean', 't', 'true'],
    ['boolean', 'f', 'false'],
    ['date', '0044-03-15 BC', '"0044-03-15 BC"'],
    ['date', 'infinity', '"infinity"'],
    ['date', '12345-01-01', '"12345-01-01"'],
    ['timestamp', '2024-02-29 12:34:56.789', '"2024-02-29T12:34:56.789"'],
    ['timestamp', '0044-03-15 01:02:03 BC', '"0044-03-15T01:02:03 BC"'],
    ['timestamp', '12345-01-01 00:00:00', '"12345-01-01T00:00:00"'],
    ['timestamptz', '2024-02-29 12:34:56+00', '"2024-02-29T12:34:56+00:00"'],
    ['timestamptz', '2024-02-29 12:34:56.5-03:30', '"2024-02-29T12:34:56.5-03:30"'],
    ['timestamptz', '1800-01-01 00:00:00+05:53:28', '"1800-01-01T00:00:00+05:53:28"'],
    ['timestamptz', '0044-03-15 01:02:03+00 BC', '"0044-03-15T01:02:03+00:00 BC"'],
    ['timestamptz', '-infinity', '"-infinity"'],
    ['json', '{"b": 1.10,  "a": 12345678901234567890}', '{"b": 1.10,  "a": 12345678901234567890}'],
    ['text', 'q"b\\s/\b\f\n\r\t\u0001\u001f\u007f', '"q\\"b\\\\s/\\b\\f\\n\\r\\t\\u0001\\u001f\u007f"'],
    ['text', 'é\u2028😀', '"é\u2028😀"'],
    ['bytea', '\\x00ff', '"\\\\x00ff"'],
    ['other', '1 day', '"1 day"'],
    ['text', null, 'null'],
  ] as const)('writes %s %j as Postgres does', async (kind, value, expected) => {
    expect(await encodeValue(kind, value)).toBe(expected);
  });

  test('takes arrays and composites from the JSON that came with them', async () => {
    const columns = [
      column('array', 'a', { element: 'int', jsonAt: 2 }),
      column('nested', 'b', { jsonAt: 3 }),
    ];
    const rows = [
      ['{1,NULL}', '(1,x)', '[1,null]', '{"f1":1,"f2":"x"}'],
      [null, null, null, null],
    ];
    expect(await encodeText(ndjson, columns, rows)).toBe(
      '{"a":[1,null],"b":{"f1":1,"f2":"x"}}\n{"a":null,"b":null}\n',
    );
  });

  test('tells columns of the same name apart without taking the name of another', async () => {
    const names = ['a', 'a', 'a_2', 'a', '?column?', 'q"\\'];
    const columns = names.map((name) => column('int', name));
    const row = ['1', '2', '3', '4', '5', '6'];
    expect(await encodeText(ndjson, columns, [row])).toBe(
      '{"a":1,"a_3":2,"a_2":3,"a_4":4,"?column?":5,"q\\"\\\\":6}\n',
    );
    expect(await encodeText(json, columns, [row], { shape: 'rows' })).toBe(
      '{"fields":["a","a","a_2","a","?column?","q\\"\\\\"],"values":[\n[1,2,3,4,5,6]\n]}',
    );
  });

  test('writes int8 and numeric as strings when asked to', async () => {
    const columns = [column('int', 'a'), column('int8', 'b'), column('numeric', 'n'), column('float', 'd')];
    const text = await encodeText(ndjson, columns, [['1', '2', '3.10', '4.5']], { numbers: 'string' });
    expect(text).toBe('{"a":1,"b":"2","n":"3.10","d":4.5}\n');
  });

  test('keeps one row on one line in NDJSON and the text of json elsewhere', async () => {
    const value = '{"a":\r\n 1, "b": "x\\ny"}';
    expect(await encodeText(ndjson, [column('json')], [[value]])).toBe('{"c":{"a":   1, "b": "x\\ny"}}\n');
    expect(await encodeText(json, [column('json')], [[value]])).toBe(`[\n{"c":${value}}\n]`);
  });

  test.each([
    ['date', '12/17/1997'],
    ['date', '17-12-1997'],
    ['timestamp', 'Wed Dec 17 07:37:16 1997'],
    ['timestamptz', '17.12.1997 07:37:16.00 CET'],
  ] as const)('refuses a %s in another DateStyle and names its place', async (kind, value) => {
    const columns = [column('int', 'id'), column(kind, 'when')];
    const rows = [
      ['1', null],
      ['2', null],
      ['3', value],
    ];
    const failure = await encodeText(json, columns, rows).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'value_not_representable' });
    expect(String(failure)).toContain('Row 3, column "when"');
    expect(String(failure)).not.toContain('1997');
  });

  test('gives rows in memory as JSON text', () => {
    expect(
      valuesJson(
        [column('int8'), column('text')],
        [
          ['9007199254740993', 'x'],
          [null, '"'],
        ],
      ),
    ).toBe('[[9007199254740993,"x"],[null,"\\""]]');
  });
});
