/** `pgclip gateway`: the gateway alone, for a pgclip that runs where it can't listen, such as on Workers. */
import { parseSettings } from '../config/settings.ts';
import { findToken } from '../config/token.ts';
import { placeOf } from '../domain/redis-remote.ts';
import { openLog } from './log.ts';
import { aborted } from './serve.ts';
import { CliError, printLine, type Terminal } from './terminal.ts';

/** Serves until `terminal.signal`. Throws SettingsError, and CliError for what can't be served. */
export async function gateway(terminal: Terminal): Promise<void> {
  const settings = parseSettings(terminal.env, 'node');
  if (settings.gateway.port === null)
    throw new CliError('GATEWAY_PORT is missing; set it to the port that the gateway may listen on.');
  if (settings.remotes.length === 0)
    throw new CliError('there is no Redis to serve; set its URL in a config var such as CACHE_URL.');
  const apiToken = settings.apiToken ?? (await findToken(settings.dir));
  if (apiToken === null)
    throw new CliError('API_TOKEN is missing; set it to that of the pgclip which makes the links.');
  const { openLinking } = await import('../linking/linking.ts');
  const linking = await openLinking({ ...settings, apiToken }, openLog(terminal)).catch(throwForCli);
  const server = await linking.gateway?.start().catch(throwForCli);
  if (server) printLine(terminal, `The gateway answers at ${placeOf(server)}`);
  await aborted(terminal.signal);
  await linking.close();
}

/** Says what keeps the gateway from being started without a stack. */
export function throwForCli(error: unknown): never {
  if (error instanceof Error && error.name === 'GatewayProblem') throw new CliError(error.message);
  throw error;
}
