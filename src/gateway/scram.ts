/**
 * The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (channel binding to the server's certificate). One exchange
 * is one object. An unknown user is asked like a known one.
 * Sources: RFC 5802, RFC 7677, RFC 5929 section 4, PostgreSQL manual "SASL Authentication".
 */
import {
  createHash,
  createHmac,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
  type X509Certificate,
} from 'node:crypto';
import { ServerError, sqlstates } from './server-error.ts';

/**
 * One, since it is there to make the guessing of passwords slow: those of logins here are 256 random bits, and nobody who
 * may not sign in is to cost more than a few hashes.
 */
const iterations = 1;
export const plainMechanism = 'SCRAM-SHA-256';
export const bindingMechanism = 'SCRAM-SHA-256-PLUS';

const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

/** What a password is checked with, and can't be had back from. */
export interface ScramVerifier {
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

const saltSecret = randomBytes(32);

/** The verifier of a user's password, with a salt that tells nobody whether there is such a user. */
export function makeVerifier(user: string, password: string | Buffer): ScramVerifier {
  const salt = hmac(saltSecret, user).subarray(0, 16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  return { salt, storedKey: sha256(hmac(salted, 'Client Key')), serverKey: hmac(salted, 'Server Key') };
}

/** A verifier that no password fits, made with as much work, and with the same salt for a user each time. */
export const makeMockVerifier = (user: string) => makeVerifier(user, randomBytes(32));

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
    const answer = `r=${this.#nonce},s=${this.#verifier.salt.toString('base64')},i=${iterations}`;
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
