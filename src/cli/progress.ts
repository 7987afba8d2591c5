/**
 * Progress on a terminal, one line that is erased at the end: of a download a bar where the size is known, else bytes
 * and rate; of work on the server how far that is, and its time.
 */
import type { LinkProgress } from '../domain/data-link.ts';
import type { FreezeProgress } from '../domain/server-events.ts';
import { cleanText } from './table.ts';
import type { Output } from './terminal.ts';

export interface Progress {
  /** Counts bytes that have arrived. */
  add(bytes: number): void;
  /** Erases the line. */
  end(): void;
}

const intervalMs = 100;
const barWidth = 24;

/**
 * Shows progress on `output` if it is a terminal. `totalBytes` is null when it isn't known; `more` gives words that
 * follow the figures.
 */
export function startProgress(
  output: Output,
  totalBytes: number | null,
  more: () => string = () => '',
): Progress {
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
      output.write(`\r\x1b[K${describe(received, totalBytes, (now - startedAt) / 1000)}${more()}`);
    },
    end() {
      output.write('\r\x1b[K');
    },
  };
}

/** The progress of work on the server. */
export interface WorkLine<P> {
  show(progress: P): void;
  /** Erases the line. */
  end(): void;
}

/** How often the time is written anew while nothing else changes. */
const tickMs = 1000;

/** Shows on `output`, if it is a terminal, how far the work is, in words, and its time. */
export function startWorkLine<P>(output: Output, first: P, describe: (progress: P) => string): WorkLine<P> {
  if (!output.isTTY) return { show() {}, end() {} };
  const startedAt = performance.now();
  let shown = first;
  const draw = () => {
    const time = formatTime((performance.now() - startedAt) / 1000);
    output.write(`\r\x1b[K${describe(shown)}  ${time}`);
  };
  const timer = setInterval(draw, tickMs);
  return {
    show(progress) {
      shown = progress;
      draw();
    },
    end() {
      clearInterval(timer);
      output.write('\r\x1b[K');
    },
  };
}

/** The progress of a freeze: its rows and bytes. */
export function startFreezeLine(output: Output): WorkLine<FreezeProgress> {
  return startWorkLine(output, { rows: 0, bytes: 0 }, ({ rows, bytes }) => {
    const counted = `${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`;
    return `Freezing: ${counted}  ${formatBytes(bytes)}`;
  });
}

/** The progress of making or refreshing a link: its step, and how many tables of that are done. */
export function startLinkLine(output: Output): WorkLine<LinkProgress> {
  const first: LinkProgress = { step: 'reading the remote', done: 0, total: 0 };
  return startWorkLine(output, first, ({ step, done, total }) => {
    const counted = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} tables`;
    return `Linking: ${cleanText(step)}${total === 0 ? '' : `, ${counted}`}`;
  });
}

/** `59 s`, `3 min 5 s` */
function formatTime(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
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
