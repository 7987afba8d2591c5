/**
 * Connections to one database. Node shares a pool; a Worker opens one per run, because sockets can't cross
 * requests. Only this file knows the difference. Whoever takes a lease gives it back, once, on every path.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import type { Log } from '../../domain/ports.ts';
import { causeOf, toDatabaseError } from './pg-error.ts';
import { type QueueLimits, RunQueue } from './queue.ts';

export interface ConnectOptions {
  /** Name of the config var, for the log. */
  readonly name: string;
  readonly url: string;
  readonly queue: QueueLimits;
  /** A connection per run instead of a pool: Workers. */
  readonly perRequest: boolean;
  /** Makes the socket of a connection. Default: one of node:net. */
  readonly socket?: (config: pg.ClientConfig) => Duplex;
  /** Keeps the request alive until work that outlives its answer is done: Workers' `waitUntil`. */
  readonly background?: (work: Promise<void>) => void;
  readonly log: Log;
}

/** A connection, for one run. Of `release` and `destroy` the first call counts. */
export interface Lease {
  readonly client: pg.ClientBase;
  /** Gives it back for others. Only after its session is as it was. */
  release(): void;
  /** Closes it at once, whatever it is doing. */
  destroy(): void;
}

export interface Connector {
  /** Throws `queue_full`, `run_cancelled`, `database_unavailable`. */
  acquire(signal?: AbortSignal): Promise<Lease>;
  /** Asks the server to cancel what the backend with this pid does; never throws. */
  cancel(pid: number): Promise<void>;
  /** Takes work that nobody waits for; it must not throw. */
  background(work: Promise<void>): void;
  /** Leases in use. */
  readonly leased: number;
  close(): Promise<void>;
}

const connectDeadlineMs = 10_000;
/** The longest that a server takes for a statement that does no work: past it the connection leads nowhere. */
export const answerDeadlineMs = 10_000;

/** Opens the way to one database; the first connection is made when it is needed. */
export function openConnector(options: ConnectOptions): Connector {
  const queue = new RunQueue(options.queue);
  const config: pg.ClientConfig = {
    connectionString: options.url,
    application_name: 'pgclip',
    connectionTimeoutMillis: connectDeadlineMs,
    keepAlive: true,
    stream: (options.socket ?? (() => new Socket())) as NonNullable<pg.ClientConfig['stream']>,
  };
  const source = options.perRequest ? singleConnections(config, options) : pooledConnections(config, options);
  return {
    async acquire(signal) {
      const giveBack = await queue.take(signal);
      try {
        const lease = await source.connect();
        let held = true;
        const end = (how: () => void) => () => {
          if (!held) return;
          held = false;
          how();
          giveBack();
        };
        return { client: lease.client, release: end(lease.release), destroy: end(lease.destroy) };
      } catch (error) {
        giveBack();
        throw toDatabaseError(error);
      }
    },
    async cancel(pid) {
      const client = new pg.Client({ ...config, query_timeout: answerDeadlineMs });
      client.on('error', () => {});
      try {
        await client.connect();
        await client.query({ text: 'SELECT pg_cancel_backend($1)', values: [pid] });
      } catch (error) {
        options.log('warn', 'a run could not be cancelled in the database', {
          database: options.name,
          cause: causeOf(error),
        });
      } finally {
        await client.end().catch(() => {});
      }
    },
    background: options.background ?? (() => {}),
    get leased() {
      return queue.taken;
    },
    close: () => source.close(),
  };
}

interface ConnectionSource {
  connect(): Promise<Lease>;
  close(): Promise<void>;
}

function singleConnections(config: pg.ClientConfig, options: ConnectOptions): ConnectionSource {
  return {
    async connect() {
      const client = new pg.Client(config);
      client.on('error', () => {});
      await client.connect();
      const end = () => options.background?.(client.end().catch(() => {}));
      return { client, release: end, destroy: () => destroySocket(client) };
    },
    async close() {},
  };
}

function pooledConnections(config: pg.ClientConfig, options: ConnectOptions): ConnectionSource {
  const pool = new pg.Pool({
    ...config,
    max: options.queue.size,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
  });
  // A connection that breaks while idle is dropped by the pool; the next run gets a new one.
  pool.on('error', (error) =>
    options.log('warn', 'an idle connection broke', { database: options.name, cause: causeOf(error) }),
  );
  return {
    async connect() {
      const client = await pool.connect();
      const ignore = () => {};
      client.on('error', ignore);
      const giveBack = (broken: boolean) => {
        client.off('error', ignore);
        client.release(broken);
      };
      return {
        client,
        release: () => giveBack(false),
        destroy: () => {
          destroySocket(client);
          client.once('error', ignore);
          giveBack(true);
        },
      };
    },
    close: () => pool.end(),
  };
}

/** Closes a client's socket without a word to the server, which notices by itself. */
function destroySocket(client: pg.ClientBase): void {
  (client as unknown as { connection: { stream: Duplex } }).connection.stream.destroy();
}
