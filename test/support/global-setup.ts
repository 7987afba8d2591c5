/** Starts one real PostgreSQL and one real Redis for the whole test run. A missing service fails the run. */
import type { TestProject } from 'vitest/node';
import { startTestPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The superuser's URL; make a database of your own from it with `createTestDatabase`. */
    postgresUrl: string;
    /** Database 0 of the shared Redis; use keys or a database of your own. */
    redisUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestPostgres();
  const redis = await startRedis().catch(async (error) => {
    await postgres.stop();
    throw error;
  });
  project.provide('postgresUrl', postgres.superuserUrl('postgres'));
  project.provide('redisUrl', redis.url);
  return async () => {
    await redis.stop();
    await postgres.stop();
  };
}
