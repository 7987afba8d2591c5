/**
 * `pgclip demo`: a PostgreSQL with two databases full of real data, a link between them, a store, a server and clips
 * worth looking at, from nothing. What it makes is kept in PGCLIP_DIR; what it starts ends with it, whenever and
 * however it ends.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openLog } from '../cli/log.ts';
import { aborted } from '../cli/serve.ts';
import { bold, CliError, printLine, type Terminal } from '../cli/terminal.ts';
import { parseSettings, type Settings, settingsTable } from '../config/settings.ts';
import { findOrMakeToken, makeDirectory } from '../config/token.ts';
import { openApi } from './api.ts';
import { type DemoClipUrls, saveDemoClips } from './clips.ts';
import { type DemoDatabase, getDemoDatabase } from './database.ts';
import { analyticsDatabase, demoDatabase } from './databases.ts';
import { linkDatabases } from './links.ts';
import { startPostgres } from './postgres.ts';
import { hasRedisServer, startRedis } from './redis.ts';

const portAttempts = 100;

/** Runs the demo until `terminal.signal`; then everything it started has ended. */
export async function runDemo(terminal: Terminal): Promise<void> {
  const running = new RunningParts();
  const start = startDemo(terminal, running);
  // When the person leaves in the middle, what fails then fails because of that.
  const ended = aborted(terminal.signal);
  start.catch(() => {});
  try {
    await Promise.race([start, ended]);
    await ended;
  } finally {
    await running.stop();
  }
}

/** What has been started, to be stopped in the opposite order. */
class RunningParts {
  readonly #stops: (() => Promise<void>)[] = [];
  #stopping = false;

  /** Keeps a part, or stops it at once when everything is being stopped already. */
  async add<T>(part: T, stop: () => Promise<void>): Promise<T> {
    if (this.#stopping) {
      await stop();
      throw new Error('The demo is ending.');
    }
    this.#stops.push(stop);
    return part;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

async function startDemo(terminal: Terminal, running: RunningParts): Promise<void> {
  const say = (line: string) => terminal.stderr.write(`${line}\n`);
  // The databases are the demo's own; those of the environment are left alone.
  const env = Object.fromEntries(settingsTable.map(({ name }) => [name, terminal.env[name]]));
  const given = parseSettings(env, 'node');
  await makeDirectory(given.dir);
  const token = given.apiToken ?? (await findOrMakeToken(given.dir)).token;

  say('Starting PostgreSQL …');
  const postgres = await startPostgres({ dir: join(given.dir, 'postgres') });
  await running.add(postgres, postgres.stop);
  const getDatabase = (database: DemoDatabase) =>
    getDemoDatabase(postgres.superuserUrl, database, () =>
      say(`Loading the database ${database.name}, once …`),
    );
  const demo = await getDatabase(demoDatabase);
  const analytics = await getDatabase(analyticsDatabase);
  const urls = {
    DATABASE_URL: demo.url,
    DATABASE_OWNER_URL: demo.ownerUrl,
    WAREHOUSE_URL: analytics.url,
    REDIS_URL: (await openStore(given, running)) ?? '',
  };
  const settings = parseSettings({ ...env, API_TOKEN: token, ...urls }, 'node');
  const url = await serveOnFreePort(terminal, settings, running);
  const call = openApi(url, token);
  say('Linking the databases …');
  await linkDatabases(call);
  say('Saving the clips …');
  const clips = await saveDemoClips(call);
  printLine(terminal, describe(terminal, `${url}/sign-in?token=${token}`, clips, given.dir));
}

function describe(terminal: Terminal, signIn: string, clips: DemoClipUrls, dir: string): string {
  return [
    '',
    `  ${bold(terminal, 'pgclip demo')}`,
    '',
    `  Sign in        ${signIn}`,
    `  A live clip    ${clips.live}`,
    `  A frozen clip  ${clips.frozen}`,
    `  A linked clip  ${clips.linked}  (joins two databases)`,
    '',
    `  Ctrl-C stops it; what it made stays in ${dir}.`,
    '',
  ].join('\n');
}

type StoreKind = 'redis' | 'embedded';

/**
 * The Redis that REDIS_URL names, else one of our own, else null for the embedded store. What the first start chose
 * stays, so that its clips are found again.
 */
async function openStore(given: Settings, running: RunningParts): Promise<string | null> {
  if (given.redisUrl !== null) return given.redisUrl;
  const file = join(given.dir, 'demo-store');
  const chosen = (await readFile(file, 'utf8').catch(() => '')).trim();
  const kind: StoreKind =
    chosen === 'redis' || chosen === 'embedded' ? chosen : hasRedisServer() ? 'redis' : 'embedded';
  await writeFile(file, `${kind}\n`);
  if (kind === 'embedded') return null;
  if (!hasRedisServer())
    throw new CliError(
      `the clips of this demo are in Redis, and there is no redis-server; remove ${given.dir} to start anew.`,
    );
  const redis = await startRedis(join(given.dir, 'redis'));
  return (await running.add(redis, redis.stop)).url;
}

async function serveOnFreePort(
  terminal: Terminal,
  settings: Settings,
  running: RunningParts,
): Promise<string> {
  const { startServer } = await import('../node.ts');
  for (let port = settings.port; ; port++) {
    try {
      const server = await startServer({ settings: { ...settings, port }, log: openLog(terminal) });
      return (await running.add(server, () => server.close())).url;
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!taken || port >= Math.min(settings.port + portAttempts, 65_535)) throw error;
    }
  }
}
