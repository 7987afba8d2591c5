/** `pgclip serve`: reads the config vars, starts the server and ends it when the process is asked to end. */
import { parseSettings } from '../config/settings.ts';
import { findOrMakeToken } from '../config/token.ts';
import { openLog } from './log.ts';
import { CliError, printLine, type Terminal } from './terminal.ts';

/** Serves until `terminal.signal`. Throws SettingsError, and CliError for a port that is taken. */
export async function serve(terminal: Terminal): Promise<void> {
  const settings = parseSettings(terminal.env, 'node');
  const kept = settings.apiToken === null ? await findOrMakeToken(settings.dir) : null;
  const apiToken = kept?.token ?? settings.apiToken;
  // Everything that serves is loaded here and not before: the other commands start faster without.
  const { startServer } = await import('../node.ts');
  const server = await startServer({ settings: { ...settings, apiToken }, log: openLog(terminal) }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.name === 'GatewayProblem') throw new CliError(error.message);
      if (error.code !== 'EADDRINUSE') throw error;
      throw new CliError(`port ${settings.port} of ${settings.host} is taken; set PORT to another.`);
    },
  );
  printLine(terminal, `pgclip answers at ${server.url}`);
  if (kept) printLine(terminal, `Sign in: ${server.url}/sign-in?token=${kept.token}`);
  await aborted(terminal.signal);
  await server.close();
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
