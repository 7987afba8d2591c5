/**
 * A remote's URL as libpq's options, for the foreign server and its user mapping. What stands in server options
 * everyone in the database can read, so secrets go to the mapping alone. Pure.
 * Source: PostgreSQL manual, "Connection URIs", "Parameter Key Words" and "postgres_fdw: FDW Options".
 */
import { AppError } from '../../../domain/errors.ts';

export type FdwOptions = Readonly<Record<string, string>>;

export interface RemoteOptions {
  /** Of the foreign server: where the remote is, how it is reached, and that it is only read. */
  readonly server: FdwOptions;
  /** Of the user mapping. Secret. */
  readonly mapping: FdwOptions;
}

/** Where and how the remote is reached; a refresh makes these what the URL says. */
const connectionOptions = [
  'host',
  'hostaddr',
  'port',
  'dbname',
  'options',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'sslcertmode',
  'sslsni',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
  'min_protocol_version',
  'max_protocol_version',
  'channel_binding',
  'require_auth',
  'requirepeer',
  'gssencmode',
  'krbsrvname',
  'gsslib',
  'target_session_attrs',
  'load_balance_hosts',
] as const;

/** Taken from the URL when a server is made; then they are the administrator's. */
const tuningOptions = [
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
  'keepalives_interval',
  'keepalives_count',
  'tcp_user_timeout',
] as const;

/** Those of the mapping that the URL has as parameters. Only superusers may set them. */
const certificateOptions = ['sslcert', 'sslkey', 'sslpassword'] as const;

/** The server options that a refresh compares and sets; it leaves all others as they are. */
export const managedServerOptions: readonly string[] = [...connectionOptions, 'updatable', 'truncatable'];
/** The same of the mapping. */
export const managedMappingOptions: readonly string[] = ['user', 'password', ...certificateOptions];

/** What makes a session of the remote read-only; the last setting of a name counts. */
const readOnly = '-c default_transaction_read_only=on';
/** Has the remote see that nobody waits for a query any more, when a connection was cut while it ran. */
const noticeCut = '-c client_connection_check_interval=5s';

/**
 * Options of a server and its mapping for this URL. Parameters that only node-postgres knows are dropped. Throws
 * `remote_refused` for a URL that names no user.
 */
export function readRemoteUrl(text: string, remote: { readonly noticesCut: boolean }): RemoteOptions {
  const url = new URL(text);
  const parameters = url.searchParams;
  const user = readLogin(text);
  const password = parameters.get('password') || decode(url.password);
  if (!user) {
    throw new AppError('remote_refused', "The remote's URL has no user. Put the reading login's into it.");
  }
  const fromUrl = (names: readonly string[]) =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = parameters.get(name);
        return value ? [[name, value]] : [];
      }),
    );
  const server: Record<string, string> = {
    connect_timeout: '10',
    ...fromUrl(tuningOptions),
    ...fromUrl(connectionOptions),
    ...readTls(parameters),
    // An IPv6 address stands in brackets in a URL alone.
    host: parameters.get('host') || decode(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost',
    port: parameters.get('port') || url.port || '5432',
    dbname: decode(url.pathname.slice(1)) || user,
    options: [remote.noticesCut && noticeCut, parameters.get('options'), readOnly].filter(Boolean).join(' '),
    application_name: 'pgclip',
    updatable: 'false',
    truncatable: 'false',
    fetch_size: '10000',
    use_remote_estimate: 'true',
    // By hand, since the defaults differ between versions, and so would plans.
    fdw_startup_cost: '100',
    fdw_tuple_cost: '0.2',
  };
  const mapping = { user, ...(password ? { password } : {}), ...fromUrl(certificateOptions) };
  return { server, mapping };
}

/** The user that a URL logs in as, or null when it names none. */
export function readLogin(text: string): string | null {
  const url = new URL(text);
  return url.searchParams.get('user') || decode(url.username) || null;
}

/** node-postgres's words for TLS in libpq's. */
function readTls(parameters: URLSearchParams): FdwOptions {
  const ssl = parameters.get('ssl');
  const mode = parameters.get('sslmode');
  if (mode) return { sslmode: mode === 'no-verify' ? 'require' : mode };
  if (ssl === 'true' || ssl === '1' || ssl === 'no-verify') return { sslmode: 'require' };
  if (ssl === 'false' || ssl === '0') return { sslmode: 'disable' };
  return parameters.get('sslnegotiation') === 'direct' ? { sslmode: 'require' } : {};
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
