import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { formatNames } from '../../src/cli/download.ts';
import { formatBytes, startFreezeLine, startLinkLine, startProgress } from '../../src/cli/progress.ts';
import { formats } from '../../src/formats/registry.ts';

/** What is drawn, with `<` for going back to an empty line. */
async function draw(isTTY: boolean, totalBytes: number | null, bytes: number): Promise<string> {
  const output = Object.assign(new PassThrough(), { isTTY });
  const progress = startProgress(output, totalBytes);
  progress.add(bytes);
  progress.end();
  output.end();
  return (await text(output)).replaceAll('\r\x1b[K', '<');
}

it('shows a bar and percents where the length is known, and erases it', async () => {
  const drawn = await draw(true, 4000, 3000);
  expect(drawn).toMatch(/^<\[#{18} {6}\] {2}75% {2}3\.0 kB {2}\S+ .?B\/s<$/);
});

it('shows bytes and rate where it is not', async () => {
  expect(await draw(true, null, 3000)).toMatch(/^<3\.0 kB {2}\S+ .?B\/s<$/);
});

it('shows nothing where there is no terminal', async () => {
  expect(await draw(false, 4000, 3000)).toBe('');
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [12_345_678, '12.3 MB'],
  [1e15, '1000.0 TB'],
])('formatBytes(%d) is %s', (bytes, written) => {
  expect(formatBytes(bytes)).toBe(written);
});

it('the command line knows every format', () => {
  expect([...formatNames].sort()).toEqual(['html', ...formats.map((format) => format.name)].sort());
});

it('shows rows, size and time of a freeze, and nothing where there is no terminal', async () => {
  for (const isTTY of [true, false]) {
    const output = Object.assign(new PassThrough(), { isTTY });
    const line = startFreezeLine(output);
    line.show({ rows: 12_345, bytes: 678_000 });
    line.end();
    output.end();
    const drawn = (await text(output)).replaceAll('\r\x1b[K', '<');
    expect(drawn).toBe(isTTY ? '<Freezing: 12,345 rows  678.0 kB  0 s<' : '');
  }
});

it('shows the step of a link that is being made, and its tables once it has some', async () => {
  const output = Object.assign(new PassThrough(), { isTTY: true });
  const line = startLinkLine(output);
  line.show({ step: 'reading the remote', done: 0, total: 0 });
  line.show({ step: 'making tables', done: 500, total: 1200 });
  line.end();
  output.end();
  expect((await text(output)).replaceAll('\r\x1b[K', '<')).toBe(
    '<Linking: reading the remote  0 s<Linking: making tables, 500 of 1,200 tables  0 s<',
  );
});
