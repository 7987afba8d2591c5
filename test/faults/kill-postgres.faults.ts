/** `kill -9` of the backend of a freeze and of the whole PostgreSQL: the freeze fails, and the clip is as before. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { findFreePort, type Postgres, startPostgres } from '../../src/demo/postgres.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { waitFor } from '../support/server.ts';
import { describeTally, FreezeTrial, momentsOf, trialSetup } from './freeze-trial.ts';
import { openRandom } from './random.ts';
import { verifyAll } from './reading.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

const random = openRandom('kill-postgres');
const options = { fsync: 'off', full_page_writes: 'off' };

let dir: string;
let port: number;
let postgres: Postgres;
let database: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgclip-faults-postgres-'));
  port = await findFreePort();
  postgres = await startPostgres({ dir, port, options });
  database = await createTestDatabase(postgres.superuserUrl('postgres'));
  await executeSql(database.ownerUrl, ...trialSetup);
  server = await startServerProcess({
    DATABASE_URL: database.readerUrl,
    REDIS_URL: `${inject('redisUrl')}/9`,
  });
});
afterAll(async () => {
  await server?.kill();
  await postgres?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

/** Looks on from inside of PostgreSQL, and kills. Its connection dies with what it kills. */
class Killer {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(): Promise<Killer> {
    const client = new pg.Client({ connectionString: database.superuserUrl });
    client.on('error', () => {});
    await client.connect();
    return new Killer(client);
  }

  /** The server's backends, those at work first. */
  async #backends(): Promise<number[]> {
    const { rows } = await this.#client.query(`SELECT pid FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'pgclip' ORDER BY state <> 'active'`);
    return rows.map(({ pid }) => Number(pid));
  }

  /** PostgreSQL restarts itself then: nobody else's memory can be trusted. */
  async killBackend(): Promise<void> {
    const [pid] = await this.#backends();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  }

  async killPostmaster(): Promise<void> {
    const backends = await this.#backends();
    process.kill(postgres.pid, 'SIGKILL');
    // Whoever is left without a postmaster ends by itself.
    await waitFor(() => ![postgres.pid, ...backends].some(isAlive), 20_000);
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('killed at twenty moments: as before or whole', async () => {
  const trial = await FreezeTrial.open({ server, ownerUrl: database.ownerUrl });
  const lengthMs = await trial.measure();
  let killer: Killer;
  for (const [round, atMs] of momentsOf(random, 20, lengthMs).entries()) {
    const whole = round % 2 === 1;
    await trial.strike({
      prepare: async () => {
        killer = await Killer.open();
      },
      atMs,
      harm: () => (whole ? killer.killPostmaster() : killer.killBackend()),
      recover: async () => {
        await killer.close();
        if (whole) postgres = await startPostgres({ dir, port, options });
        await server.untilReady();
      },
      codes: ['database_unavailable'],
      storeKnows: true,
    });
  }
  console.log(`kill-postgres: ${describeTally(trial.tally, lengthMs)}`);
  expect(trial.tally.before).toBeGreaterThan(0);
  await verifyAll(server);
});
