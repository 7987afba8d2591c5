import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { CsvCounter } from '../../src/cli/csv-figures.ts';

it.each([
  ['names alone', 'a,b\n', 0],
  ['rows', 'a,b\n1,2\n3,4\n', 2],
  ['lines, commas and quotes inside of quotes', 'a\n"x\ny"\n"""\n"""\n"a,""b""\n\n"\n', 3],
  ['a name with a line end', '"a\nb"\n1\n', 1],
  ['empty lines, which are NULL', 'a\n\n\n', 2],
  ['carriage returns inside of quotes', 'a\n"x\r\ny"\n', 1],
])('counts %s, wherever the bytes are cut', (_, csv, rowCount) => {
  const bytes = Buffer.from(csv);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  for (let size = 1; size <= bytes.length; size++) {
    const counter = new CsvCounter();
    for (let at = 0; at < bytes.length; at += size) counter.add(bytes.subarray(at, at + size));
    expect(counter.end()).toEqual({ bytes: bytes.length, rowCount, sha256 });
  }
});
