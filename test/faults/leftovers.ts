/** What is left in a store that nobody can see: it has to be gone, or go by itself. */
import type { DatabaseSync } from 'node:sqlite';
import type { Redis } from 'ioredis';
import { listClips, listSnapshots } from './reading.ts';
import type { ServerProcess } from './server-process.ts';

/** All keys of pgclip. */
export async function readKeys(redis: Redis): Promise<string[]> {
  const keys: string[] = [];
  for await (const found of redis.scanStream({ match: 'pgclip:*', count: 1000 })) keys.push(...found);
  return keys;
}

/** Keys that hold chunks which no visible snapshot owns and that will not expire: there must be none. */
export async function findStrayKeys(redis: Redis, server: ServerProcess): Promise<string[]> {
  const visible = new Set<string>();
  for (const clip of await listClips(server))
    for (const { id } of await listSnapshots(server, clip.id)) visible.add(`{${clip.id}} ${id}`);
  const stray: string[] = [];
  for (const key of await readKeys(redis)) {
    const [, clip, kind, id] = /^pgclip:(\{\w+\}):(pending|snapshot|encodings):(\w+)/.exec(key) ?? [];
    if (kind === undefined || (kind !== 'pending' && visible.has(`${clip} ${id}`))) continue;
    // -2: it went while we looked; -1: it stays for ever.
    if ((await redis.pttl(key)) === -1) stray.push(key);
  }
  return stray;
}

/** How many lists of chunks wait for their expiry. */
export async function countPending(redis: Redis): Promise<number> {
  return (await readKeys(redis)).filter((key) => key.includes(':pending:')).length;
}

/** The same in a store file. */
export function countPendingRows(database: DatabaseSync): number {
  const row = database.prepare('SELECT count(*) AS found FROM snapshots WHERE metadata IS NULL').get();
  return Number(row?.found);
}
