/** The Redis of the config as pgclip reads them itself, for databases that can't: one connection for each prefix. */
import { openRedisLink } from '../adapters/redis/link.ts';
import type { RedisLink } from '../domain/redis-link.ts';
import type { SealedLink } from '../domain/redis-remote.ts';
import type { LinkCredentials } from './credentials.ts';

export interface RedisReaders {
  /** The Redis of a link; null when there is none, or its seal is not ours. It connects at its first question. */
  findRedis(link: SealedLink & { readonly seal: string }): RedisLink | null;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Opens readers of these. The URLs are secret. */
export function openRedisReaders(
  remotes: readonly { readonly name: string; readonly url: string }[],
  credentials: LinkCredentials,
): RedisReaders {
  const open = new Map<string, RedisLink>();
  return {
    findRedis(link) {
      const { remote: name, prefix } = link;
      const remote = remotes.find((each) => each.name === name);
      // Anyone who can make a foreign server can write a marker; what it says is believed only with its seal.
      if (!remote || !credentials.isSealed(link, link.seal)) return null;
      const place = JSON.stringify([name, prefix]);
      const redis = open.get(place) ?? openRedisLink({ url: remote.url, prefix });
      open.set(place, redis);
      return redis;
    },
    close: async () => {
      await Promise.all([...open.values()].map((link) => link.close()));
      open.clear();
    },
  };
}
