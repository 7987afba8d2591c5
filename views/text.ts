/**
 * How numbers, sizes and times are written for people, the same on every page and in every locale: `1,204`,
 * `81.2 kB`, `2026-11-21 08:15 UTC`, `84 ms`. Values of a result set never come here: their text is shown as it is.
 */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A whole number with thousands separators: `1,204`. */
export function formatNumber(value: number): string {
  return grouped.format(value);
}

/** A count with its noun: `1 row`, `1,204 rows`. */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const byteUnits = ['kB', 'MB', 'GB', 'TB'] as const;

/** A size in decimal units with at most three digits: `812 B`, `81.2 kB`, `1.07 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  for (const unit of byteUnits) {
    value /= 1000;
    const rounded = Number(value.toPrecision(3));
    if (rounded < 1000) return `${rounded} ${unit}`;
  }
  return `${formatNumber(value)} TB`;
}

/** A duration: `84 ms`, `2.35 s`, `3 min 12 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 999.5) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_950) return `${Number((durationMs / 1000).toPrecision(3))} s`;
  const seconds = Math.round(durationMs / 1000);
  return `${formatNumber(Math.floor(seconds / 60))} min ${seconds % 60} s`;
}

/** A moment to the minute: `2026-11-21 08:15 UTC`. `iso` is ISO 8601 in UTC. */
export function formatMoment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** The time of day to the second: `12:03:05 UTC`. `iso` is ISO 8601 in UTC. */
export function formatClock(iso: string): string {
  return `${iso.slice(11, 19)} UTC`;
}
