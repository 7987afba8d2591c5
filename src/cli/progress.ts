/** The progress of a download on a terminal: a bar where the size is known, else bytes and rate. One line, erased at the end. */
import type { Output } from './terminal.ts';

export interface Progress {
  /** Counts bytes that have arrived. */
  add(bytes: number): void;
  /** Erases the line. */
  end(): void;
}

const intervalMs = 100;
const barWidth = 24;

/** Shows progress on `output` if it is a terminal. `totalBytes` is null when it isn't known. */
export function startProgress(output: Output, totalBytes: number | null): Progress {
  if (!output.isTTY) return { add() {}, end() {} };
  const startedAt = performance.now();
  let received = 0;
  let drawnAt = 0;
  return {
    add(bytes) {
      received += bytes;
      const now = performance.now();
      if (now - drawnAt < intervalMs) return;
      drawnAt = now;
      output.write(`\r\x1b[K${describe(received, totalBytes, (now - startedAt) / 1000)}`);
    },
    end() {
      output.write('\r\x1b[K');
    },
  };
}

function describe(received: number, total: number | null, seconds: number): string {
  const figures = `${formatBytes(received)}  ${formatBytes(received / Math.max(seconds, 0.001))}/s`;
  if (!total) return figures;
  const share = Math.min(received / total, 1);
  const filled = Math.round(share * barWidth);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${percent}  ${figures}`;
}

/** Bytes as a person reads them, in decimal units: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  const value = bytes / 1000 ** power;
  return `${power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
