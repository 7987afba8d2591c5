import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { AppError, errorTable, toAppError } from '../../src/domain/errors.ts';

describe('docs/errors.md', () => {
  it('lists exactly the errors that there are, each with its status, title and a way out', async () => {
    const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    const rows = text
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    expect(rows.map(([, code, status, title]) => [code, status, title])).toEqual(
      Object.entries(errorTable).map(([code, row]) => [`\`${code}\``, String(row.status), row.title]),
    );
    for (const row of rows) expect(row[4], row[1]).toMatch(/^[A-Z].{10,}\.$/);
  });
});

describe('toAppError', () => {
  it('keeps an AppError as it is', () => {
    const error = new AppError('clip_not_found', 'No clip is here.');
    expect(toAppError(error)).toBe(error);
    expect(error.status).toBe(404);
  });

  it.each([new Error('password hunter2'), 'password hunter2', null])(
    'tells nothing of what else was thrown: %s',
    (thrown) => {
      const error = toAppError(thrown);
      expect(error).toMatchObject({ code: 'internal', status: 500, cause: thrown });
      expect(error.message).not.toContain('hunter2');
    },
  );
});
