import { defineConfig } from 'vitest/config';

/** `npm run conformance`: run from the root of the project. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.conformance.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The line that each group prints is for people.
    disableConsoleIntercept: true,
  },
});
