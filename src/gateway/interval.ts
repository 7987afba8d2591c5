/** Postgres's text of an interval (IntervalStyle postgres) as milliseconds. Source: PostgreSQL manual, "Interval Input". */
import { ServerError, sqlstates } from './server-error.ts';

const dayMs = 86_400_000;
/** As `extract(epoch from …)` counts them. */
const unitMs: Readonly<Record<string, number>> = {
  year: 365.25 * dayMs,
  mon: 30 * dayMs,
  day: dayMs,
};
const units = /([-+]?\d+) (year|mon|day)s? ?/y;
const clock = /^([-+])?(\d+):(\d\d):(\d\d(?:\.\d+)?)$/;

/** A time to live: more than nothing, in whole milliseconds. Throws for a text that isn't one. */
export function parseInterval(text: string): number {
  const invalid = new ServerError(
    sqlstates.invalidParameter,
    'a ttl must be an interval of at least 1 ms, or NULL',
  );
  let ms = 0;
  let at = 0;
  units.lastIndex = 0;
  for (let found = units.exec(text); found; found = units.exec(text)) {
    ms += Number(found[1]) * (unitMs[found[2] as string] as number);
    at = units.lastIndex;
  }
  const rest = text.slice(at);
  if (rest !== '') {
    const [all, sign, hours, minutes, seconds] = clock.exec(rest) ?? [];
    if (all === undefined) throw invalid;
    const time = Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000;
    ms += sign === '-' ? -time : time;
  } else if (at === 0) throw invalid;
  const whole = Math.round(ms);
  if (whole < 1 || !Number.isSafeInteger(whole)) throw invalid;
  return whole;
}
