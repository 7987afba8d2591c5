/**
 * The way of a client from its first byte to a session: encryption, cancel requests, the startup packet, and the login.
 * Source: PostgreSQL manual, "Start-up", "SSL Session Encryption", "Canceling Requests in Progress".
 */
import type { SecureContext } from 'node:tls';
import type { RedisLink } from '../domain/redis-link.ts';
import type { Connection } from './connection.ts';
import { bindingMechanism, makeMockVerifier, makeVerifier, plainMechanism, ScramExchange } from './scram.ts';
import { ServerError, sqlstates } from './server-error.ts';
import { FieldReader } from './wire-input.ts';

const sslRequest = 80_877_103;
const gssRequest = 80_877_104;
const cancelRequest = 80_877_102;
const maxStartupBytes = 10_000;
const maxLoginBytes = 8_000;

const saslStart = 10;
const saslContinue = 11;
const saslFinal = 12;
const loginOk = 0;

/** Who may sign in, and to what. */
export interface GatewayLogin {
  /** Random, of 128 bits or more: guessing it is not made slow. Secret. */
  readonly password: string;
  readonly redis: RedisLink;
  /** Whether INSERT, UPDATE and DELETE are taken. */
  readonly writable: boolean;
}

/** What the login needs to know of the gateway. */
export interface LoginContext {
  findLogin(user: string): GatewayLogin | null;
  /** Null: clients that ask for TLS are told that there is none. */
  readonly tls: { readonly context: SecureContext; readonly binding: Buffer | null } | null;
  cancel(processId: number, secret: number): void;
}

export interface SignedIn {
  readonly user: string;
  readonly login: GatewayLogin;
}

const fatal = (sqlstate: (typeof sqlstates)[keyof typeof sqlstates], message: string) =>
  new ServerError(sqlstate, message, { severity: 'FATAL' });

/** Leads a client to its login; null: it only wanted to cancel, or is gone. Throws the error that it is sent away with. */
export async function signIn(connection: Connection, context: LoginContext): Promise<SignedIn | null> {
  for (;;) {
    const packet = await connection.nextStartup(maxStartupBytes);
    if (!packet) return null;
    const fields = new FieldReader(packet.body);
    const code = fields.int32();
    if (code === cancelRequest) {
      context.cancel(fields.int32(), fields.isAtEnd ? 0 : fields.int32());
      return null;
    }
    if (code === sslRequest || code === gssRequest) {
      await startEncryption(connection, context, code);
      continue;
    }
    const user = readStartup(connection, code, fields);
    return await checkPassword(connection, context, user);
  }
}

async function startEncryption(connection: Connection, { tls }: LoginContext, code: number): Promise<void> {
  if (code === gssRequest || !tls || connection.isEncrypted) {
    await connection.answer('N');
    return;
  }
  await connection.answer('S');
  connection.startTls(tls.context);
}

/** Encodings whose bytes are ours. Postgres calls its own absence of one SQL_ASCII. */
const encodings = new Set(['utf8', 'utf-8', 'unicode', 'sql_ascii']);

/** The user of a startup packet. */
function readStartup(connection: Connection, version: number, fields: FieldReader): string {
  const major = version >> 16;
  if (major !== 3) throw fatal(sqlstates.notSupported, `unsupported frontend protocol ${major}`);
  const parameters = new Map<string, string>();
  while (!fields.isAtEnd) {
    const name = fields.text();
    if (name === '') break;
    parameters.set(name, fields.text());
  }
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
  if ((version & 0xffff) > 0 || unknown.length > 0) negotiate(connection, unknown);
  const user = parameters.get('user') ?? '';
  if (user === '') throw fatal(sqlstates.badAuthorization, 'no user name specified in startup packet');
  const encoding = (parameters.get('client_encoding') ?? 'utf8').toLowerCase().replaceAll("'", '');
  if (!encodings.has(encoding))
    throw fatal(
      sqlstates.invalidParameter,
      "pgclip's gateway speaks UTF8 alone: the database has another encoding",
    );
  if (parameters.has('replication') && !/^(off|false|no|0)$/i.test(parameters.get('replication') ?? ''))
    throw fatal(sqlstates.notSupported, "pgclip's gateway does not support replication");
  return user;
}

/** Tells a client that it may ask for 3.0 and nothing more. */
function negotiate(connection: Connection, unknown: readonly string[]): void {
  const head = Buffer.alloc(8);
  head.writeInt32BE(3 << 16, 0);
  head.writeInt32BE(unknown.length, 4);
  connection.output.raw('v', Buffer.concat([head, ...unknown.map((name) => Buffer.from(`${name}\0`))]));
}

async function nextPassword(connection: Connection): Promise<FieldReader | null> {
  await connection.output.flush();
  const message = await connection.nextMessage(maxLoginBytes);
  if (!message) return null;
  if (message.type !== 'p') throw fatal(sqlstates.protocolViolation, 'expected SASL response');
  return new FieldReader(message.body);
}

async function checkPassword(
  connection: Connection,
  { findLogin, tls }: LoginContext,
  user: string,
): Promise<SignedIn | null> {
  const login = findLogin(user);
  const verifier = login ? makeVerifier(user, login.password) : makeMockVerifier(user);
  const binding = connection.isEncrypted ? (tls?.binding ?? null) : null;
  const { output } = connection;
  const offered = binding ? [bindingMechanism, plainMechanism] : [plainMechanism];
  output.authentication(saslStart, Buffer.from(`${offered.join('\0')}\0\0`));
  const initial = await nextPassword(connection);
  if (!initial) return null;
  const exchange = new ScramExchange(initial.text(), verifier, binding);
  const first = initial.value();
  if (first === null) throw fatal(sqlstates.protocolViolation, 'malformed SCRAM message');
  output.authentication(saslContinue, Buffer.from(exchange.start(first)));
  const response = await nextPassword(connection);
  if (!response) return null;
  const verdict = exchange.finish(response.rest().toString());
  if (verdict === null || !login)
    throw fatal(sqlstates.badPassword, `password authentication failed for user "${user}"`);
  output.authentication(saslFinal, Buffer.from(verdict));
  output.authentication(loginOk);
  return { user, login };
}
