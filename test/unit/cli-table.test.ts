import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { displayWidth, printTable } from '../../src/cli/table.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

interface Fruit {
  readonly name: string;
  readonly count: string;
}

const columns = [
  { title: 'NAME', cell: (fruit: Fruit) => fruit.name },
  { title: 'COUNT', cell: (fruit: Fruit) => fruit.count, align: 'right' as const },
];

async function print(
  rows: readonly Fruit[],
  screen: { isTTY?: boolean; columns?: number } = {},
  env: Record<string, string> = {},
): Promise<{ stdout: string; stderr: string }> {
  const stdout = Object.assign(new PassThrough(), screen);
  const stderr = new PassThrough();
  const terminal: Terminal = {
    env,
    stdin: new PassThrough(),
    stdout,
    stderr,
    signal: new AbortController().signal,
  };
  printTable(terminal, columns, rows, 'No fruit.');
  stdout.end();
  stderr.end();
  return { stdout: await text(stdout), stderr: await text(stderr) };
}

describe('printTable', () => {
  it('aligns by what a terminal shows, not by code units', async () => {
    const { stdout } = await print([
      { name: 'kiwi', count: '1' },
      { name: '日本 🍎', count: '200' },
      { name: 'cafe\u0301', count: '30' },
    ]);
    expect(stdout).toBe('NAME     COUNT\nkiwi         1\n日本 🍎    200\ncafe\u0301        30\n');
  });

  it('fits the terminal, the widest column giving way', async () => {
    const { stdout } = await print(
      [{ name: 'x'.repeat(100), count: '1' }],
      { isTTY: true, columns: 30 },
      { NO_COLOR: '1' },
    );
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map(displayWidth)).toEqual([30, 30]);
    expect(lines[1]).toMatch(/^x{22}… {6}1$/);
  });

  it('shortens and colours nothing where there is no terminal', async () => {
    const { stdout } = await print([{ name: 'x'.repeat(300), count: '1' }]);
    expect(stdout).toContain('x'.repeat(300));
    expect(stdout).not.toContain('\x1b');
  });

  it('prints bold titles on a terminal, unless NO_COLOR says no', async () => {
    const rows = [{ name: 'kiwi', count: '1' }];
    const screen = { isTTY: true, columns: 80 };
    expect((await print(rows, screen)).stdout).toContain('\x1b[1mNAME');
    expect((await print(rows, screen, { NO_COLOR: '1' })).stdout).not.toContain('\x1b');
  });

  it('lets no cell steer the terminal or break a line', async () => {
    const { stdout } = await print([{ name: 'a\x1b[2J\u202eb\r\nc', count: '1' }]);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stdout).toContain('a\ufffd[2J\ufffdb c');
  });

  it('says on stderr that there is nothing', async () => {
    expect(await print([])).toEqual({ stdout: '', stderr: 'No fruit.\n' });
  });
});
