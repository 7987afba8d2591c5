/**
 * `pgclip demo`: a PostgreSQL with two databases full of real data, a link between them, a store, a server and clips
 * worth looking at, from nothing; with a Redis also a shop that counts page views in it, and a link to them. What it
 * makes is kept in PGCLIP_DIR; what it starts ends with it, whenever and however it ends.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { openLog } from '../cli/log.ts';
import { aborted } from '../cli/serve.ts';
import { bold, CliError, printLine, type Terminal } from '../cli/terminal.ts';
import { parseSettings, type Settings, settingsTable } from '../config/settings.ts';
import { findOrMakeToken, makeDirectory } from '../config/token.ts';
import { openApi } from './api.ts';
import { type Counters, counterPrefix, openCounters } from './counters.ts';
import { type DemoDatabase, getDemoDatabase } from './database.ts';
import { analyticsDatabase, demoDatabase } from './databases.ts';
import { type DemoLink, linkName, linkRemotes, redisLinkName } from './links.ts';
import { startPostgres } from './postgres.ts';
import { hasRedisServer, startRedis } from './redis.ts';
import { type DemoClipUrls, saveDemoClips } from './save-clips.ts';
import { openShop } from './shop.ts';
import { makeWidgets } from './widgets.ts';

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
  // The databases and the gateway are the demo's own; those of the environment are left alone.
  const named = settingsTable.map(({ name }) => [name, terminal.env[name]]);
  const env = { ...Object.fromEntries(named), ...gatewayVars };
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
  const storeUrl = await openStore(given, running);
  const counters = await addCounters(storeUrl, running);
  if (storeUrl !== null && counters === null) say('Redis has no second database that can be used: no shop.');
  const urls = {
    DATABASE_URL: demo.url,
    DATABASE_OWNER_URL: demo.ownerUrl,
    WAREHOUSE_URL: analytics.url,
    REDIS_URL: storeUrl ?? '',
    CACHE_URL: counters?.url ?? '',
  };
  const settings = parseSettings({ ...env, API_TOKEN: token, ...urls }, 'node');
  const url = await serveOnFreePort(terminal, settings, running);
  const call = openApi(url, token);
  say('Linking the databases …');
  await linkRemotes(call, counters ? [warehouseLink, redisLink] : [warehouseLink]);
  const shopUrl = counters && (await addShop(counters, demo.ownerUrl, running));
  say('Saving the clips …');
  const clips = await saveDemoClips(call, counters !== null);
  const isInside = postgres.home === resolve(given.dir, 'postgres');
  const kept = isInside ? given.dir : `${given.dir} and ${postgres.home}`;
  const shown = { signIn: `${url}/sign-in?token=${token}`, ...clips, shop: shopUrl, kept };
  printLine(terminal, describe(terminal, shown));
}

const warehouseLink: DemoLink = { remote: 'WAREHOUSE_URL', as: linkName };
const redisLink: DemoLink = { remote: 'CACHE_URL', as: redisLinkName, prefix: counterPrefix };

/** The gateway is there for the demo's own PostgreSQL, which is on this machine. */
const gatewayVars = {
  GATEWAY_PORT: '0',
  GATEWAY_HOST: '127.0.0.1',
  GATEWAY_ADDRESS: '',
  GATEWAY_TLS_CERT: '',
  GATEWAY_TLS_KEY: '',
};

/** What counts page views, when the store is a Redis that can have a second database. */
async function addCounters(storeUrl: string | null, running: RunningParts): Promise<Counters | null> {
  const counters = storeUrl === null ? null : await openCounters(storeUrl);
  return counters && running.add(counters, counters.close);
}

/** The URL of the shop. The link of its counters must be there. */
async function addShop(counters: Counters, ownerUrl: string, running: RunningParts): Promise<string> {
  await makeWidgets(ownerUrl);
  const shop = await openShop(counters);
  return (await running.add(shop, shop.close)).url;
}

interface Shown extends DemoClipUrls {
  readonly signIn: string;
  readonly shop: string | null;
  /** Where what it made is kept. */
  readonly kept: string;
}

function describe(terminal: Terminal, { signIn, live, frozen, linked, counted, shop, kept }: Shown): string {
  return [
    '',
    `  ${bold(terminal, 'pgclip demo')}`,
    '',
    `  Sign in        ${signIn}`,
    `  A live clip    ${live}`,
    `  A frozen clip  ${frozen}`,
    `  A linked clip  ${linked}  (joins two databases)`,
    ...(counted === null ? [] : [`  A Redis clip   ${counted}  (joins rows with counters)`]),
    ...(shop === null ? [] : [`  A shop         ${shop}  (whose page views those are)`]),
    '',
    `  Ctrl-C stops it; what it made stays in ${kept}.`,
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
