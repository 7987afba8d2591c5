/**
 * `kill -9` of a remote while a link to it is made, is refreshed, and is read: the database has no link, the link as it
 * was, or the link whole; a clip over it fails or is whole, and works again when the remote is back. Between
 * PostgreSQL 15 and 18, both ways.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { findFreePort, startPostgres } from '../../src/demo/postgres.ts';
import {
  createTestDatabase,
  executeSql,
  findDebianPostgres,
  type TestDatabase,
} from '../support/postgres.ts';
import { Observer } from '../support/runs.ts';
import { type ClipAnswer, waitFor } from '../support/server.ts';
import { momentsOf } from './freeze-trial.ts';
import { openRandom } from './random.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('data-links');
const tableCount = 40;
const rowCount = 300_000;
const links = '/api/databases/DATABASE_URL/links';

/** A remote in a cluster of its own, to be killed and started again. */
interface Remote {
  readonly database: TestDatabase;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function startRemote(program: Awaited<ReturnType<typeof findDebianPostgres>>): Promise<Remote> {
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-remote-'));
  const options = { dir, port: await findFreePort(), ...program, options: { fsync: 'off' } };
  let postgres = await startPostgres(options);
  const database = await createTestDatabase(postgres.superuserUrl('postgres'));
  await executeSql(
    database.ownerUrl,
    ...Array.from(
      { length: tableCount },
      (_, n) => `CREATE TABLE t${n} (id bigint PRIMARY KEY, name text, mark int)`,
    ),
    `CREATE TABLE big AS SELECT n AS id, md5(n::text) AS hash FROM generate_series(1, ${rowCount}) AS n`,
  );
  return {
    database,
    async kill() {
      const backends = readFileSync(`/proc/${postgres.pid}/task/${postgres.pid}/children`, 'utf8');
      process.kill(postgres.pid, 'SIGKILL');
      // Whoever is left without a postmaster ends by itself.
      await waitFor(() => ![String(postgres.pid), ...backends.trim().split(' ')].some(isAlive), 20_000);
    },
    async start() {
      postgres = await startPostgres(options);
    },
    async stop() {
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: string): boolean {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}

/** All that a link consists of, and everything else of the database, as one text. */
async function describeDatabase(database: TestDatabase): Promise<string> {
  const observer = await Observer.open(database.superuserUrl);
  try {
    const parts = [
      `SELECT nspname, nspacl, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1`,
      `SELECT srvname, srvoptions, obj_description(oid, 'pg_foreign_server') FROM pg_foreign_server ORDER BY 1`,
      `SELECT srvname, usename, umoptions FROM pg_user_mappings ORDER BY 1, 2`,
      `SELECT c.oid::regclass, c.relacl, f.ftoptions FROM pg_class c LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
        WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY c.oid::regclass::text`,
      `SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid WHERE attnum > 0 AND NOT attisdropped
        AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY attrelid::regclass::text, 2`,
    ];
    const rows = [];
    for (const part of parts) rows.push(await observer.rows(part));
    return JSON.stringify(rows, null, 1);
  } finally {
    await observer.end();
  }
}

let closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Trial {
  readonly local: TestDatabase;
  readonly remote: Remote;
  readonly server: ServerProcess;
}

async function openTrial(
  localUrl: string,
  program: Awaited<ReturnType<typeof findDebianPostgres>>,
): Promise<Trial> {
  closing = [];
  const remote = await startRemote(program);
  closing.push(() => remote.stop());
  const local = await createTestDatabase(localUrl);
  closing.push(() => local.drop());
  await executeSql(
    local.superuserUrl,
    'CREATE EXTENSION postgres_fdw',
    `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO ${local.name}_owner`,
  );
  const dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-links-'));
  closing.push(() => rm(dir, { recursive: true, force: true }));
  const server = await startServerProcess({
    PGCLIP_DIR: dir,
    DATABASE_URL: local.readerUrl,
    DATABASE_OWNER_URL: local.ownerUrl,
    WAREHOUSE_URL: remote.database.readerUrl,
  });
  closing.push(() => server.kill());
  return { local, remote, server };
}

type LinkAnswer = { code?: string; tables?: number; warnings?: string[] };

/** What a call that the remote's death strikes may be answered with. */
const struckCodes = ['remote_unavailable', 'remote_refused'];

async function makeLink({ server }: Trial) {
  return server.call<LinkAnswer>('POST', links, { remote: 'WAREHOUSE_URL', as: 'w' });
}

/** Asks, kills the remote after a while, and gives the answer. The remote is back when it resolves. */
async function strike<T>({ remote, server }: Trial, atMs: number, ask: () => Promise<T>): Promise<T> {
  const asked = ask();
  await delay(atMs);
  await remote.kill();
  const answer = await asked;
  await remote.start();
  await server.untilReady();
  return answer;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const debian = await findDebianPostgres();
const pairs = [
  ['18 over 15', inject('postgresUrl'), debian],
  ['15 over 18', inject('postgres15Url'), {}],
] as const;

describe.each(pairs)('%s', (name, localUrl, program) => {
  it('killed while the link is made: no link, or a whole one', async () => {
    const trial = await openTrial(localUrl, program);
    const { server, local } = trial;
    const before = await describeDatabase(local);
    expect((await makeLink(trial)).status).toBe(201);
    const whole = withoutTimes(await describeDatabase(local));
    const destroy = async () => {
      expect((await server.call('DELETE', `${links}/w?confirm=w`)).status).toBe(204);
      expect(await describeDatabase(local)).toBe(before);
    };
    await destroy();
    const lengthMs = await timeOf(() => makeLink(trial));
    await destroy();
    let made = 0;
    // The second half of it takes statistics, when the link is there already.
    for (const atMs of momentsOf(random, 12, lengthMs / 2)) {
      const { status, body, text } = await strike(trial, atMs, () => makeLink(trial));
      if (status === 201) {
        made++;
        expect(withoutTimes(await describeDatabase(local))).toBe(whole);
        await destroy();
      } else {
        expect(struckCodes, text).toContain(body.code);
        expect(await describeDatabase(local)).toBe(before);
      }
    }
    console.log(
      `data-links ${name}: create of ${Math.round(lengthMs)} ms, ${made} of 12 whole, the others nothing`,
    );
    expect(made).toBeLessThan(12);
  });

  it('killed while the link is refreshed: as it was, or as the remote is', async () => {
    const trial = await openTrial(localUrl, program);
    const { server, local, remote } = trial;
    expect((await makeLink(trial)).status).toBe(201);
    await executeSql(local.ownerUrl, 'CREATE VIEW public.names AS SELECT id, name FROM w.t0');
    const refresh = () => server.call<LinkAnswer>('POST', `${links}/w/refresh`);
    const change = (round: number) =>
      executeSql(
        remote.database.ownerUrl,
        ...Array.from(
          { length: 10 },
          (_, n) => `ALTER TABLE t${n} ADD COLUMN c${round} int, DROP COLUMN IF EXISTS c${round - 1}`,
        ),
        `ALTER TABLE t11 ALTER COLUMN mark TYPE ${round % 2 ? 'bigint' : 'int'}`,
      );
    await change(1);
    const lengthMs = await timeOf(async () => expect((await refresh()).status).toBe(200));
    let refreshed = 0;
    for (const [round, atMs] of momentsOf(random, 12, lengthMs / 2).entries()) {
      await change(round + 2);
      const before = await describeDatabase(local);
      const { status, body, text } = await strike(trial, atMs, refresh);
      if (status === 200) refreshed++;
      else {
        expect(struckCodes, text).toContain(body.code);
        expect(await describeDatabase(local)).toBe(before);
        expect((await refresh()).status).toBe(200);
      }
      const again = await server.call<{ changes: unknown[] }>('GET', `${links}/w`);
      expect(again.body.changes).toEqual([]);
    }
    console.log(`data-links ${name}: refresh of ${Math.round(lengthMs)} ms, ${refreshed} of 12 done`);
    expect(refreshed).toBeLessThan(12);
    expect(await describeDatabase(local)).toContain('names');
  });

  it('killed while a clip reads: an error or all rows, and then all rows again', async () => {
    const trial = await openTrial(localUrl, program);
    const { server } = trial;
    expect((await makeLink(trial)).status).toBe(201);
    const saved = await server.call<ClipAnswer>('POST', '/api/clips', {
      name: 'Big',
      sql: 'SELECT id, hash FROM w.big ORDER BY id',
    });
    expect(saved.status, saved.text).toBe(201);
    const get = async () => {
      const response = await server.fetch(`/c/${saved.body.slug}.csv`);
      return { status: response.status, text: await response.text() };
    };
    let csv = '';
    const lengthMs = await timeOf(async () => {
      csv = (await get()).text;
    });
    expect(csv.split('\n')).toHaveLength(rowCount + 2);
    const seen = { whole: 0, refused: 0, broken: 0 };
    for (const atMs of momentsOf(random, 10, lengthMs)) {
      const answer = await strike(trial, atMs, () => get().catch(() => null));
      if (answer === null) seen.broken++;
      else if (answer.status === 200) {
        expect(answer.text === csv, 'what ended well is whole').toBe(true);
        seen.whole++;
      } else {
        expect(answer.status, answer.text).toBe(503);
        seen.refused++;
      }
      expect((await get()).text === csv, 'the remote is back').toBe(true);
    }
    console.log(`data-links ${name}: ${JSON.stringify(seen)}`);
    expect(seen.whole).toBeLessThan(10);
  });
});

/** Markers hold the times at which a link was made and refreshed. */
function withoutTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'T');
}
