/**
 * The text that is run in the place of a query over a linked Redis: with the keys that it needs put in, so that the
 * gateway reads no others; or over rows that pgclip has read itself, where the database can't reach the gateway.
 */
import type pg from 'pg';
import { AppError } from '../../domain/errors.ts';
import type { RedisRead } from '../../domain/explanation.ts';
import type { Log } from '../../domain/ports.ts';
import { linkTables, type RedisLink } from '../../domain/redis-link.ts';
import type { Edit } from '../../reduction/edits.ts';
import { type Facts, relationLabel } from '../../reduction/facts.ts';
import { type FetchScan, planFetch } from '../../reduction/fetch.ts';
import { collectNames } from '../../reduction/names.ts';
import { notLookedInto, type Reduction, reduce, type ScanReport } from '../../reduction/reduce.ts';
import type { SqlParser } from '../../reduction/sql-parser.ts';
import type { LinkedRedis, WithoutRedis } from './linked-redis.ts';
import { findChanged } from './links/redis/as-made.ts';
import { type FindLink, readRows } from './redis-rows.ts';
import { type RedisLinks, readFacts } from './reduction-facts.ts';
import { estimateKeys, type HandOverLimits, handOver, type RowReader } from './reduction-rows.ts';
import type { Session } from './session.ts';

/** What the entries give a database for its linked Redis. */
export interface RedisWay {
  /** The parser, opened when it is first asked for. */
  openParser(): Promise<SqlParser>;
  /** The Redis of a link; null when none is configured or its seal is not pgclip's. The caller doesn't close it. */
  findRedis(link: LinkedRedis): RedisLink | null;
  /** Read Redis from here also where the database could do it itself. */
  readonly readsItself: boolean;
  /** Sees that the gateway listens, if this pgclip serves it: a link that goes through it has been met. Never rejects. */
  openGateway?(): Promise<void>;
  /** Which databases have no linked Redis; filled by their runs. */
  readonly without: WithoutRedis;
}

/** A text to be run, and what is read of Redis by it. */
export interface ReducedText {
  readonly sql: string;
  /** Empty: the text is as it was written. */
  readonly edits: readonly Edit[];
  readonly reads: readonly Omit<RedisRead, 'keys'>[];
  /** Of each of `reads`: how many keys, or a query of them, or null. */
  readonly keys: readonly (number | string | null)[];
  /** The text as it was written can be run as well. */
  readonly runsAsWritten: boolean;
}

/** More keys than these are not collected: they would be held in memory at once. */
const maxKeys = 1_000_000;
/** What pgclip hands over itself. */
const handOverLimits: HandOverLimits = { maxKeys: 200_000, maxCharacters: 100_000_000 };

/** The text as it was written. */
export function asWritten(sql: string, reads: ReducedText['reads'] = []): ReducedText {
  return { sql, edits: [], reads, keys: reads.map(() => null), runsAsWritten: true };
}

export interface ReduceOptions {
  readonly way: RedisWay;
  readonly signal: AbortSignal;
  /** Nothing is read from Redis: the text is only to be looked at. */
  readonly describeOnly: boolean;
  readonly log: Log;
}

/**
 * Finds the text to be run, in the transaction that it will run in. Throws what pg throws, `sql_refused` for a query
 * that nobody can answer, `remote_unavailable` and `sql_failed` of Redis.
 */
export async function reduceText(
  session: Session,
  statement: string,
  options: ReduceOptions,
): Promise<ReducedText> {
  const parser = await options.way.openParser().catch((error: unknown) => {
    options.log('error', 'the SQL parser could not be opened: no query over a linked Redis is reduced', {
      cause: error instanceof Error ? error.message : 'unknown',
    });
  });
  if (!parser) return asWritten(statement);
  const facts = await look(options.log, async () => {
    const parsed = parser.parse(statement);
    // What reads no relation spares itself the look into the catalogue.
    if (!parsed || collectNames(parsed).relations.length === 0) return null;
    return await readFacts(session.client, parsed, parser, relationsOf(session.linkedRedis));
  });
  if (!facts) return asWritten(statement);
  const links = namedLinks(facts, session.linkedRedis);
  if (links.length === 0) return asWritten(statement);
  const unreachable = links.some(({ gateway }) => !gateway);
  if (unreachable || options.way.readsItself) {
    const fetched = await fetchRows(session, statement, { ...options, facts, parser, links });
    if (typeof fetched !== 'string') return { ...fetched, runsAsWritten: !unreachable };
    if (unreachable) throw notReadable(fetched);
  }
  if (options.describeOnly) return asWritten(statement);
  const reduction = await look(options.log, () => reduce(statement, facts, parser));
  return reduction ? await addKeys(session.client, statement, reduction) : asWritten(statement);
}

/** What the analysis finds; null where it breaks off by a mistake in it, which is to fail no run. Throws what pg throws. */
async function look<T>(log: Log, work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    const kinds = [TypeError, RangeError, ReferenceError, SyntaxError];
    if (!(error instanceof Error) || !kinds.some((kind) => error instanceof kind)) throw error;
    // Its message may quote the SQL.
    const { name, message, stack = '' } = error;
    const head = `${name}: ${message}`;
    const cause = `${name}${stack.startsWith(head) ? stack.slice(head.length) : ''}`;
    log('error', 'the look into a query over a linked Redis broke off: it is not reduced', { cause });
    return null;
  }
}

