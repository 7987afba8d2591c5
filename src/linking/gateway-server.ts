/**
 * The gateway as the config has it: its certificate read, its logins checked against the API token, and a link to each
 * Redis opened when somebody who may asks for it. Node only.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { openRedisLink } from '../adapters/redis/link.ts';
import type { GatewaySettings } from '../config/gateway-settings.ts';
import type { Log } from '../domain/ports.ts';
import type { RedisLink } from '../domain/redis-link.ts';
import type { GatewayAddress } from '../domain/redis-remote.ts';
import { type Gateway, type GatewayLogin, openGateway } from '../gateway/gateway.ts';
import { certificateBinding } from '../gateway/scram.ts';
import { type LinkCredentials, readUser } from './credentials.ts';

export interface GatewayServerOptions {
  readonly gateway: GatewaySettings;
  readonly remotes: readonly { readonly name: string; readonly url: string }[];
  readonly credentials: LinkCredentials;
  readonly log: Log;
}

export interface GatewayServer {
  /** What it listens on. */
  readonly host: string;
  readonly port: number;
  /** Where databases reach it. */
  readonly address: GatewayAddress;
  /** Ends every session and the links to Redis. */
  close(): Promise<void>;
}

/** A gateway that can't be started, as a sentence for the operator. */
export class GatewayProblem extends Error {
  override readonly name = 'GatewayProblem';
}

/** Starts to serve. Throws GatewayProblem for a port that is taken, or a certificate that can't be used. */
export async function startGateway(options: GatewayServerOptions): Promise<GatewayServer> {
  const { host, port } = options.gateway;
  const tls = await readCertificate(options.gateway);
  // The first one takes long: no stranger is to begin with it.
  options.credentials.passwordOf('');
  const links = new Map<string, RedisLink>();
  const gateway = await openGateway({
    host,
    port: port ?? 0,
    ...(tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
    findLogin: (user) => findLogin(user, options, links),
    log: options.log,
  }).catch((error: NodeJS.ErrnoException) => {
    throw toProblem(error, options.gateway);
  });
  return {
    host,
    port: gateway.port,
    address: addressOf(options.gateway, gateway, tls),
    async close() {
      await gateway.close();
      await Promise.all([...links.values()].map((link) => link.close()));
    },
  };
}

function findLogin(
  user: string,
  { remotes, credentials }: GatewayServerOptions,
  links: Map<string, RedisLink>,
): GatewayLogin | null {
  // Made whether or not there is such a Redis: how long it takes tells strangers nothing.
  const password = credentials.passwordOf(user);
  const meaning = readUser(user);
  const remote = remotes.find(({ name }) => name === meaning?.remote);
  if (!meaning || !remote) return null;
  const { prefix, writable } = meaning;
  const place = JSON.stringify([remote.name, prefix]);
  return {
    password,
    writable,
    // Opened when it is first read, which is after the password was right: strangers fill no map.
    get redis() {
      const link = links.get(place) ?? openRedisLink({ url: remote.url, prefix });
      links.set(place, link);
      return link;
    },
  };
}

/** Throws GatewayProblem when the certificate can't be used; there need not be one. */
export async function checkCertificate(gateway: GatewaySettings): Promise<void> {
  const tls = await readCertificate(gateway);
  try {
    if (tls) createSecureContext(tls);
  } catch (error) {
    throw toProblem(error as NodeJS.ErrnoException, gateway);
  }
}

interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly bound: boolean;
}

async function readCertificate({ certFile, keyFile }: GatewaySettings): Promise<Certificate | null> {
  if (certFile === null || keyFile === null) return null;
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    const certificate = new X509Certificate(cert);
    return { cert, key, bound: certificateBinding(certificate, certificate.signatureAlgorithm) !== null };
  } catch (error) {
    const { code = 'no PEM' } = error as NodeJS.ErrnoException;
    throw new GatewayProblem(
      `GATEWAY_TLS_CERT and GATEWAY_TLS_KEY can't be used (${code}); expected the files of a certificate and its key, as PEM.`,
    );
  }
}

function addressOf(
  { address, host }: GatewaySettings,
  { port }: Pick<Gateway, 'port'>,
  tls: Certificate | null,
): GatewayAddress {
  const encryption = tls === null ? 'none' : tls.bound ? 'bound' : 'encrypted';
  return { ...(address ?? { host, port }), tls: encryption };
}

function toProblem(error: NodeJS.ErrnoException, { host, port, certFile }: GatewaySettings): Error {
  if (error.code === 'EADDRINUSE')
    return new GatewayProblem(`port ${port} of ${host} is taken; set GATEWAY_PORT to another.`);
  if (error.syscall === 'listen' || error.syscall === 'getaddrinfo')
    return new GatewayProblem(`GATEWAY_HOST ${host} can't be listened on (${error.code}).`);
  if (error.code?.startsWith('ERR_OSSL') && certFile !== null)
    return new GatewayProblem('GATEWAY_TLS_KEY is not the key of GATEWAY_TLS_CERT.');
  return error;
}
