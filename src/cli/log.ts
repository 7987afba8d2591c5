/** The operator's log: one line an event on stderr, `time level message name=value …`. */
import type { Log } from '../domain/ports.ts';
import type { Terminal } from './terminal.ts';

/** A Log that writes to the terminal's stderr. */
export function openLog(terminal: Terminal): Log {
  return (level, message, fields = {}) => {
    const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
    const line = message.replaceAll(/[\r\n]+/g, ' ');
    terminal.stderr.write(`${new Date().toISOString()} ${level} ${line}${pairs.join('')}\n`);
  };
}
