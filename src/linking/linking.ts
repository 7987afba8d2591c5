/** All that links of Redis need on Node: the remotes of the config and, where it is configured, the gateway. */
import type { Settings } from '../config/settings.ts';
import type { Log } from '../domain/ports.ts';
import type { RedisRemote } from '../domain/redis-remote.ts';
import { LinkCredentials } from './credentials.ts';
import { type GatewayServer, startGateway } from './gateway-server.ts';
import { openRedisRemotes, remotesWithoutGateway } from './redis-remotes.ts';

export interface Linking {
  readonly remotes: readonly RedisRemote[];
  /** Null: this process serves none. */
  readonly gateway: GatewayServer | null;
  close(): Promise<void>;
}

/**
 * Starts the gateway when GATEWAY_PORT is set and there is a Redis to link. Throws GatewayProblem when it can't be
 * started.
 */
export async function openLinking(
  settings: Pick<Settings, 'remotes' | 'gateway'> & { readonly apiToken: string },
  log: Log,
): Promise<Linking> {
  const { remotes, gateway: wanted, apiToken } = settings;
  const credentials = new LinkCredentials(apiToken);
  if (wanted.port === null || remotes.length === 0)
    return { remotes: remotesWithoutGateway(settings, credentials), gateway: null, close: async () => {} };
  const gateway = await startGateway({ gateway: wanted, remotes, credentials, log });
  return {
    remotes: openRedisRemotes({ remotes, credentials, getGateway: () => gateway.address }),
    gateway,
    close: () => gateway.close(),
  };
}
