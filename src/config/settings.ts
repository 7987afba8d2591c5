/**
 * Every config var that pgclip knows: one table that the parser, the documentation and the error messages read.
 * `parseSettings` is pure; nothing else reads the environment, and nothing is read at import time.
 * A value that may hold a secret never gets into a message.
 */
import { parseRedisAddress } from '../domain/redis-address.ts';
import {
  type GatewaySettings,
  gatewayRows,
  type HostAndPort,
  parseHostAndPort,
  readGatewaySettings,
} from './gateway-settings.ts';
import { type DatabaseUrls, type Environment, findRemoteProblem, parseDatabaseUrls } from './setting-urls.ts';

/** How a var's text is read: see `parsers`. */
export type SettingKind =
  | 'text'
  | 'port'
  | 'origin'
  | 'address'
  | 'count'
  | 'duration'
  | 'size'
  | 'token'
  | 'redis'
  | 'durability'
  | 'flag';

export interface SettingRow {
  readonly name: string;
  readonly kind: SettingKind;
  /** As one would write it; null: absent means something of its own, which `help` says. */
  readonly default: string | null;
  readonly unit: 'ms' | 'bytes' | 'connections' | null;
  readonly secret: boolean;
  readonly help: string;
  /** Absence is a problem there. */
  readonly requiredOnWorkers?: boolean;
}

/** The vars with a fixed name. `docs/settings.md` is made of it. */
export const settingsTable = [
  {
    name: 'REDIS_URL',
    kind: 'redis',
    default: null,
    unit: null,
    secret: true,
    requiredOnWorkers: true,
    help: 'The store: where clips and snapshots are kept (`redis://` or `rediss://`; Redis Cluster and Sentinel: see `docs/redis.md`). Absent: the embedded store, a SQLite file in `PGCLIP_DIR`.',
  },
  {
    name: 'REDIS_DURABILITY',
    kind: 'durability',
    default: 'memory',
    unit: null,
    secret: false,
    help: 'When a freeze is answered: `memory`, once Redis has the snapshot, which its own persistence brings to disk; `fsync`, once it is on the disk of Redis, or refused where Redis can not promise that.',
  },
  {
    name: 'API_TOKEN',
    kind: 'token',
    default: null,
    unit: null,
    secret: true,
    requiredOnWorkers: true,
    help: 'The bearer token of the authoring API, the command line and the sign-in page; at least 16 characters. Absent: one is made, kept in `PGCLIP_DIR`, and its sign-in URL printed at start.',
  },
  {
    name: 'HOST',
    kind: 'text',
    default: '127.0.0.1',
    unit: null,
    secret: false,
    help: 'The address that Node listens on.',
  },
  {
    name: 'PORT',
    kind: 'port',
    default: '3000',
    unit: null,
    secret: false,
    help: 'The port that Node listens on; 0 takes any free one.',
  },
  {
    name: 'PUBLIC_URL',
    kind: 'origin',
    default: null,
    unit: null,
    secret: false,
    help: 'The origin that clip URLs are written with, such as `https://clips.example.com`. Absent: the origin of the request.',
  },
  {
    name: 'QUERY_DEADLINE_MS',
    kind: 'duration',
    default: '600000',
    unit: 'ms',
    secret: false,
    help: 'The longest a run may take, from its start to its last row.',
  },
  {
    name: 'POOL_SIZE',
    kind: 'count',
    default: '10',
    unit: 'connections',
    secret: false,
    help: 'Connections per database, and so runs at once; the next ones queue.',
  },
  {
    name: 'QUEUE_DEADLINE_MS',
    kind: 'duration',
    default: '10000',
    unit: 'ms',
    secret: false,
    help: 'The longest a run waits for a connection, then it is answered with 503 and `Retry-After`.',
  },
  {
    name: 'SNAPSHOT_MAX_BYTES',
    kind: 'size',
    default: '1073741824',
    unit: 'bytes',
    secret: false,
    help: 'The largest snapshot, as CSV; past it 413, and the clip stays as it was.',
  },
  {
    name: 'PGCLIP_DIR',
    kind: 'text',
    default: '.pgclip',
    unit: null,
    secret: false,
    help: 'Where Node keeps what it must: the embedded store, a made token, the databases of the demo.',
  },
  {
    name: 'PGCLIP_ALLOW_UNSAFE_LOGIN',
    kind: 'flag',
    default: '0',
    unit: null,
    secret: false,
    help: '`1` lets clips run with a login that may do more than read; every page says so then.',
  },
  ...gatewayRows,
] as const satisfies readonly SettingRow[];

type SettingName = (typeof settingsTable)[number]['name'];

export interface Settings extends DatabaseUrls {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** An origin without a trailing slash; null: the origin of the request. */
  readonly publicUrl: string | null;
  readonly queryDeadlineMs: number;
  readonly poolSize: number;
  readonly queueDeadlineMs: number;
  readonly snapshotMaxBytes: number;
  /** As it was given: may be relative to the working directory. */
  readonly dir: string;
  /** Secret. Null (Node only): to be found or made, see token.ts. */
  readonly apiToken: string | null;
  /** Secret. Null (Node only): the embedded store. */
  readonly redisUrl: string | null;
  readonly redisDurability: 'memory' | 'fsync';
  readonly allowUnsafeLogin: boolean;
  readonly gateway: GatewaySettings;
}

