/**
 * The gateway: a server that speaks the PostgreSQL protocol to postgres_fdw, with a Redis behind each of its logins. Owns
 * the listening socket and who is connected; a session looks after itself.
 * Source: PostgreSQL manual, "Frontend/Backend Protocol".
 */
import { randomInt, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Log } from '../domain/ports.ts';
import { Connection } from './connection.ts';
import { type GatewayLogin, type LoginContext, type SignedIn, signIn } from './login.ts';
import { MemoryBudget } from './memory-budget.ts';
import { certificateBinding } from './scram.ts';
import { findServerError, ServerError, sqlstates } from './server-error.ts';
import { Session } from './session.ts';

export type { GatewayLogin } from './login.ts';

export interface GatewayLimits {
  /** Sessions at once; past them a login is refused. Default 500. */
  readonly maxSessions?: number;
  /** Of them those of one user, so that no link can keep the others out. Default 250. */
  readonly maxUserSessions?: number;
  /** Clients that are signing in, or want to cancel; past them the one that has taken longest is closed. Default 250. */
  readonly maxWaiting?: number;
  /** The longest that a login may take. Default 10,000. */
  readonly loginDeadlineMs?: number;
  /** What the statements of all sessions may take together; past it a session ends. Default 128 MiB. */
  readonly maxStatementBytes?: number;
}

export interface GatewayOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** PEM. Absent: no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Who a user name is; asked at each login, so that links may come and go. */
  findLogin(user: string): GatewayLogin | null;
  readonly log: Log;
  readonly limits?: GatewayLimits;
}

export interface Gateway {
  readonly port: number;
  /** Clients that are connected now, whether signed in or not. */
  readonly connectionCount: number;
  /** Ends every session and stops listening. The links of the logins stay open: they are their owner's. */
  close(): Promise<void>;
}

/** What clients are told of the server. postgres_fdw asks servers of other versions other questions. */
const parameterStatuses: Readonly<Record<string, string>> = {
  server_version: '15.0 (pgclip gateway)',
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'GMT',
  integer_datetimes: 'on',
  standard_conforming_strings: 'on',
};

/** A client that is connected; its session once it has signed in. */
interface Client {
  readonly connection: Connection;
  readonly processId: number;
  readonly secret: number;
  session: Session | null;
  user: string | null;
}

const maxInt = 2 ** 31 - 1;
const defaultLimits: Required<GatewayLimits> = {
  maxSessions: 500,
  maxUserSessions: 250,
  maxWaiting: 250,
  loginDeadlineMs: 10_000,
  maxStatementBytes: 128 * 1024 * 1024,
};

class Server implements Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: Required<GatewayLimits>;
  readonly #login: LoginContext;
  readonly #clients = new Map<number, Client>();
  /** Those that haven't signed in, longest first. */
  readonly #waiting = new Set<Client>();
  readonly #budget: MemoryBudget;
  /** What is under way with each client, until nothing of it is left. */
  readonly #serving = new Set<Promise<void>>();
  readonly #server = createServer({ noDelay: true }, (socket) => {
    const serving = this.#accept(socket).finally(() => this.#serving.delete(serving));
    this.#serving.add(serving);
  });

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#budget = new MemoryBudget(this.#limits.maxStatementBytes);
    this.#login = {
      findLogin: (user) => options.findLogin(user),
      tls: options.tls ? readTls(options.tls) : null,
      cancel: (processId, secret) => {
        const client = this.#clients.get(processId);
        if (client?.secret === secret) client.session?.cancel();
      },
    };
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connectionCount(): number {
    return this.#clients.size;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, 'listening');
    this.#server.on('error', (error) => this.#unexpected(error));
  }

  #unexpected(error: unknown): void {
    this.#options.log('error', 'The gateway failed at something that nobody foresaw', {
      cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  /** Serves one client from its first byte to its last. Never rejects. */
  async #accept(socket: Socket): Promise<void> {
    const connection = new Connection(socket);
    const client = this.#register(connection);
    const deadline = setTimeout(() => connection.destroy(), this.#limits.loginDeadlineMs);
    try {
      const signedIn = await signIn(connection, this.#login);
      clearTimeout(deadline);
      if (signedIn) await this.#serve(client, signedIn);
    } catch (error) {
      const known = findServerError(error);
      if (known && !connection.gone.aborted) connection.output.error(known);
      else if (!connection.gone.aborted) this.#unexpected(error);
    } finally {
      clearTimeout(deadline);
      this.#waiting.delete(client);
      this.#clients.delete(client.processId);
      await connection.end().catch(() => connection.destroy());
    }
  }

  /** Notes a client, in the place of another one if too many are signing in. */
  #register(connection: Connection): Client {
    const [longest] = this.#waiting;
    if (longest && this.#waiting.size >= this.#limits.maxWaiting) {
      this.#waiting.delete(longest);
      this.#clients.delete(longest.processId);
      longest.connection.destroy();
    }
    let processId = randomInt(1, maxInt);
    while (this.#clients.has(processId)) processId = randomInt(1, maxInt);
    const secret = randomInt(-maxInt, maxInt);
    const client: Client = { connection, processId, secret, session: null, user: null };
    this.#clients.set(processId, client);
    this.#waiting.add(client);
    return client;
  }

  /** Throws when there is no room for one session more. */
  #expectRoom(user: string): void {
    const { maxSessions, maxUserSessions } = this.#limits;
    let own = 0;
    for (const client of this.#clients.values()) if (client.user === user) own++;
    if (this.#clients.size - this.#waiting.size < maxSessions && own < maxUserSessions) return;
    const message = own < maxUserSessions ? 'too many clients already' : 'too many connections of this link';
    throw new ServerError(sqlstates.tooManySessions, message, { severity: 'FATAL' });
  }

  async #serve(client: Client, { user, login }: SignedIn): Promise<void> {
    this.#expectRoom(user);
    this.#waiting.delete(client);
    const { connection, processId, secret } = client;
    for (const [name, value] of Object.entries(parameterStatuses))
      connection.output.parameterStatus(name, value);
    connection.output.backendKey(processId, secret);
    const session = new Session({
      ...{ connection, login, budget: this.#budget },
      onUnexpected: (error) => this.#unexpected(error),
    });
    client.session = session;
    client.user = user;
    await session.serve();
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await Promise.all([...this.#clients.values()].map((client) => this.#end(client)));
    await Promise.all([closed, ...this.#serving]);
  }

  /** Ends what a client is doing, tells it and closes. */
  async #end({ connection, session }: Client): Promise<void> {
    session?.cancel();
    const message = 'terminating connection due to administrator command';
    connection.output.error(new ServerError(sqlstates.shutdown, message, { severity: 'FATAL' }));
    await connection.end();
  }
}

function readTls({ cert, key }: { readonly cert: string; readonly key: string }): LoginContext['tls'] {
  const certificate = new X509Certificate(cert);
  return {
    context: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
    binding: certificateBinding(certificate, certificate.signatureAlgorithm),
  };
}

/** Starts the gateway. To be closed. Throws when it can't listen, or for a certificate that is none. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const server = new Server(options);
  await server.listen();
  return server;
}