/** What the links made, as the reduction has to know it. */
function relationsOf(links: readonly LinkedRedis[]): RedisLinks {
  const names = Object.keys(linkTables);
  return {
    relations: links.flatMap(({ link }) => names.map((name) => ({ schema: link, name, key: 'key' }))),
    servers: links.map(({ server }) => server),
  };
}

function namedLinks(facts: Facts, linked: readonly LinkedRedis[]): LinkedRedis[] {
  const schemas = new Set(
    [...facts.relations.values()].flatMap((each) => (each?.redisKey ? each.schema : [])),
  );
  return linked.filter(({ link }) => schemas.has(link));
}

async function addKeys(client: pg.ClientBase, statement: string, reduction: Reduction): Promise<ReducedText> {
  if (reduction.kind === 'no redis') return asWritten(statement);
  const { scans } = reduction;
  if (reduction.kind === 'as written') {
    const text = asWritten(statement, scans.map(toRead));
    return { ...text, keys: scans.map(({ keyQuery }) => keyQuery) };
  }
  for (const { reads, keyQuery, relation } of scans) {
    if (reads !== 'keys' || keyQuery === null) continue;
    const expected = await estimateKeys(client, keyQuery);
    if (expected <= maxKeys) continue;
    const reason = `${relation}: about ${expected.toLocaleString('en-US')} keys would have to be collected`;
    return asWritten(
      statement,
      scans.map((scan) => ({ ...toRead(scan), reads: 'everything', reason: scan.reason ?? reason })),
    );
  }
  return {
    sql: reduction.sql,
    edits: reduction.edits,
    reads: scans.map(toRead),
    keys: scans.map(({ keyQuery }) => keyQuery),
    runsAsWritten: true,
  };
}

function toRead({ relation, reads, reason }: ScanReport): ReducedText['reads'][number] {
  const words = { constants: 'keys', keys: 'keys', 'keys per row': 'keys', prefix: 'prefix' } as const;
  return { relation, reads: reads === 'everything' ? reads : words[reads], reason, handedOver: false };
}

type FetchOptions = ReduceOptions & {
  readonly facts: Facts;
  readonly parser: SqlParser;
  readonly links: readonly LinkedRedis[];
};

/** Reads what the query needs and hands it over; a string says why that can't be done. */
async function fetchRows(
  { client }: Session,
  statement: string,
  { facts, parser, links, way, signal, describeOnly, log }: FetchOptions,
): Promise<Omit<ReducedText, 'runsAsWritten'> | string> {
  const plan = await look(log, () => planFetch(statement, facts, parser));
  if (!plan || plan.kind === 'no redis') return notLookedInto;
  if (plan.kind === 'impossible') return plan.reason;
  const missing = links.find((link) => way.findRedis(link) === null);
  if (missing)
    return `${missing.remote} is not configured, or ${missing.link} was made with another API token or changed by someone: refresh it`;
  const linkOf = ({ relation }: FetchScan) => links.find(({ link }) => link === relation.schema);
  const changed = await findChanged(
    client,
    plan.scans.map((scan) => ({ ...scan.relation, server: serverOf(linkOf(scan)) })),
  );
  if (changed)
    return `${relationLabel(changed)} is not as pgclip made it (its definition, options or owner): refresh the data link`;
  const findLink: FindLink = (scan) => {
    const { relation } = scan;
    const link = linkOf(scan);
    const redis = link && way.findRedis(link);
    if (!redis) throw notReadable(`${relationLabel(relation)} belongs to no link`);
    return redis;
  };
  const reads = plan.scans.map(({ relation, keys }): ReducedText['reads'][number] => {
    const how = 'prefix' in keys ? 'prefix' : 'keys';
    return { relation: relationLabel(relation), reads: how, reason: null, handedOver: true };
  });
  if (describeOnly) return { ...plan.finish([]), reads, keys: reads.map(() => null) };
  const counted = countKeys(readRows(findLink, signal));
  const handed = await handOver(client, plan, counted.reader, handOverLimits);
  if (handed.kind === 'too much') {
    const { relation } = handed.scan;
    return `${relationLabel(relation)}: more would have to be read than pgclip hands over (${handOverLimits.maxKeys.toLocaleString('en-US')} keys, ${handOverLimits.maxCharacters / 1_000_000} MB)`;
  }
  const { sql, edits } = handed;
  return { sql, edits, reads, keys: plan.scans.map((scan) => counted.counts.get(scan) ?? null) };
}

/** Where the database would read it; null: pgclip alone can. */
function serverOf(link: LinkedRedis | undefined): string | null {
  return link?.gateway ? link.server : null;
}

/** The same reader, which counts the keys that it is asked for. */
function countKeys(reader: RowReader): { reader: RowReader; counts: Map<FetchScan, number> } {
  const counts = new Map<FetchScan, number>();
  return {
    counts,
    reader: {
      ofKeys(scan, keys) {
        counts.set(scan, keys.length);
        return reader.ofKeys(scan, keys);
      },
      ofPrefix: (scan, prefix) => reader.ofPrefix(scan, prefix),
    },
  };
}

function notReadable(reason: string): AppError {
  return new AppError(
    'sql_refused',
    'The database can not reach the Redis that the query reads, and pgclip can not read for it what the query needs.',
    {
      sql: {
        sqlstate: '0A000',
        message: reason,
        hint: 'Compare the key with values of other tables, with constants or with a prefix, or let the database reach the gateway (GATEWAY_PORT) and refresh the data link.',
      },
    },
  );
}