/** Where the process runs; decides what is required. */
export type Platform = 'node' | 'workers';

/** Everything that is wrong with the environment; `message` has a line for each problem and holds no secret. */
export class SettingsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
    this.problems = problems;
  }
}

type SettingValue = string | number | boolean | HostAndPort;
/** What a kind makes of a text: its value, or `expected` when the text is none. */
type Parsed<T> = { readonly value: T } | { readonly expected: string };

const integer = (text: string, min: number, max: number): Parsed<number> => {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? { value } : { expected: `a whole number from ${min} to ${max}` };
};

const parsers = {
  text: (text): Parsed<string> => ({ value: text }),
  port: (text) => integer(text, 0, 65_535),
  count: (text) => integer(text, 1, 10_000),
  // The largest delay that a timer of JavaScript takes.
  duration: (text) => integer(text, 1, 2_147_483_647),
  size: (text) => integer(text, 1, Number.MAX_SAFE_INTEGER),
  origin: (text): Parsed<string> => {
    const url = URL.canParse(text) ? new URL(text) : null;
    const bare =
      url && /^https?:$/.test(url.protocol) && `${url.origin}/` === url.href && !text.endsWith('?');
    return bare
      ? { value: url.origin }
      : { expected: 'an origin without a path, such as https://example.com' };
  },
  address: (text): Parsed<HostAndPort> => parseHostAndPort(text),
  token: (text): Parsed<string> =>
    /^[\x21-\x7e]{16,}$/.test(text)
      ? { value: text }
      : { expected: 'at least 16 printable ASCII characters without spaces' },
  redis: (text): Parsed<string> =>
    parseRedisAddress(text)
      ? { value: text }
      : {
          expected:
            'a URL such as redis://host:6379/0, rediss://…, redis://h1:6379,h2:6379 (Redis Cluster) or redis+sentinel://h1:26379,h2:26379/master',
        },
  durability: (text): Parsed<'memory' | 'fsync'> =>
    text === 'memory' || text === 'fsync' ? { value: text } : { expected: 'memory or fsync' },
  flag: (text): Parsed<boolean> =>
    text === '0' || text === '1' ? { value: text === '1' } : { expected: '0 or 1' },
} satisfies Record<SettingKind, (text: string) => Parsed<SettingValue>>;

type ValueOf<R> = R extends { kind: infer K extends SettingKind; default: infer D }
  ? Extract<ReturnType<(typeof parsers)[K]>, { value: unknown }>['value'] | (D extends null ? null : never)
  : never;
type Values = {
  [N in SettingName]: ValueOf<Extract<(typeof settingsTable)[number], { name: N }>>;
};

/**
 * Reads the environment. An empty text is the same as none.
 * Throws SettingsError with all problems at once.
 */
export function parseSettings(env: Environment, platform: Platform): Settings {
  const problems: string[] = [];
  const values = {} as Record<SettingName, SettingValue | null>;
  for (const row of settingsTable satisfies readonly SettingRow[])
    values[row.name] = parseSetting(row, env, platform, problems);
  const urls = parseDatabaseUrls(env, problems);
  for (const remote of urls.remotes) {
    const problem = findRemoteProblem(remote, env.REDIS_URL ?? '');
    if (problem) problems.push(problem);
  }
  const known = values as Values;
  const gateway = readGatewaySettings(known, problems);
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    host: known.HOST,
    port: known.PORT,
    publicUrl: known.PUBLIC_URL,
    queryDeadlineMs: known.QUERY_DEADLINE_MS,
    poolSize: known.POOL_SIZE,
    queueDeadlineMs: known.QUEUE_DEADLINE_MS,
    snapshotMaxBytes: known.SNAPSHOT_MAX_BYTES,
    dir: known.PGCLIP_DIR,
    apiToken: known.API_TOKEN,
    redisUrl: known.REDIS_URL,
    redisDurability: known.REDIS_DURABILITY,
    allowUnsafeLogin: known.PGCLIP_ALLOW_UNSAFE_LOGIN,
    gateway,
    ...urls,
  };
}

/** A cluster's client opens connections to several nodes and for the news between them: too much for one request. */
function isSpread(text: string): boolean {
  const address = parseRedisAddress(text);
  return address !== null && address.kind !== 'single';
}

function parseSetting(
  row: SettingRow,
  env: Environment,
  platform: Platform,
  problems: string[],
): SettingValue | null {
  const text = env[row.name] || row.default;
  if (text === null) {
    if (platform === 'workers' && row.requiredOnWorkers)
      problems.push(`${row.name} is missing; on Workers it is required.`);
    return null;
  }
  if (platform === 'workers' && row.kind === 'redis' && isSpread(text)) {
    problems.push(
      `${row.name} leads to a Redis Cluster or Sentinels, which pgclip uses on Node alone; expected redis:// or rediss:// with one host.`,
    );
    return null;
  }
  const parsed = parsers[row.kind](text);
  if ('value' in parsed) return parsed.value;
  // Whatever has an @ may be a URL with a password that was meant for another var.
  const given =
    row.secret || text.includes('@') ? 'has a value that is not right' : `is ${JSON.stringify(text)}`;
  problems.push(`${row.name} ${given}; expected ${parsed.expected}.`);
  return null;
}
