/**
 * The entry of the command `pgclip`: gives the process to the commands, and turns what they throw into one line on
 * stderr and an exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
 */
import { CommanderError } from 'commander';
import { makeProgram } from './cli/program.ts';
import { CliError, type Terminal } from './cli/terminal.ts';
import { SettingsError } from './config/settings.ts';

const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Who asks twice does not want to wait.
    if (ending.signal.aborted) process.exit(130);
    ending.abort();
  });
}

// `pgclip … | head` closes the pipe early; the commands see it as the error of their own write.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const terminal: Terminal = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: ending.signal,
};

function report(error: unknown): number {
  // commander has said it already; asking for help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (ending.signal.aborted) return 130;
  const lines = error instanceof SettingsError ? error.problems : [messageOf(error)];
  for (const line of lines) console.error(`pgclip: ${line}`);
  return error instanceof CliError ? error.exitCode : 1;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Errors that several attempts add up to (all addresses of a host) have no message of their own.
  const text = error.message || (error as NodeJS.ErrnoException).code || error.name;
  return text.trim();
}

try {
  await makeProgram(terminal).parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
// A connection that is kept alive for the next request would hold the process for seconds.
process.stdout.write('', () => process.exit());
