/**
 * A Redis as the remote of data links: databases reach it through pgclip's gateway, with logins that pgclip makes; where
 * there is none, pgclip reads it for them. Knows neither how the gateway is served nor how a database keeps a link.
 */

/** The longest prefix, in bytes of UTF-8. */
export const maxPrefixBytes = 512;

/** What of a Redis a link shows, and whether it can be changed through it. */
export interface RedisAccess {
  /** Only keys that begin with it, and it is left out of their names. Empty: every key. */
  readonly prefix: string;
  readonly writable: boolean;
}

/** Where databases reach the gateway, and how it is encrypted. */
export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
  /**
   * `bound`: TLS, and the login proves that nobody stands between. `encrypted`: TLS without that. `none`: in the clear.
   * `unknown`: another pgclip serves it, so what there is is used.
   */
  readonly tls: 'bound' | 'encrypted' | 'none' | 'unknown';
}

/** Where something listens, as people write it. */
export function placeOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The gateway as the config has it. */
export interface RemoteGateway {
  /** `host:port` as it is configured, which tells it from another one. */
  readonly place: string;
  /** Sees that it listens, if this pgclip serves it. Throws `remote_refused` when it can't. */
  open(): Promise<GatewayAddress>;
}

/** What a database signs in to the gateway with. The password is secret. */
export interface GatewayCredentials {
  readonly user: string;
  readonly password: string;
}

/** What a seal is made of. */
export interface SealedLink extends RedisAccess {
  /** Config var of the database, and name of the link there. */
  readonly database: string;
  readonly link: string;
  /** Config var of the Redis. */
  readonly remote: string;
}

/** A Redis that can be linked. */
export interface RedisRemote {
  /** Config var that holds its URL. */
  readonly name: string;
  /** Number of its database. */
  readonly database: number;
  /** Null: none is configured, so pgclip reads it itself. */
  readonly gateway: RemoteGateway | null;
  /**
   * What a link signs in with: the same again for the `user` of before if that still stands for this access, else (and
   * by default) a new login.
   */
  makeLogin(access: RedisAccess, user?: string): GatewayCredentials;
  /** Proof, kept in the link's marker, that pgclip made it for this: whoever can write a comment can't make one. */
  seal(link: SealedLink): string;
  /** Asks Redis itself whether it can be read. Throws `remote_refused`, `remote_unavailable`. */
  check(access: RedisAccess): Promise<void>;
}

/** What is wrong with a prefix, as the end of a sentence that begins with it, or null. */
export function findPrefixProblem(prefix: string): string | null {
  if (!prefix.isWellFormed() || prefix.includes('\0')) return 'holds a character that it may not have';
  if (new TextEncoder().encode(prefix).length > maxPrefixBytes)
    return `may have ${maxPrefixBytes} bytes at most`;
  return null;
}
