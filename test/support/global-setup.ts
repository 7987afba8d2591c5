/** Starts real PostgreSQL of two versions and one real Redis for the whole test run. A missing service fails the run. */
import type { TestProject } from 'vitest/node';
import { findDebianPostgres, startTestPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The superuser's URL; make a database of your own from it with `createTestDatabase`. */
    postgresUrl: string;
    /** The same of Debian's PostgreSQL (15 on Debian 12), as a remote or a local of another version. */
    postgres15Url: string;
    /** Database 0 of the shared Redis; use keys or a database of your own. */
    redisUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const postgres = await startTestPostgres();
    stops.push(postgres.stop);
    const postgres15 = await startTestPostgres(await findDebianPostgres());
    stops.push(postgres15.stop);
    const redis = await startRedis();
    stops.push(redis.stop);
    project.provide('postgresUrl', postgres.superuserUrl('postgres'));
    project.provide('postgres15Url', postgres15.superuserUrl('postgres'));
    project.provide('redisUrl', redis.url);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}
