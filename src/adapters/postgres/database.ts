/** Postgres as the runner of clips: the `Database` port over one config var. */
import { AppError } from '../../domain/errors.ts';
import type { Database, DatabaseStatus } from '../../domain/ports.ts';
import { unreachable } from '../../domain/unreachable.ts';
import type { RunContext } from './begun-run.ts';
import { readSchema } from './catalog.ts';
import { ColumnTypes } from './column-types.ts';
import { type ConnectOptions, type Connector, openConnector } from './connect.ts';
import type { DirectWay } from './direct-read.ts';
import { explainQuery } from './explain.ts';
import { LinkedRedisLook } from './linked-redis.ts';
import { inspectLogin } from './login.ts';
import { causeOf, toRunError } from './pg-error.ts';
import type { RedisWay } from './reduced-text.ts';
import { describeQuery, openRun } from './run.ts';
import { openSession, type Session } from './session.ts';

export interface DatabaseOptions extends ConnectOptions {
  /** The longest a run may take, from its start to its last row. */
  readonly runDeadlineMs: number;
  /** How queries over linked Redis are reduced. Default: they run as they are written. */
  readonly redis?: RedisWay;
  /** How much of a linked table is read past the server. Default: it is not. */
  readonly direct?: DirectWay;
}

/** What looking at the server or the catalogue may take. */
const lookDeadlineMs = 30_000;
/** Connections for looking, beside those for runs. */
const looksAtOnce = 2;

/** A database over one URL; connections are opened when they are needed. */
export function openDatabase(options: DatabaseOptions): Database & { readonly leased: number } {
  const connector = openConnector(options);
  // Apart from the runs: a database whose connections are all busy answers, and has to be seen to.
  const looks = openConnector({ ...options, queue: { ...options.queue, size: looksAtOnce } });
  const { redis, direct } = options;
  const context: RunContext = {
    connector,
    types: new ColumnTypes(),
    deadlineMs: options.runDeadlineMs,
    log: options.log,
    ...(redis ? { redis, linked: new LinkedRedisLook(options.name, redis.without) } : {}),
    ...(direct ? { direct: { database: options.name, way: direct, localTables: new Set() } } : {}),
  };
  return {
    name: options.name,
    run: (sql, runOptions) => openRun(context, sql, runOptions),
    describe: (sql) => describeQuery(context, sql),
    explain: (sql, explainOptions) => explainQuery(context, sql, explainOptions),
    inspect: () => inspect(looks, options),
    schema: () => inSession(looks, options, (session) => readSchema(session.client)),
    get leased() {
      return connector.leased + looks.leased;
    },
    close: async () => {
      await Promise.all([connector.close(), looks.close()]);
    },
  };
}

/** Runs queries of our own in a read-only session. Throws as `Database.run`. */
async function inSession<T>(
  connector: Connector,
  { log }: DatabaseOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  let session: Session | undefined;
  try {
    session = await openSession(connector, { deadlineMs: lookDeadlineMs, log });
    return await work(session);
  } catch (error) {
    throw toRunError(error, 'sql_failed');
  } finally {
    session?.end();
  }
}

async function inspect(connector: Connector, options: DatabaseOptions): Promise<DatabaseStatus> {
  const { name } = options;
  try {
    const facts = await inSession(connector, options, (session) => inspectLogin(session.client));
    const safe = !facts.problems.some((problem) => problem.level === 'refuse');
    return { name, reachable: true, ...facts, safe, error: null };
  } catch (error) {
    const message = error instanceof AppError ? error.message : causeOf(error);
    const cause = error instanceof AppError && typeof error.cause === 'string' ? ` (${error.cause})` : '';
    return unreachable(name, `${message}${cause}`);
  }
}
