/**
 * A run of a query that may read a linked Redis: with the reduced text first and, should that fail before its first row,
 * once more as it is written. So whatever is wrong is told of the text that the user gave. One session, one deadline.
 */
import pg from 'pg';
import type { RedisRead } from '../../domain/explanation.ts';
import type { RunOptions } from '../../domain/ports.ts';
import { type BegunRun, beginRun, type RunContext, type Stage } from './begun-run.ts';
import { refusalState } from './links/redis/tables-sql.ts';
import { isConnectionFailure, isQueryCanceled, type SentText } from './pg-error.ts';
import { getStatement } from './proof.ts';
import { asWritten, type ReducedText, reduceText } from './reduced-text.ts';
import { isOfRemote, isRemoteUnavailable } from './remote-error.ts';

/** The text of a run, and how far it has come. */
export interface RunText {
  /** One statement, not proved. */
  readonly sql: string;
  readonly stage: Stage;
  /** What errors are about; undefined while only pgclip's own queries are run. */
  readonly sent: SentText | undefined;
  /** Says that it is sent next, behind so many characters of ours. */
  sentAfter(prefixLength: number, stage: Stage): void;
  /** What is read of Redis, the keys counted. Throws what pg throws. */
  countKeys(client: pg.ClientBase): Promise<RedisRead[]>;
}

/**
 * Begins a run and does the work with it, at most twice; the work ends the session when it goes well. Throws what the
 * work throws as AppErrors, and as `beginRun`.
 */
export async function withReducedText<T>(
  context: RunContext,
  sql: string,
  options: Pick<RunOptions, 'signal'> & { readonly describeOnly?: boolean },
  work: (run: BegunRun, text: RunText) => Promise<T>,
): Promise<T> {
  const statement = getStatement(sql);
  const run = await beginRun(context, options);
  const { session } = run;
  let text = makeRunText(sql, asWritten(statement));
  const attempt = async (): Promise<T> => {
    text = makeRunText(sql, asWritten(statement));
    if (session.linkedRedis.length === 0 || !context.redis) return work(run, text);
    if (session.linkedRedis.some(({ gateway }) => gateway)) await context.redis.openGateway?.();
    // Until it is known what the query reads.
    let maySucceedAsWritten = session.linkedRedis.every(({ gateway }) => gateway);
    let found: ReducedText | undefined;
    try {
      const { describeOnly = false } = options;
      found = await reduceText(session, statement, {
        ...{ way: context.redis, signal: run.stop.signal, describeOnly, log: context.log },
      });
      maySucceedAsWritten = found.runsAsWritten && found.edits.length > 0;
      text = makeRunText(sql, found);
      return await work(run, text);
    } catch (error) {
      if (!maySucceedAsWritten || run.stop.findReason(error) || !isOfStatement(error)) throw error;
      await session.renew();
      const reason = 'the query failed with the keys put in';
      const reads = found?.reads.map((read) => ({
        ...read,
        reads: 'everything' as const,
        reason,
        handedOver: false,
      }));
      text = makeRunText(sql, asWritten(statement, reads));
      return work(run, text);
    }
  };
  try {
    return await withNewLinks(context, run, attempt);
  } catch (error) {
    throw run.fail(error, text.stage, text.sent);
  }
}

/** What Postgres fails with over a definition in its snapshot, when another transaction has dropped what it names. */
const goneState = 'XX000';

/** Once more where the query has met a link that was made, or has got or lost its gateway, after this run had looked. */
async function withNewLinks<T>(
  { redis, linked }: RunContext,
  { session, stop }: BegunRun,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined;
    const mayBeOld = code === refusalState || (code === goneState && session.linkedRedis.length > 0);
    if (!redis || !mayBeOld || stop.findReason(error)) throw error;
    linked?.forget();
    await session.renew();
    return attempt();
  }
}

/** True when another text could fare better; the connection is as good as before. */
function isOfStatement(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError) || isQueryCanceled(error)) return false;
  return isOfRemote(error) ? !isRemoteUnavailable(error) : !isConnectionFailure(error);
}

function makeRunText(original: string, { sql, edits, reads, keys }: ReducedText): RunText {
  const rewritten = edits.length > 0 ? { sql, edits } : undefined;
  let stage: Stage = 'sql_refused';
  let sent: SentText | undefined;
  return {
    sql,
    get stage() {
      return stage;
    },
    get sent() {
      return sent;
    },
    sentAfter(prefixLength, next) {
      sent = { sql: original, prefixLength, rewritten };
      stage = next;
    },
    async countKeys(client) {
      const counted: RedisRead[] = [];
      for (const [n, read] of reads.entries()) {
        const known = keys[n] ?? null;
        counted.push({ ...read, keys: typeof known === 'string' ? await count(client, known) : known });
      }
      return counted;
    },
  };
}

/** How many different keys a query yields. */
async function count(client: pg.ClientBase, query: string): Promise<number> {
  const result = await client.query<{ count: string }>({
    text: `SELECT pg_catalog.count(DISTINCT k."key") AS count FROM (${query}) AS k("key")`,
    queryMode: 'extended',
  } as never);
  return Number(result.rows[0]?.count);
}
