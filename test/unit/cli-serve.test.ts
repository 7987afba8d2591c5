import { expect, it } from 'vitest';
import { runCli } from '../support/cli.ts';

it('pgclip serve reports every config var that it cannot read, and exits with 1', async () => {
  const env = {
    PORT: 'x',
    POOL_SIZE: '0',
    API_TOKEN: 'short-secret',
    DATABASE_URL: 'postgres://a:secret%@b/c',
  };
  const { code, stdout, stderr } = await runCli(['serve'], { env });
  expect(code).toBe(1);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines.map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual([
    'pgclip: API_TOKEN',
    'pgclip: DATABASE_URL',
    'pgclip: POOL_SIZE',
    'pgclip: PORT',
  ]);
  expect(stderr).not.toContain('secret');
});
