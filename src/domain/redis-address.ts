/**
 * The shapes that the URL of a Redis may have: one server, the nodes of a Redis Cluster, or the Sentinels that know
 * where the primary is. Pure; the URL holds a password, and nothing here says why one can't be read.
 * Sources: the provisional `redis` and `rediss` URI schemes; `+cluster` and `+sentinel` as other clients have them.
 */

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** What every server is signed in to with. Secret. */
interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

/** Where a Redis is and how to get in. Secret. */
export type RedisAddress =
  /** `url` is as it was given. */
  | ({ readonly kind: 'single'; readonly url: string; readonly database: number } & RedisHost)
  /** Some of the nodes; the rest they tell themselves. */
  | ({ readonly kind: 'cluster'; readonly tls: boolean; readonly nodes: readonly RedisHost[] } & RedisLogin)
  | ({
      readonly kind: 'sentinel';
      readonly tls: boolean;
      readonly sentinels: readonly RedisHost[];
      /** The name that the Sentinels know the primary by. */
      readonly master: string;
      readonly database: number;
      /** What the Sentinels themselves ask for. */
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: string;
    } & RedisLogin);

const sentinelPort = 26_379;
const redisPort = 6379;

/** What a URL means, or null when it can't be read. */
export function parseRedisAddress(text: string): RedisAddress | null {
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([a-z+]+):\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i.exec(text) ?? [];
  const [protocol = '', topology] = scheme.toLowerCase().split('+', 2);
  if (!/^rediss?$/.test(protocol)) return null;
  const at = authority.lastIndexOf('@');
  const hosts = authority.slice(at + 1).split(',');
  try {
    const login = parseLogin(authority.slice(0, Math.max(at, 0)));
    const parameters = new URLSearchParams(query);
    const tls = protocol === 'rediss';
    if (topology === undefined && hosts.length === 1) return parseSingle(text, parameters);
    if (topology === undefined || topology === 'cluster') return parseCluster(hosts, login, tls, path, query);
    if (topology === 'sentinel') return parseSentinel(hosts, login, tls, path, parameters);
  } catch {
    // A lone `%` in a password is what goes wrong most.
  }
  return null;
}

function parseLogin(userinfo: string): RedisLogin {
  const colon = userinfo.indexOf(':');
  const username = decodeURIComponent(colon < 0 ? userinfo : userinfo.slice(0, colon));
  const password = colon < 0 ? '' : decodeURIComponent(userinfo.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password }) };
}

function parseHosts(hosts: readonly string[], defaultPort: number): readonly RedisHost[] | null {
  const parsed = hosts.map((text) => {
    const [, address = '', name = '', port] =
      /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
    return { host: address || name, port: port === undefined ? defaultPort : Number(port) };
  });
  return parsed.every(({ host, port }) => host !== '' && port > 0 && port < 65_536) ? parsed : null;
}

function parseDatabase(text: string): number | null {
  return /^\d{1,4}$/.test(text) ? Number(text) : null;
}

/** The URL goes to the client as it is, so it has to be one in the sense of the URL standard. */
function parseSingle(url: string, parameters: URLSearchParams): RedisAddress | null {
  if (!URL.canParse(url)) return null;
  const { hostname, port, pathname, username, password } = new URL(url);
  for (const part of [username, password, pathname]) decodeURIComponent(part);
  const database = parseDatabase(pathname.replace(/^\//, '') || parameters.get('db') || '0');
  if (hostname === '' || database === null) return null;
  return { kind: 'single', url, database, host: hostname, port: Number(port || redisPort) };
}

/** A Redis Cluster has one database, 0. */
function parseCluster(
  hosts: readonly string[],
  login: RedisLogin,
  tls: boolean,
  path: string,
  query: string,
): RedisAddress | null {
  const nodes = parseHosts(hosts, redisPort);
  return nodes && /^0?$/.test(path) && query === '' ? { kind: 'cluster', tls, nodes, ...login } : null;
}

function parseSentinel(
  hosts: readonly string[],
  login: RedisLogin,
  tls: boolean,
  path: string,
  parameters: URLSearchParams,
): RedisAddress | null {
  const sentinels = parseHosts(hosts, sentinelPort);
  const [name = '', number = '0', ...more] = path.split('/');
  const master = decodeURIComponent(name);
  const database = parseDatabase(number || '0');
  const { sentinelUsername, sentinelPassword, ...others } = Object.fromEntries(parameters);
  if (!sentinels || master === '' || database === null || more.length > 0) return null;
  if (Object.keys(others).length > 0) return null;
  return {
    kind: 'sentinel',
    ...{ tls, sentinels, master, database, ...login },
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
  };
}
