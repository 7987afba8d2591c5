/** Scratch space: what is appended is read back, wherever it is kept, and nothing of it stays. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileScratch } from '../../src/adapters/scratch/files.ts';
import { memoryScratch } from '../../src/services/diff/memory-scratch.ts';
import { randomNumbers } from './diff-support.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-scratch-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe.each(['files', 'memory'] as const)('scratch space in %s', (kind) => {
  const scratch = () => (kind === 'files' ? fileScratch(dir) : memoryScratch());

  it('gives back what was appended, in pieces of any size', async () => {
    const random = randomNumbers(7);
    const space = scratch().open();
    const whole: number[] = [];
    for (let part = 0; part < 40; part++) {
      const bytes = Uint8Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256));
      expect(await space.append(bytes)).toBe(whole.length);
      whole.push(...bytes);
    }
    for (let round = 0; round < 200; round++) {
      const start = Math.floor(random() * whole.length);
      const length = Math.floor(random() * (whole.length - start + 1));
      expect([...(await space.read(start, length))]).toEqual(whole.slice(start, start + length));
    }
    await expect(space.read(whole.length - 1, 2)).rejects.toThrow();
    await space.close();
  });

  it('keeps spaces apart, and is closed once and for all', async () => {
    const [one, other] = [scratch().open(), scratch().open()];
    await one.append(Uint8Array.of(1));
    await other.append(Uint8Array.of(2));
    expect([...(await one.read(0, 1)), ...(await other.read(0, 1))]).toEqual([1, 2]);
    await one.close();
    await one.close();
    await expect(one.append(Uint8Array.of(3))).rejects.toThrow();
    await expect(one.read(0, 1)).rejects.toThrow();
    expect([...(await other.read(0, 1))]).toEqual([2]);
    await other.close();
  });
});

describe('a file', () => {
  it('is seen by nobody, even while it is used', async () => {
    const space = fileScratch(dir).open();
    expect(await readdir(dir)).toEqual([]);
    await space.append(Uint8Array.of(1));
    expect(await readdir(dir)).toEqual([]);
    await space.close();
  });

  it('that can not be made is an error, and closing still works', async () => {
    const space = fileScratch(join(dir, 'nowhere')).open();
    await expect(space.append(Uint8Array.of(1))).rejects.toMatchObject({ code: 'ENOENT' });
    await space.close();
  });
});

describe('memory', () => {
  it('ends where it is bounded, and says what to do', async () => {
    const space = memoryScratch(3 * 1024 * 1024).open();
    await space.append(new Uint8Array(3 * 1024 * 1024));
    await expect(space.append(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'diff_too_large',
      message: expect.stringContaining('3 MB'),
    });
    await space.close();
  });
});
