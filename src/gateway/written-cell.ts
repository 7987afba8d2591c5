/** Values that SQL writes, as Redis takes them: checked here, since what Redis refused in the middle of EXEC would stay half done. */
import type { LinkCell, LinkColumn } from '../domain/redis-link.ts';
import { parseShown } from '../domain/shown-text.ts';
import { parseInterval } from './interval.ts';
import { ServerError, sqlstates } from './server-error.ts';

const scoreShape = /^[-+]?(\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?|inf|infinity)$/i;

/** Whether ZADD takes it: not what is too large or too small for a double, which it refuses in the middle of EXEC. */
function isScore(text: string): boolean {
  if (!scoreShape.test(text)) return false;
  if (/inf/i.test(text)) return true;
  const size = Math.abs(Number(text));
  return Number.isFinite(size) && (size > 0 || !/[1-9]/.test(text.split(/e/i, 1)[0] ?? ''));
}

/** A value as Redis takes it. Throws for what can't be one. */
export function parseCell(shown: Buffer | null, { name, type }: LinkColumn): LinkCell {
  if (shown === null) {
    if (name === 'ttl') return null;
    throw new ServerError(sqlstates.notNull, `null value in column "${name}" violates not-null constraint`);
  }
  if (type === 'text') {
    const bytes = parseShown(shown);
    if (bytes) return bytes;
    throw new ServerError(
      sqlstates.notShown,
      `the text for column "${name}" begins with \\x and is not the hex of bytes`,
      {
        hint: 'Write bytes as \\x and lower-case hex, and text that is valid UTF-8 as itself.',
      },
    );
  }
  const text = shown.toString();
  if (type === 'interval') parseInterval(text);
  else if (!isScore(text)) throw new ServerError(sqlstates.invalidParameter, `"${name}" must be a number`);
  return text;
}
