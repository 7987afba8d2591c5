/** A question of the command line, asked of a person at a terminal. */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { ask, type Terminal } from '../../src/cli/terminal.ts';

/** Asks, sends the keys, and gives what came of it with what was shown last. */
async function answer(keys: string, isTTY = true, signal = new AbortController().signal) {
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: () => {} });
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  const terminal: Terminal = { env: {}, stdin, stdout: new PassThrough(), stderr, signal };
  stdin.write(keys);
  const line = await ask(terminal, 'Name? ').catch((error: unknown) => error);
  stderr.end();
  return { line, shown: (await text(stderr)).slice(-1) };
}

it('gives the line that was typed', async () => {
  expect((await answer(' warehouse \r')).line).toBe('warehouse');
});

it('asks nobody where there is none', async () => {
  expect(await answer('warehouse\r', false)).toEqual({ line: null, shown: '' });
});

it('takes Ctrl-D for no answer, and ends the line', async () => {
  expect(await answer('\u0004')).toEqual({ line: null, shown: '\n' });
});

it('takes Ctrl-C for leaving, and ends the line', async () => {
  expect(await answer('ware\u0003')).toMatchObject({
    line: { exitCode: 130, message: 'cancelled; nothing was changed.' },
    shown: '\n',
  });
});

it('ends when the command is told to', async () => {
  const { line } = await answer('', true, AbortSignal.abort());
  expect(line).toMatchObject({ name: 'AbortError' });
});
