/**
 * The logins of data links at the gateway. A user name says by itself what it is for, and its password is an HMAC over
 * it: nothing is stored, and every pgclip with the same API token can check it.
 */
import { createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import {
  findPrefixProblem,
  type GatewayCredentials,
  type RedisAccess,
  type SealedLink,
} from '../domain/redis-remote.ts';

/** What a user name stands for. */
export interface LoginMeaning extends RedisAccess {
  /** Config var of the Redis. */
  readonly remote: string;
}

/** `1.` salt `.` meaning, the last two as base64url. The number is that of this format. */
const shape = /^1\.([\w-]{22})\.([\w-]{1,2000})$/;
const saltBytes = 16;

/** Makes and checks the logins of one API token. */
export class LinkCredentials {
  readonly #token: string;
  #key: Buffer | undefined;

  /** The token is secret. */
  constructor(token: string) {
    this.#token = token;
  }

  /** A login of its own for each link, even of the same Redis and prefix. */
  make(meaning: LoginMeaning): GatewayCredentials {
    const user = encodeUser(meaning, randomBytes(saltBytes).toString('base64url'));
    return { user, password: this.passwordOf(user) };
  }

  /** The password of a user name. Only who has the token can tell it. */
  passwordOf(user: string): string {
    return this.#sign(user);
  }

  /** As `RedisRemote.seal`. */
  seal({ database, link, remote, prefix, writable }: SealedLink): string {
    return this.#sign(`seal ${JSON.stringify([database, link, remote, prefix, writable])}`);
  }

  /** Whether the seal is that of the link. */
  isSealed(link: SealedLink, seal: string): boolean {
    const [given, own] = [seal, this.seal(link)].map((each) => Buffer.from(each));
    return given?.length === own?.length && timingSafeEqual(given as Buffer, own as Buffer);
  }

  #sign(text: string): string {
    // Whoever owns a link can see its password: guessing tokens against it is made slow.
    this.#key ??= scryptSync(this.#token, 'pgclip gateway logins', 32, { N: 16_384, r: 8, p: 1 });
    return createHmac('sha256', this.#key).update(text).digest('base64url');
  }
}

/** What a user name stands for, or null when it is none of ours. Says nothing of its password. */
export function readUser(user: string): LoginMeaning | null {
  const [, salt = '', text = ''] = shape.exec(user) ?? [];
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (!Array.isArray(value)) return null;
    const [remote, prefix, writable] = value as readonly unknown[];
    if (typeof remote !== 'string' || typeof prefix !== 'string' || typeof writable !== 'boolean')
      return null;
    const meaning = { remote, prefix, writable };
    // One way of writing each, so that two names never mean the same login.
    return findPrefixProblem(prefix) === null && encodeUser(meaning, salt) === user ? meaning : null;
  } catch {
    return null;
  }
}

function encodeUser({ remote, prefix, writable }: LoginMeaning, salt: string): string {
  return `1.${salt}.${Buffer.from(JSON.stringify([remote, prefix, writable])).toString('base64url')}`;
}
