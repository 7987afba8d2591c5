/**
 * `npm run bench`: pgclip beside its references, in one run on one machine: psql for live CSV, JSON and XML, SheetJS
 * for Excel, a bare node:http for frozen clips. Medians after a warm-up; prints a table and writes results.json.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../test/support/redis.ts';
import { queryOf, rowCounts, startBenchDatabase } from './database.ts';
import { benchLinks } from './links.ts';
import { api, download, token } from './pgclip.ts';
import { readCommand, readMemoryMb, resetPeak, type Server, startServer, timeCommand } from './processes.ts';
import { benchRedisLinks } from './redis-links.ts';
import { inTurn, median, report, results, runsOf } from './report.ts';
import { startWorker } from './worker.ts';

const formats = ['csv', 'json', 'ndjson', 'xml', 'xlsx'] as const;
const root = join(import.meta.dirname, '..');
const node = process.execPath;

/** `redisUrl` null: the embedded store, in a directory of its own. */
async function startPgclip(databaseUrl: string, redisUrl: string | null): Promise<Server> {
  return startServer(join(root, 'bin/pgclip.js'), ['serve'], {
    DATABASE_URL: databaseUrl,
    ...(redisUrl ? { REDIS_URL: redisUrl } : { PGCLIP_DIR: await mkdtemp(join(dir, 'store-')) }),
    API_TOKEN: token,
    PORT: '0',
  });
}

function psql(url: string, copy: string): () => Promise<number> {
  return () => timeCommand('psql', ['--no-psqlrc', '--quiet', '--command', copy, url]);
}

/** What each live format is held against. */
function referenceOf(format: (typeof formats)[number], rows: number) {
  const query = queryOf(rows);
  if (format === 'csv')
    return { name: 'psql COPY csv', copy: `COPY (${query}) TO STDOUT (FORMAT csv, HEADER)` };
  if (format === 'xml')
    return { name: 'psql COPY csv', copy: `COPY (${query}) TO STDOUT (FORMAT csv, HEADER)` };
  if (format === 'xlsx') return null;
  return { name: 'psql row_to_json', copy: `COPY (SELECT row_to_json(r) FROM (${query}) r) TO STDOUT` };
}

async function benchLive(databaseUrl: string, redisUrl: string, sheetRate: number): Promise<void> {
  for (const rows of rowCounts) {
    for (const format of formats) {
      // A server of its own for each, so that its memory is this format's.
      const server = await startPgclip(databaseUrl, redisUrl);
      try {
        const warm = await api(server, '/clips', { name: 'warm', sql: queryOf(1_000) });
        for (let i = 0; i < 3; i++) await download(`${server.url}/c/${warm.slug}.${format}`);
        const idleMb = await readMemoryMb(server.pid, 'VmRSS');
        await resetPeak(server.pid);
        const clip = await api(server, '/clips', { name: `live ${rows}`, sql: queryOf(rows) });
        const url = `${server.url}/c/${clip.slug}.${format}`;
        const reference = referenceOf(format, rows);
        const tasks = [() => download(url), ...(reference ? [psql(databaseUrl, reference.copy)] : [])];
        const [seconds = 0, referenceSeconds] = await inTurn(runsOf(rows), tasks);
        const rowsPerSecond = rows / seconds;
        report({
          what: `live ${format}`,
          rows,
          seconds,
          ...(reference && referenceSeconds
            ? { reference: reference.name, referenceSeconds, ratio: seconds / referenceSeconds }
            : { reference: 'SheetJS rows/s', ratio: rowsPerSecond / sheetRate }),
          rowsPerSecond,
          peakOverIdleMb: (await readMemoryMb(server.pid, 'VmHWM')) - idleMb,
          note: `idle ${idleMb.toFixed(0)} MB`,
        });
      } finally {
        await server.stop();
      }
    }
  }
}

