/**
 * Redis links: joins, scans and lookups of a linked Redis beside the same without the link, from PostgreSQL 18 and from
 * Debian's; how long they keep Redis from another client; what the gateway holds after it all. BENCH_REDIS_KEYS makes
 * it smaller.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { readSlowLog, watchPauses } from './pauses.ts';
import { api, callApi, download } from './pgclip.ts';
import { readCommand, readMemoryMb, resetPeak } from './processes.ts';
import { keyCount, keyOf, onStage, type Shop, type Stage, widgetCounts } from './redis-stage.ts';
import { inTurn, median, report, runsOf } from './report.ts';

/** Lookups by one psql; the first tenth is not counted. */
const lookups = 1_000;
const keysPerStep = 1_000;
/** How often each of the things is done again while another client watches. */
const watchedRuns = 2;
const settleMs = 1_000;

/** Resolves with its seconds. */
type Task = () => Promise<number>;

const wholeTables = [
  { what: 'whole redis table', columns: 'key, value' },
  { what: 'whole redis table with ttl', columns: '*' },
];

/** Measures all of it. */
export function benchRedisLinks(): Promise<void> {
  return onStage(async (stage) => {
    const { gateway } = stage;
    await delay(settleMs);
    // It has been read by the linking: the connections and the code of that are there.
    const idleMb = await readMemoryMb(gateway.pid, 'VmRSS');
    await resetPeak(gateway.pid);
    const [joins, scans] = [await makeJoins(stage), await makeScans(stage)];
    const lookUp = await makeLookups(stage);

    for (const each of joins) await benchJoin(stage, each);
    for (const each of scans) await benchScan(stage, each);
    await benchLookups(stage, lookUp);
    await benchPauses(stage, [
      ...joins.flatMap(({ joined }) => joined),
      ...scans.flatMap(({ tasks }) => tasks),
      ...lookUp,
    ]);

    await delay(settleMs);
    const overMb = (await readMemoryMb(gateway.pid, 'VmRSS')) - idleMb;
    report({
      what: 'gateway after it all',
      rows: keyCount,
      peakOverIdleMb: (await readMemoryMb(gateway.pid, 'VmHWM')) - idleMb,
      note: `+${overMb.toFixed(0)} MB a second later; idle ${idleMb.toFixed(0)} MB; target +150 MB`,
    });
  });
}

/** A download of a new clip in the shop. */
async function makeClip(
  { server }: Stage,
  { database }: Shop,
  sql: string,
): Promise<{ id: string; task: Task }> {
  const { id, slug } = await api(server, '/clips', { name: sql, sql, database });
  return { id, task: () => download(`${server.url}/c/${slug}.csv`) };
}

interface Joins {
  readonly count: number;
  /** By shop. */
  readonly joined: readonly Task[];
  readonly alone: readonly Task[];
}

async function makeJoins(stage: Stage): Promise<Joins[]> {
  const joins: Joins[] = [];
  for (const count of widgetCounts) {
    const [joined, alone]: [Task[], Task[]] = [[], []];
    for (const shop of stage.shops) {
      const clip = await makeClip(
        stage,
        shop,
        `SELECT w.id, w.name, w.stock, r.value AS views
         FROM widgets_${count} w JOIN hredis.redis r ON r.key = concat('widget:', w.id)`,
      );
      await checkReduced(stage, clip.id, count);
      joined.push(clip.task);
      alone.push((await makeClip(stage, shop, `SELECT w.id, w.name, w.stock FROM widgets_${count} w`)).task);
    }
    joins.push({ count, joined, alone });
  }
  return joins;
}

/** Throws unless the clip reads so many keys and no others. */
async function checkReduced({ server }: Stage, clip: string, count: number): Promise<void> {
  const { reductions } = (await callApi(server, `/clips/${clip}/explain`, { method: 'GET' })) as {
    reductions: readonly { reads: string; keys: number | null }[];
  };
  if (reductions.length !== 1 || reductions[0]?.reads !== 'keys' || reductions[0].keys !== count)
    throw new Error(`The join reads ${JSON.stringify(reductions)}`);
}

async function benchJoin({ shops }: Stage, { count, joined, alone }: Joins): Promise<void> {
  const times = await inTurn(runsOf(count), [...joined, ...alone]);
  for (const [index, { label }] of shops.entries()) {
    const [seconds = 0, referenceSeconds = 0] = [times[index], times[index + shops.length]];
    const target = count === 1_000 ? 'target +30 ms' : 'target 1 s';
    report({
      what: `join from a clip, ${label}`,
      rows: count,
      ...{ seconds, reference: 'without the join', referenceSeconds, ratio: seconds / referenceSeconds },
      rowsPerSecond: count / seconds,
      note: `+${((seconds - referenceSeconds) * 1000).toFixed(1)} ms; ${target}`,
    });
  }
}

interface Scans {
  readonly what: string;
  /** By shop. */
  readonly tasks: readonly Task[];
}

