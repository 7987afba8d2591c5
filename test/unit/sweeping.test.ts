/** When a server on Node looks for outlived snapshots. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AppError } from '../../src/domain/errors.ts';
import { startSweeping } from '../../src/node.ts';

const hourMs = 60 * 60 * 1000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('soon after the start, then about every hour, also after a failure, until it is ended', async () => {
  const sweep = vi.fn().mockResolvedValue({ clips: 0, removed: 0 });
  sweep.mockRejectedValueOnce(new AppError('store_unavailable', 'gone'));
  const log = vi.fn();
  const end = startSweeping({ sweep }, log);
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  expect(sweep).toHaveBeenCalledTimes(1);
  expect(log.mock.calls).toEqual([['warn', expect.any(String), { code: 'store_unavailable' }]]);
  await vi.advanceTimersByTimeAsync(24 * hourMs);
  expect(sweep.mock.calls.length).toBeGreaterThanOrEqual(1 + 24 / 1.25 - 1);
  expect(sweep.mock.calls.length).toBeLessThanOrEqual(1 + 24 / 0.75);
  await end();
  sweep.mockClear();
  await vi.advanceTimersByTimeAsync(24 * hourMs);
  expect(sweep).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

it('ends only once a sweep under way has stopped', async () => {
  const events: string[] = [];
  const sweep = (signal?: AbortSignal) =>
    new Promise<never>((_, reject) => {
      events.push('begun');
      signal?.addEventListener('abort', () => {
        events.push('told to stop');
        reject(new AppError('store_unavailable', 'stopped'));
      });
    });
  const end = startSweeping({ sweep }, () => events.push('logged'));
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  await end();
  expect(events).toEqual(['begun', 'told to stop', 'logged']);
  expect(vi.getTimerCount()).toBe(0);
});
