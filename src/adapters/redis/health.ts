/**
 * What of a Redis's settings and state would lose clips, as sentences. INFO tells most of it; CONFIG, which hosted
 * ones often refuse, is asked only for what INFO leaves out. Source: Redis manual, "INFO", "Redis persistence".
 */
import { type Redis, ReplyError } from 'ioredis';
import type { StoreHealth, StoreProblem } from '../../domain/ports.ts';
import { formatBytes } from '../store-problems.ts';
import { type AnyClient, primariesOf } from './client.ts';
import { findConfig, readInfo, type ServerInfo } from './info.ts';
import { fullness, type MemoryUse, memoryUse } from './memory.ts';

/** From this share of maxmemory on it is said that memory is nearly full. */
const nearlyFull = 0.9;
/** How far a replica may be behind before it is said. */
const maxLagBytes = 16 * 1024 * 1024;

const warn = (message: string): StoreProblem => ({ level: 'warn', message });
const loses = (message: string): StoreProblem => ({ level: 'loses', message });

function findEvictionProblems({ maxmemory_policy: policy = '' }: ServerInfo): StoreProblem[] {
  if (!policy.startsWith('allkeys-')) return [];
  return [
    loses(
      `Redis throws clips away when its memory is full (maxmemory-policy ${policy}). Set maxmemory-policy noeviction.`,
    ),
  ];
}

/** `saves`: the setting `save`, null when it can't be had; only looked at without an append-only file. */
function findPersistenceProblems(info: ServerInfo, saves: string | null): StoreProblem[] {
  const problems: StoreProblem[] = [];
  const appends = info.aof_enabled === '1';
  if (!appends && saves === '')
    problems.push(
      loses(
        'Redis keeps nothing on disk: it has neither an append-only file nor saves, and loses every clip when it ends. Set appendonly yes.',
      ),
    );
  if (!appends && saves === null)
    problems.push(
      warn(
        "It can't be told whether Redis keeps anything on disk: it has no append-only file, and does not say whether it saves (CONFIG is refused). Set appendonly yes.",
      ),
    );
  if (appends && (info.aof_last_write_status ?? 'ok') !== 'ok')
    problems.push(loses("Redis's last write to its append-only file failed. Its own log says why."));
  if ((info.aof_last_bgrewrite_status ?? 'ok') !== 'ok')
    problems.push(warn("Redis's last rewrite of its append-only file failed. Its own log says why."));
  if ((info.rdb_last_bgsave_status ?? 'ok') !== 'ok')
    problems.push((appends ? warn : loses)("Redis's last save to disk failed. Its own log says why."));
  return problems;
}

function findReplicationProblems(info: ServerInfo): StoreProblem[] {
  if (info.role === 'slave') {
    const problems = [warn('REDIS_URL leads to a replica, which takes no changes. Point it at the primary.')];
    if (info.master_link_status !== 'up')
      problems.push(warn('The replica has lost its primary: what it shows may be old.'));
    return problems;
  }
  const written = Number(info.master_repl_offset ?? 0);
  return Object.entries(info).flatMap(([field, value]) => {
    const offset = /^slave\d+$/.test(field) && /(?:^|,)offset=(\d+)/.exec(value)?.[1];
    if (!offset) return [];
    const behind = written - Number(offset);
    return behind > maxLagBytes
      ? [
          warn(
            `A replica is ${formatBytes(behind)} behind: if it took over now, what was kept last would be lost.`,
          ),
        ]
      : [];
  });
}

function findMemoryProblems(use: MemoryUse): StoreProblem[] {
  if (use.maxBytes === null || fullness(use) < nearlyFull) return [];
  return [
    warn(
      `Redis's memory is nearly full: it holds ${formatBytes(use.usedBytes)} of the ${formatBytes(use.maxBytes)} that maxmemory allows. Delete snapshots or raise maxmemory.`,
    ),
  ];
}

/** What is wrong with a server that says this of itself. */
export function findServerProblems(info: ServerInfo, saves: string | null): StoreProblem[] {
  return [
    ...findEvictionProblems(info),
    ...findPersistenceProblems(info, saves),
    ...findReplicationProblems(info),
    ...findMemoryProblems(memoryUse(info)),
  ];
}

interface ServerHealth {
  readonly problems: readonly StoreProblem[];
  readonly use: MemoryUse | null;
}

async function inspectServer(server: Redis): Promise<ServerHealth> {
  let info: ServerInfo;
  try {
    info = await readInfo(server);
  } catch (error) {
    if (!(error instanceof ReplyError && (error as Error).message.startsWith('NOPERM '))) throw error;
    const untold =
      "It can't be told whether Redis would lose clips: its ACL denies INFO to the login of REDIS_URL.";
    return { problems: [warn(untold)], use: null };
  }
  const saves = info.aof_enabled === '1' ? null : ((await findConfig(server, 'save'))?.save ?? null);
  return { problems: findServerProblems(info, saves), use: memoryUse(info) };
}

/** The health of all primaries: each problem once, and their sizes added up. */
export async function inspectHealth(client: AnyClient): Promise<StoreHealth> {
  const servers = await Promise.all(primariesOf(client).map(inspectServer));
  const problems = new Map(
    servers.flatMap((server) => server.problems.map((problem) => [problem.message, problem] as const)),
  );
  const uses = servers.map((server) => server.use);
  return {
    problems: [...problems.values()],
    usedBytes: sum(uses.map((use) => use?.usedBytes ?? null)),
    maxBytes: sum(uses.map((use) => use?.maxBytes ?? null)),
  };
}

function sum(parts: readonly (number | null)[]): number | null {
  return parts.reduce((total, part) => (total === null || part === null ? null : total + part), 0);
}