async function benchFrozen(databaseUrl: string, redisUrl: string, dir: string): Promise<void> {
  for (const rows of rowCounts) {
    const server = await startPgclip(databaseUrl, redisUrl);
    try {
      const clip = await api(server, '/clips', { name: `frozen ${rows}`, sql: queryOf(rows) });
      const url = `${server.url}/c/${clip.slug}`;
      const live = () => download(`${url}.csv`);
      const idleMb = await readMemoryMb(server.pid, 'VmRSS');
      const freeze = async () => {
        const start = performance.now();
        await api(server, `/clips/${clip.id}/freeze`);
        const seconds = (performance.now() - start) / 1000;
        await api(server, `/clips/${clip.id}/thaw`);
        return seconds;
      };
      const [liveSeconds = 0, freezeSeconds = 0] = await inTurn(5, [live, freeze]);
      report({
        what: 'freeze into Redis',
        rows,
        seconds: freezeSeconds,
        reference: 'live csv',
        referenceSeconds: liveSeconds,
        ratio: freezeSeconds / liveSeconds,
        rowsPerSecond: rows / freezeSeconds,
        peakOverIdleMb: (await readMemoryMb(server.pid, 'VmHWM')) - idleMb,
      });
      await api(server, `/clips/${clip.id}/freeze`);
      for (const format of formats) {
        const first = await download(`${url}.${format}`);
        const file = join(dir, `body.${format}`);
        await timeCommand('curl', ['--silent', '--fail', '--output', file, `${url}.${format}`]);
        const bare = await startServer(
          node,
          [join(import.meta.dirname, 'bare-server.ts'), file, 'text/plain'],
          {},
        );
        const bytes = Number(await readCommand('stat', ['--format', '%s', file]));
        try {
          const [plain = 0, gzipped = 0, bareSeconds = 0] = await inTurn(runsOf(rows), [
            () => download(`${url}.${format}`),
            () => download(`${url}.${format}`, '--header', 'Accept-Encoding: gzip'),
            () => download(bare.url),
          ]);
          const rate = (seconds: number) => `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`;
          const reference = { reference: 'node:http', referenceSeconds: bareSeconds };
          report({
            what: `frozen ${format}`,
            rows,
            seconds: plain,
            ...reference,
            ratio: plain / bareSeconds,
            rowsPerSecond: rows / plain,
            note: `${rate(plain)}; the first one ${first.toFixed(2)} s`,
          });
          report({
            what: `frozen ${format}, gzip`,
            rows,
            seconds: gzipped,
            ...reference,
            ratio: gzipped / bareSeconds,
            rowsPerSecond: rows / gzipped,
            note: rate(gzipped),
          });
        } finally {
          await bare.stop();
        }
      }
    } finally {
      await server.stop();
    }
  }
}

/** Requests a second at 32 connections, by wrk. */
async function requestsPerSecond(url: string): Promise<number> {
  const text = await readCommand('wrk', ['--threads', '1', '--connections', '32', '--duration', '4s', url]);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
}

async function benchSmall(databaseUrl: string, redisUrl: string | null, dir: string): Promise<void> {
  const server = await startPgclip(databaseUrl, redisUrl);
  const file = join(dir, 'small.json');
  const sql = `${queryOf(1_000)} ORDER BY id LIMIT 100`;
  const clip = await api(server, '/clips', { name: 'small', sql, mode: 'frozen' });
  const url = `${server.url}/c/${clip.slug}.json`;
  await timeCommand('curl', ['--silent', '--fail', '--output', file, url]);
  const bare = await startServer(
    node,
    [join(import.meta.dirname, 'bare-server.ts'), file, 'application/json'],
    {},
  );
  try {
    const [rate = 0, bareRate = 0] = await inTurn(5, [
      () => requestsPerSecond(url),
      () => requestsPerSecond(bare.url),
    ]);
    report({
      what: `frozen json, 32 conn., ${redisUrl ? 'Redis' : 'embedded'}`,
      rows: 100,
      reference: 'node:http requests/s',
      ratio: rate / bareRate,
      note: `${rate.toFixed(0)}/s beside ${bareRate.toFixed(0)}/s`,
    });
  } finally {
    await bare.stop();
    await server.stop();
  }
}

/** Sends a GET on a socket of its own; resolves with the time of the first bytes of the body, and what they say. */
function firstBytes(url: URL): Promise<{ atMs: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    let text = '';
    let atMs = 0;
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      text += bytes;
      const body = text.indexOf('\r\n\r\n') + 4;
      if (body > 3 && text.length > body) atMs ||= performance.timeOrigin + performance.now();
      if (!/\n[\d.]+,/.test(text.slice(body))) return;
      socket.destroy();
      resolve({ atMs, text: text.slice(body) });
    });
    socket.write(`GET ${url.pathname} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n`);
  });
}

/** From the moment that Postgres makes the first row, told by the row itself, to the first byte at the client. */
async function benchFirstByte(databaseUrl: string, redisUrl: string): Promise<void> {
  const server = await startPgclip(databaseUrl, redisUrl);
  try {
    const sql = `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS at, hash
      FROM (SELECT pg_sleep(0.05)) s, bench_100000`;
    const clip = await api(server, '/clips', { name: 'first byte', sql });
    const delays: number[] = [];
    for (let run = 0; run < 22; run++) {
      const { atMs, text } = await firstBytes(new URL(`${server.url}/c/${clip.slug}.csv`));
      if (run > 0) delays.push(atMs - Number(/\n([\d.]+),/.exec(text)?.[1]));
    }
    report({ what: 'first byte after the first row', rows: 100_000, seconds: median(delays) / 1000 });
  } finally {
    await server.stop();
  }
}

