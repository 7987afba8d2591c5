/** All that links of Redis need on Node: the remotes of the config and, where it is configured, the gateway. */
import type { Settings } from '../config/settings.ts';
import type { Log } from '../domain/ports.ts';
import type { RedisRemote } from '../domain/redis-remote.ts';
import { LinkCredentials } from './credentials.ts';
import { GatewayOnDemand } from './gateway-on-demand.ts';
import { openRedisRemotes, remotesWithoutGateway } from './redis-remotes.ts';

export interface Linking {
  readonly remotes: readonly RedisRemote[];
  /** Null: this process serves none. */
  readonly gateway: GatewayOnDemand | null;
  close(): Promise<void>;
}

/** There is a gateway when GATEWAY_PORT is set and there is a Redis to link. Throws GatewayProblem. */
export async function openLinking(
  settings: Pick<Settings, 'remotes' | 'gateway'> & { readonly apiToken: string },
  log: Log,
): Promise<Linking> {
  const { remotes, gateway: wanted, apiToken } = settings;
  const credentials = new LinkCredentials(apiToken);
  if (wanted.port === null || remotes.length === 0)
    return { remotes: remotesWithoutGateway(settings, credentials), gateway: null, close: async () => {} };
  const gateway = await GatewayOnDemand.prepare({ gateway: wanted, remotes, credentials, log });
  return {
    remotes: openRedisRemotes({ remotes, credentials, gateway }),
    gateway,
    close: () => gateway.close(),
  };
}
