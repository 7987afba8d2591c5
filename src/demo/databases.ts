/** The two databases of the demo, by what they are made of. */
import { readAnalyticsTables } from './analytics-data.ts';
import { analyticsSchemaSql } from './analytics-schema.ts';
import { readDemoTables } from './data.ts';
import type { DemoDatabase } from './database.ts';
import { schemaSql } from './schema.ts';

/** What most clips read, and what the other one is linked into. */
export const demoDatabase: DemoDatabase = { name: 'demo', schemaSql, readTables: readDemoTables };

/** The remote of the demo's data link. */
export const analyticsDatabase: DemoDatabase = {
  name: 'analytics',
  schemaSql: analyticsSchemaSql,
  readTables: readAnalyticsTables,
};