async function sheetJsRate(databaseUrl: string, redisUrl: string, dir: string): Promise<number> {
  const server = await startPgclip(databaseUrl, redisUrl);
  const file = join(dir, 'rows.json');
  try {
    const clip = await api(server, '/clips', { name: 'rows', sql: queryOf(100_000) });
    await timeCommand('curl', [
      '--silent',
      '--fail',
      '--output',
      file,
      `${server.url}/c/${clip.slug}.json?shape=rows`,
    ]);
  } finally {
    await server.stop();
  }
  const rates: number[] = [];
  for (let run = 0; run < 6; run++) {
    const rate = Number(await readCommand(node, [join(import.meta.dirname, 'sheetjs.ts'), file]));
    if (run > 0) rates.push(rate);
  }
  const rowsPerSecond = median(rates);
  report({
    what: 'SheetJS writes a workbook',
    rows: 100_000,
    seconds: 100_000 / rowsPerSecond,
    rowsPerSecond,
  });
  return rowsPerSecond;
}

/** One who reads 100 KB/s of ten million rows: what he costs the server, of its memory and of its pool. */
async function benchSlowReader(databaseUrl: string, redisUrl: string): Promise<void> {
  const server = await startPgclip(databaseUrl, redisUrl);
  try {
    const rows = 10_000_000;
    const sql = `SELECT g AS id, md5(g::text) AS hash FROM generate_series(1, ${rows}) AS g`;
    const clip = await api(server, '/clips', { name: 'slow', sql });
    const url = `${server.url}/c/${clip.slug}.csv`;
    // curl ends with 28 when its time is up.
    const readFor = (seconds: number) =>
      timeCommand('sh', [
        '-c',
        `curl --silent --output /dev/null --limit-rate 100K --max-time ${seconds} "$0"; test $? = 28`,
        url,
      ]);
    await readFor(2);
    const idleMb = await readMemoryMb(server.pid, 'VmRSS');
    await resetPeak(server.pid);
    await readFor(20);
    const peakOverIdleMb = (await readMemoryMb(server.pid, 'VmHWM')) - idleMb;
    report({ what: 'a reader at 100 KB/s for 20 s', rows, peakOverIdleMb });
  } finally {
    await server.stop();
  }
}

/** A million rows through workerd, and how much its isolate holds meanwhile; its limit is 128 MB. */
async function benchWorker(databaseUrl: string, redisUrl: string): Promise<void> {
  const worker = await startWorker({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, API_TOKEN: token });
  try {
    const rows = 1_000_000;
    const clip = await api(worker, '/clips', { name: `worker ${rows}`, sql: queryOf(rows) });
    const measure = async (what: string, work: () => Promise<unknown>) => {
      const start = performance.now();
      const isolateMb = await worker.peakMb(work);
      const seconds = (performance.now() - start) / 1000;
      report({ what: `workerd: ${what}`, rows, seconds, rowsPerSecond: rows / seconds, isolateMb });
    };
    const url = `${worker.url}/c/${clip.slug}`;
    for (const format of formats) await measure(`live ${format}`, () => download(`${url}.${format}`));
    await measure('freeze', () => api(worker, `/clips/${clip.id}/freeze`));
    for (const format of formats) await measure(`frozen ${format}`, () => download(`${url}.${format}`));
  } finally {
    await worker.stop();
  }
}

const only = new Set(process.argv.slice(2));
const wanted = (part: string) => only.size === 0 || only.has(part);
const dir = await mkdtemp(join(tmpdir(), 'pgclip-bench-'));
const redis = await startRedis();
const database = await startBenchDatabase();
try {
  console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}\n`);
  if (wanted('small')) {
    await benchSmall(database.url, redis.url, dir);
    await benchSmall(database.url, null, dir);
  }
  if (wanted('first-byte')) await benchFirstByte(database.url, redis.url);
  if (wanted('live'))
    await benchLive(database.url, redis.url, await sheetJsRate(database.url, redis.url, dir));
  if (wanted('frozen')) await benchFrozen(database.url, redis.url, dir);
  if (wanted('slow')) await benchSlowReader(database.url, redis.url);
  if (wanted('links')) await benchLinks();
  if (wanted('redis-links')) await benchRedisLinks();
  if (wanted('worker')) await benchWorker(database.url, redis.url);
  await writeFile(join(import.meta.dirname, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
} finally {
  await database.stop();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
}
