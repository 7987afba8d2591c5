/**
 * The config vars of the gateway, through which databases read a linked Redis: their rows of the settings table, and
 * what they come to together. Pure.
 */

/** Their rows: SettingRow of settings.ts. */
export const gatewayRows = [
  {
    name: 'GATEWAY_PORT',
    kind: 'port',
    default: null,
    unit: null,
    secret: false,
    help: 'The port at which databases read a linked Redis, in the PostgreSQL protocol, open while there is such a link; 0 takes any free one. Absent: there is no gateway. `pgclip gateway` runs it alone.',
  },
  {
    name: 'GATEWAY_HOST',
    kind: 'text',
    default: null,
    unit: null,
    secret: false,
    help: 'The address that the gateway listens on. Absent: that of `HOST`.',
  },
  {
    name: 'GATEWAY_ADDRESS',
    kind: 'address',
    default: null,
    unit: null,
    secret: false,
    help: "Where databases' servers reach the gateway, as `host:port`. Absent: what it listens on.",
  },
  {
    name: 'GATEWAY_TLS_CERT',
    kind: 'text',
    default: null,
    unit: null,
    secret: false,
    help: "File of the gateway's certificate, PEM; one that it has signed itself will do. Absent: no TLS.",
  },
  {
    name: 'GATEWAY_TLS_KEY',
    kind: 'text',
    default: null,
    unit: null,
    secret: false,
    help: "File of the certificate's key, PEM.",
  },
] as const;

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface GatewaySettings {
  /** Null: this process serves none. 0: any free one. */
  readonly port: number | null;
  readonly host: string;
  /** Where databases reach it; null: what it listens on. */
  readonly address: HostAndPort | null;
  /** Both or neither; as they were given, they may be relative to the working directory. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

export interface GatewayValues {
  readonly HOST: string;
  readonly GATEWAY_PORT: number | null;
  readonly GATEWAY_HOST: string | null;
  readonly GATEWAY_ADDRESS: HostAndPort | null;
  readonly GATEWAY_TLS_CERT: string | null;
  readonly GATEWAY_TLS_KEY: string | null;
}

/** What the vars come to. Adds a line to `problems` for what does not go together. */
export function readGatewaySettings(values: GatewayValues, problems: string[]): GatewaySettings {
  const { GATEWAY_PORT: port, GATEWAY_ADDRESS: address } = values;
  const { GATEWAY_TLS_CERT: certFile, GATEWAY_TLS_KEY: keyFile } = values;
  const host = values.GATEWAY_HOST ?? values.HOST;
  if ((certFile === null) !== (keyFile === null))
    problems.push(
      `${certFile === null ? 'GATEWAY_TLS_CERT' : 'GATEWAY_TLS_KEY'} is missing; expected both files or neither.`,
    );
  if (port !== null && address === null && /^(0\.0\.0\.0|::|0)$/.test(host))
    problems.push(
      `GATEWAY_ADDRESS is missing; the gateway listens on every address (${host}), so it has to be told which of them databases reach it at.`,
    );
  return { port, host, address, certFile, keyFile };
}

/** Reads `host:port`, an IPv6 address in brackets. */
export function parseHostAndPort(
  text: string,
): { readonly value: HostAndPort } | { readonly expected: string } {
  const [, v6, name, port = ''] = /^(?:\[([\da-f:.%\w]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = v6 ?? name;
  if (host !== undefined && Number(port) > 0 && Number(port) < 65_536)
    return { value: { host, port: Number(port) } };
  return { expected: 'host:port, such as 10.0.0.5:5433 or [::1]:5433' };
}
