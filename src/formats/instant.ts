/**
 * Arithmetic on the database's text of dates and times, in whole seconds: a JavaScript Date would bring the time zone
 * of the machine and lose what it can't hold. Source: "days_from_civil" of the proleptic Gregorian calendar, which
 * Postgres counts in as well (PostgreSQL manual, "History of Units").
 */

/** Seconds in a day. */
export const daySeconds = 86_400;

/** The offset from UTC of a timestamptz, which may have minutes and seconds. */
const offsetParts = /^([+-])(\d\d)(?::(\d\d)(?::(\d\d))?)?$/;

/** A point in time. For a date, its midnight; for a timestamptz, in UTC. */
export interface Instant {
  /** Whole seconds since 1970-01-01 00:00:00. */
  readonly epochSeconds: number;
  /** Digits of the fraction of a second without trailing zeros; may be empty. */
  readonly fraction: string;
}

/** Days from 1970-01-01; year 0 is 1 BC. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1 };
}

const zero = 48;
const nine = 57;
const dot = 46;

/** The two digits at an index. */
function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - zero) * 10 + text.charCodeAt(at + 1) - zero;
}

/** The year in the first `length` characters. */
function parseYear(text: string, length: number): number {
  return length === 4 ? twoDigits(text, 0) * 100 + twoDigits(text, 2) : Number(text.slice(0, length));
}

/** The end of the digits that begin at an index. */
function endOfDigits(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) >= zero && text.charCodeAt(end) <= nine) end++;
  return end;
}

/** Seconds that the offset is ahead of UTC; NaN for text that is none. */
function parseOffset(text: string): number {
  if (text === '' || text === '+00') return 0;
  const match = offsetParts.exec(text);
  if (!match) return Number.NaN;
  const [, sign, hour, minute = '0', second = '0'] = match;
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  return sign === '-' ? -seconds : seconds;
}

/** Reads a date, timestamp or timestamptz in ISO form; null for text of another DateStyle and for infinity. */
export function parseInstant(text: string): Instant | null {
  // No other DateStyle has its first dash behind four digits or more.
  const dash = text.indexOf('-', 1);
  if (dash < 4) return null;
  const bc = text.endsWith(' BC');
  const year = parseYear(text, dash);
  const days = daysFromCivil(bc ? 1 - year : year, twoDigits(text, dash + 1), twoDigits(text, dash + 4));
  const midnight = days * daySeconds;
  const end = bc ? text.length - 3 : text.length;
  if (end === dash + 6) return Number.isNaN(days) ? null : { epochSeconds: midnight, fraction: '' };
  const time =
    twoDigits(text, dash + 7) * 3600 + twoDigits(text, dash + 10) * 60 + twoDigits(text, dash + 13);
  const second = dash + 15;
  const rest = text.charCodeAt(second) === dot ? endOfDigits(text, second + 1) : second;
  const epochSeconds = midnight + time - parseOffset(text.slice(rest, end));
  return Number.isNaN(epochSeconds) ? null : { epochSeconds, fraction: text.slice(second + 1, rest) };
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}

/** A timestamptz as Postgres writes it when TimeZone is UTC: `2024-02-29 12:00:00.5+00`. */
export function encodeUtc({ epochSeconds, fraction }: Instant): string {
  const days = Math.floor(epochSeconds / daySeconds);
  const seconds = epochSeconds - days * daySeconds;
  const { year, month, day } = civilFromDays(days);
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) =>
    pad(part, 2),
  );
  const dateText = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return `${dateText} ${time.join(':')}${fraction && `.${fraction}`}+00${year > 0 ? '' : ' BC'}`;
}
