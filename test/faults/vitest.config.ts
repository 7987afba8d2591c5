import { defineConfig } from 'vitest/config';

/** `npm run faults`: run from the root of the project. One file after the other: each wants the machine for itself. */
export default defineConfig({
  test: {
    include: ['test/faults/**/*.faults.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 120_000,
    // The lines that each file prints, its seed among them, are for people.
    disableConsoleIntercept: true,
  },
});
