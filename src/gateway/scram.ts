/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (channel binding to the server's certificate). One exchange
 * is one object. An unknown user is asked like a known one, with a salt of its own that stays the same.
 * Sources: RFC 5802, RFC 7677, RFC 5929 section 4, PostgreSQL manual "SASL Authentication".
 */
import {
  createHash,
  createHmac,
  pbkdf2,
  randomBytes,
  timingSafeEqual,
  type X509Certificate,
} from 'node:crypto';
import { promisify } from 'node:util';
import { ServerError, sqlstates } from './server-error.ts';

const iterations = 4096;
export const plainMechanism = 'SCRAM-SHA-256';
export const bindingMechanism = 'SCRAM-SHA-256-PLUS';

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
const deriveKey = promisify(pbkdf2);

/** What a password is checked with, and can't be had back from. */
export interface ScramVerifier {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const stored = /^SCRAM-SHA-256\$(\d+):([\w+/=]+)\$([\w+/=]+):([\w+/=]+)$/;
/** Keys of what is a password's own verifier already; the derivation takes milliseconds. */
const known = new Map<string, ScramVerifier>();
const maxKnown = 1_000;

/** The verifier of a password, or of what Postgres stores in its place (pg_authid.rolpassword). */
export async function makeVerifier(password: string): Promise<ScramVerifier> {
  const [, count, salt, storedKey, serverKey] = stored.exec(password) ?? [];
  if (count !== undefined) {
    const bytes = (text = '') => Buffer.from(text, 'base64');
    return {
      iterations: Number(count),
      salt: bytes(salt),
      storedKey: bytes(storedKey),
      serverKey: bytes(serverKey),
    };
  }
  const name = sha256(Buffer.from(password)).toString('base64');
  const found = known.get(name);
  if (found) return found;
  const newSalt = randomBytes(16);
  const salted = await deriveKey(password, newSalt, iterations, 32, 'sha256');
  const verifier = {
    salt: newSalt,
    iterations,
    storedKey: sha256(hmac(salted, 'Client Key')),
    serverKey: hmac(salted, 'Server Key'),
  };
  if (known.size >= maxKnown) known.clear();
  known.set(name, verifier);
  return verifier;
}

const mockSecret = randomBytes(32);

/** A verifier that no password fits, the same for a user each time. */
export function makeMockVerifier(user: string): ScramVerifier {
  const salt = hmac(mockSecret, user).subarray(0, 16);
  return { salt, iterations, storedKey: randomBytes(32), serverKey: randomBytes(32) };
}

/**
 * The `tls-server-end-point` binding of a certificate; null when there is none for its signature (Ed25519).
 * `algorithm`: the certificate's signature algorithm, e.g. `sha256WithRSAEncryption`.
 */
export function certificateBinding(
  certificate: X509Certificate,
  algorithm: string | undefined,
): Buffer | null {
  const [, digest] = /(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)/i.exec(algorithm ?? '') ?? [];
  if (digest === undefined) return null;
  const name = digest.toLowerCase().replace('-', '');
  // RFC 5929: MD5 and SHA-1 are replaced by SHA-256.
  return createHash(name === 'md5' || name === 'sha1' ? 'sha256' : name)
    .update(certificate.raw)
    .digest();
}

const malformed = () =>
  new ServerError(sqlstates.protocolViolation, 'malformed SCRAM message', { severity: 'FATAL' });

const clientFirst = /^(p=([\w.-]+)|n|y),(?:a=[^,]*)?,(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))$/;
const clientFinal = /^(c=([\w+/=]+),r=([\x21-\x2b\x2d-\x7e]+)),p=([\w+/=]+)$/;

/** One exchange, from the client's first message to the verdict. */
export class ScramExchange {
  readonly #verifier: ScramVerifier;
  readonly #binding: Buffer | null;
  readonly #withBinding: boolean;
  #gs2Header = '';
  #nonce = '';
  #messages = '';

  /** `binding`: of the server's certificate; null without TLS. Throws for a mechanism that wasn't offered. */
  constructor(mechanism: string, verifier: ScramVerifier, binding: Buffer | null) {
    this.#withBinding = mechanism === bindingMechanism;
    if (mechanism !== plainMechanism && !(this.#withBinding && binding)) throw malformed();
    this.#verifier = verifier;
    this.#binding = binding;
  }

  /** The server's first message. */
  start(first: string): string {
    const [, flag = '', kind, bare, clientNonce] = clientFirst.exec(first) ?? [];
    if (bare === undefined || clientNonce === undefined) throw malformed();
    if (this.#withBinding !== flag.startsWith('p=')) throw malformed();
    if (this.#withBinding && kind !== 'tls-server-end-point') throw malformed();
    // The client would have bound, and believes that we can't: someone has changed what we offered.
    if (flag === 'y' && this.#binding) throw malformed();
    this.#gs2Header = first.slice(0, first.length - bare.length);
    this.#nonce = clientNonce + randomBytes(18).toString('base64');
    const { salt, iterations: count } = this.#verifier;
    const answer = `r=${this.#nonce},s=${salt.toString('base64')},i=${count}`;
    this.#messages = `${bare},${answer}`;
    return answer;
  }

  /** The server's last message; null: the password is wrong. */
  finish(final: string): string | null {
    const [, withoutProof, channel, nonce, proof] = clientFinal.exec(final) ?? [];
    if (withoutProof === undefined || channel === undefined || proof === undefined) throw malformed();
    const header = Buffer.from(this.#gs2Header);
    const bound = this.#withBinding && this.#binding ? Buffer.concat([header, this.#binding]) : header;
    if (channel !== bound.toString('base64') || nonce !== this.#nonce) throw malformed();
    const { storedKey, serverKey } = this.#verifier;
    const all = `${this.#messages},${withoutProof}`;
    const signature = hmac(storedKey, all);
    const given = Buffer.from(proof, 'base64');
    if (given.length !== signature.length) throw malformed();
    const clientKey = Buffer.from(given.map((byte, i) => byte ^ (signature[i] as number)));
    if (!timingSafeEqual(sha256(clientKey), storedKey)) return null;
    return `v=${hmac(serverKey, all).toString('base64')}`;
  }
}