async function makeScans(stage: Stage): Promise<Scans[]> {
  const scans: Scans[] = [];
  for (const { what, columns } of wholeTables) {
    const tasks: Task[] = [];
    for (const shop of stage.shops)
      tasks.push((await makeClip(stage, shop, `SELECT ${columns} FROM hredis.redis`)).task);
    scans.push({ what, tasks });
  }
  return scans;
}

/** Every key and its value, as a program would read them that does nothing else. */
async function scanRaw(client: Redis): Promise<number> {
  const start = performance.now();
  let cursor = '0';
  let values = 0;
  do {
    const [next, keys] = await client.scan(cursor, 'COUNT', keysPerStep);
    if (keys.length > 0) values += (await client.mget(keys)).length;
    cursor = next;
  } while (cursor !== '0');
  if (values < keyCount) throw new Error(`SCAN has brought ${values} keys of ${keyCount}.`);
  return (performance.now() - start) / 1000;
}

async function benchScan({ client, shops }: Stage, { what, tasks }: Scans): Promise<void> {
  const times = await inTurn(runsOf(keyCount), [...tasks, () => scanRaw(client)]);
  const referenceSeconds = times.at(-1) ?? 0;
  for (const [index, { label }] of shops.entries()) {
    const seconds = times[index] ?? 0;
    report({
      what: `${what}, ${label}`,
      rows: keyCount,
      ...{ seconds, reference: 'SCAN + MGET', referenceSeconds, ratio: seconds / referenceSeconds },
      rowsPerSecond: keyCount / seconds,
      note: 'target 2.5',
    });
  }
}

/** The keys of the lookups, all over the keyspace. */
const lookedUp = Array.from({ length: lookups }, (_, n) => keyOf(1 + ((n * 611_953) % keyCount)));
const medianLookup = (ms: readonly number[]) => median(ms.slice(lookups / 10)) / 1000;

/** By shop: one psql that looks key after key up; the seconds of the median one, as psql tells them. */
async function makeLookups({ dir, shops }: Stage): Promise<Task[]> {
  const file = join(dir, 'lookups.sql');
  const statements = lookedUp.map((key) => `SELECT value FROM hredis.redis WHERE key = '${key}';`);
  await writeFile(file, `\\timing on\n${statements.join('\n')}\n`);
  const args = [
    '--no-psqlrc',
    '--quiet',
    '--set',
    'ON_ERROR_STOP=1',
    '--output',
    '/dev/null',
    '--file',
    file,
  ];
  return shops.map(({ url }) => async () => {
    const text = await readCommand('psql', [...args, url]);
    return medianLookup([...text.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, ms]) => Number(ms)));
  });
}

async function getRaw(client: Redis): Promise<number> {
  const times: number[] = [];
  for (const key of lookedUp) {
    const start = performance.now();
    await client.get(key);
    times.push(performance.now() - start);
  }
  return medianLookup(times);
}

async function benchLookups({ client, shops }: Stage, tasks: readonly Task[]): Promise<void> {
  const times = await inTurn(5, [...tasks, () => getRaw(client)]);
  const referenceSeconds = times.at(-1) ?? 0;
  for (const [index, { label }] of shops.entries()) {
    const seconds = times[index] ?? 0;
    report({
      what: `one key from psql, ${label}`,
      rows: 1,
      ...{ seconds, reference: 'GET', referenceSeconds, ratio: seconds / referenceSeconds },
      note: `+${((seconds - referenceSeconds) * 1000).toFixed(2)} ms; target +1 ms`,
    });
  }
}

/**
 * All of it once more, while another client PINGs the Redis, and one the idle Redis: what both see is the machine's. At
 * last with Redis before the others on the machine's cores, where that is allowed.
 */
async function benchPauses({ client, redis, idleRedis }: Stage, tasks: readonly Task[]): Promise<void> {
  for (const first of process.getuid?.() === 0 ? [false, true] : [false]) {
    await client.slowlog('RESET');
    const [busy, idle] = await watchPauses([redis, idleRedis], { first }, async () => {
      for (let run = 0; run < watchedRuns; run++) for (const task of tasks) await task();
    });
    const how = first ? ', first' : '';
    for (const [whose, seen] of [
      ['another client', busy],
      ['an idle Redis', idle],
    ] as const)
      report({
        what: `longest pause of ${whose}${how}`,
        rows: seen?.pings ?? 0,
        seconds: (seen?.longestMs ?? 0) / 1000,
        note: `over 10 ms: ${seen?.over10}, over 5 ms: ${seen?.over5}, mean ${seen?.meanMs.toFixed(3)} ms; target 10 ms`,
      });
    const slow = await readSlowLog(client);
    report({
      what: `longest command${how}`,
      rows: slow.length,
      seconds: (slow[0]?.ms ?? 0) / 1000,
      note: `${slow[0]?.command ?? 'none'}; over 5 ms: ${slow.filter(({ ms }) => ms > 5).length}, over 1 ms: ${slow.length}`,
    });
  }
}
