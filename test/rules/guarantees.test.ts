/** `docs/guarantees.md` names the tests that hold each promise: they have to be there. */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, it } from 'vitest';

it('names tests that exist', async () => {
  const text = await readFile('docs/guarantees.md', 'utf8');
  const named = [...text.matchAll(/`([\w./-]+\.ts)`/g)].map((found) => found[1] as string);
  expect(named.length).toBeGreaterThan(10);
  const files = (await readdir('test', { recursive: true })).map((file) => `test/${file}`);
  const names = new Set(files.map((file) => basename(file)));
  const missing = named.filter((name) => !(name.includes('/') ? files.includes(name) : names.has(name)));
  expect(missing).toEqual([]);
});

it('leaves out no test of faults', async () => {
  const text = await readFile('docs/guarantees.md', 'utf8');
  const files = (await readdir('test/faults')).filter((file) => file.endsWith('.faults.ts'));
  expect(files.filter((file) => !text.includes(file))).toEqual([]);
});
