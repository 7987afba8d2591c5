/**
 * The gateway of this process, which listens only while a link needs it: from the first one that is made, refreshed or met
 * by a run, until the last one is gone. Node only.
 */
import { AppError } from '../domain/errors.ts';
import type { LinkHost } from '../domain/link-host.ts';
import type { Log } from '../domain/ports.ts';
import { type GatewayAddress, placeOf, type RemoteGateway } from '../domain/redis-remote.ts';
import {
  checkCertificate,
  GatewayProblem,
  type GatewayServer,
  type GatewayServerOptions,
  startGateway,
} from './gateway-server.ts';

/** How long databases may take to tell their links. */
const listDeadlineMs = 5000;

/** Whether a database has a link that goes through the gateway. One that can't tell is taken to have some. */
export async function needsGateway(hosts: readonly Pick<LinkHost, 'list'>[]): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, listDeadlineMs, true).unref());
  const needs = hosts.map((host) =>
    host.list().then(
      (links) => links.some(({ redis }) => redis?.gateway),
      () => true,
    ),
  );
  return Promise.race([late, Promise.all(needs).then((all) => all.includes(true))]);
}

export class GatewayOnDemand implements RemoteGateway {
  readonly place: string;
  readonly #options: GatewayServerOptions;
  #server: Promise<GatewayServer> | null = null;
  /** The one that was closed last, until it has let go of the port. */
  #closing: Promise<void> = Promise.resolve();
  #closed = false;
  /** What kept it from listening for the last run that needed it. */
  #complaint: string | null = null;
  /** How often it was asked for. */
  #asked = 0;

  private constructor(options: GatewayServerOptions) {
    const { host, port, address } = options.gateway;
    this.place = placeOf(address ?? { host, port: port ?? 0 });
    this.#options = options;
  }

  /** Looks at its certificate; nothing listens yet. Throws GatewayProblem. */
  static async prepare(options: GatewayServerOptions): Promise<GatewayOnDemand> {
    await checkCertificate(options.gateway);
    return new GatewayOnDemand(options);
  }

  /** Listens from now on. Throws GatewayProblem when it can't. */
  async start(): Promise<GatewayServer> {
    this.#asked++;
    if (this.#closed) throw new GatewayProblem('it has been closed.');
    this.#server ??= this.#closing.then(() => startGateway(this.#options));
    const server = this.#server;
    try {
      return await server;
    } catch (error) {
      // The next one tries again.
      if (this.#server === server) this.#server = null;
      throw error;
    }
  }

  /** As `start`. Throws `remote_refused` when it can't. */
  async open(): Promise<GatewayAddress> {
    try {
      return (await this.start()).address;
    } catch (error) {
      if (!(error instanceof GatewayProblem)) throw error;
      throw new AppError('remote_refused', `pgclip's gateway can't be started: ${error.message}`);
    }
  }

  /** Listens from now on; what keeps it from that is logged, once. */
  async openIfPossible(log: Log): Promise<void> {
    const started = this.start().then(() => {
      this.#complaint = null;
    });
    await started.catch((error: unknown) => {
      const cause = error instanceof Error ? error.message : 'unknown';
      if (cause !== this.#complaint)
        log('error', 'the gateway to linked Redis could not be started', { cause });
      this.#complaint = cause;
    });
  }

  /** Stops listening when no link needs it, unless somebody asks for it meanwhile. */
  async settle(isNeeded: () => Promise<boolean>): Promise<void> {
    const asked = this.#asked;
    if (this.#server === null || (await isNeeded()) || this.#asked !== asked) return;
    await this.#stop();
  }

  /** Ends every session, once and for all. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    // Whatever fails at that, the next one can be started.
    const stopped = server?.then((each) => each.close()).catch(() => {});
    if (stopped) this.#closing = stopped;
    await this.#closing;
  }
}
