/** What a Redis server tells of itself. Source: Redis manual, "INFO", "CONFIG GET". */
import type { Redis } from 'ioredis';

export type ServerInfo = Readonly<Record<string, string>>;

/** The fields of INFO. */
export async function readInfo(server: Redis): Promise<ServerInfo> {
  const lines = (await server.info()).split('\r\n').filter((line) => !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}

/** The settings whose names match, or null where CONFIG is not to be had: hosted ones often refuse it. */
export async function findConfig(server: Redis, pattern: string): Promise<ServerInfo | null> {
  let flat: unknown;
  try {
    flat = await server.config('GET', pattern);
  } catch {
    return null;
  }
  const found: Record<string, string> = {};
  if (Array.isArray(flat))
    for (let i = 0; i + 1 < flat.length; i += 2) found[String(flat[i])] = String(flat[i + 1]);
  return found;
}

/** True from this version on. Servers made after Redis tell the version of Redis that they are like. */
export function isAtLeast(info: ServerInfo, major: number, minor: number): boolean {
  const [ofServer = 0, second = 0] = (info.redis_version ?? '').split('.').map(Number);
  return ofServer > major || (ofServer === major && second >= minor);
}
