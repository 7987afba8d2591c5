/** What every store says of its health in the same words. Pure; knows no engine. */

const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes for people, in decimal units: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
