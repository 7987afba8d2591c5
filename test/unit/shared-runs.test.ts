import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../src/domain/errors.ts';
import type { ResultSet, Row } from '../../src/domain/result-set.ts';
import { SharedRuns } from '../../src/services/shared-runs.ts';
import { readAll } from '../support/runs.ts';

/** A run whose batches are handed out by the test, and what became of it. */
class HandMadeRun {
  pulled = 0;
  closed = 0;
  signal: AbortSignal | undefined;
  readonly #batches: (readonly Row[] | Error)[];
  readonly #opening = Promise.withResolvers<void>();

  constructor(batches: readonly (readonly Row[] | Error)[]) {
    this.#batches = [...batches];
  }

  /** Lets `start` resolve, or fail. */
  open(error?: Error): void {
    if (error) this.#opening.reject(error);
    else this.#opening.resolve();
  }

  readonly start = vi.fn(async (signal: AbortSignal): Promise<ResultSet> => {
    this.signal = signal;
    await this.#opening.promise;
    const next = async (): Promise<IteratorResult<readonly Row[]>> => {
      this.pulled++;
      const value = this.#batches.shift();
      if (value instanceof Error) throw value;
      return value ? { done: false, value } : { done: true, value: undefined };
    };
    return {
      columns: [{ name: 'n', type: 'text', kind: 'text' }],
      ranAt: '2026-01-01T00:00:00.000Z',
      serverVersion: '18.4',
      batches: { [Symbol.asyncIterator]: () => ({ next }) },
      close: async () => {
        this.closed++;
      },
    };
  });
}

const opened = (batches: readonly (readonly Row[] | Error)[]) => {
  const run = new HandMadeRun(batches);
  run.open();
  return run;
};

/** Batches of one row of 64 Ki characters: 16 of them fill the window. */
const bigBatches = (count: number): Row[][] =>
  Array.from({ length: count }, (_, n) => [[String(n).padEnd(64 * 1024, '.')]]);
const windowBatches = 16;

const iteratorOf = (result: ResultSet) => result.batches[Symbol.asyncIterator]();

/** What a promise has come to by now. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'settled'> {
  let state: 'pending' | 'settled' = 'pending';
  const settle = () => {
    state = 'settled';
  };
  promise.then(settle, settle);
  await vi.advanceTimersByTimeAsync(0);
  return state;
}

let shared: SharedRuns;

beforeEach(() => {
  vi.useFakeTimers();
  shared = new SharedRuns();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('SharedRuns', () => {
  it('starts one run for all who come at once, and gives each all the rows', async () => {
    const run = opened([[['1'], ['2']], [['3']]]);
    const results = await Promise.all(Array.from({ length: 20 }, () => shared.open('a', run.start)));
    const rows = await Promise.all(results.map(readAll));
    expect(run.start).toHaveBeenCalledTimes(1);
    expect(rows).toEqual(rows.map(() => [['1'], ['2'], ['3']]));
    expect(run.pulled).toBe(3);
    expect(run.closed).toBe(1);
  });

  it('keeps runs of different things apart', async () => {
    const [a, b] = [opened([[['a']]]), opened([[['b']]])];
    const results = await Promise.all([shared.open('a', a.start), shared.open('b', b.start)]);
    expect(await Promise.all(results.map(readAll))).toEqual([[['a']], [['b']]]);
  });

  it('starts anew when the last run is over', async () => {
    const [first, second] = [opened([]), opened([])];
    await readAll(await shared.open('a', first.start));
    await readAll(await shared.open('a', second.start));
    expect(second.start).toHaveBeenCalledTimes(1);
  });

  it('gives one who comes a little later the rows from the first on', async () => {
    const run = opened([[['1']], [['2']], [['3']]]);
    const early = iteratorOf(await shared.open('a', run.start));
    await early.next();
    await early.next();
    expect(await readAll(await shared.open('a', run.start))).toEqual([['1'], ['2'], ['3']]);
    expect(run.start).toHaveBeenCalledTimes(1);
    await early.return?.();
    expect(run.closed).toBe(1);
  });

  it('starts a new run for one who comes when the first rows are gone', async () => {
    const [run, next] = [opened(bigBatches(windowBatches + 1)), opened([[['fresh']]])];
    const early = iteratorOf(await shared.open('a', run.start));
    for (let n = 0; n < windowBatches; n++) await early.next();
    expect(await readAll(await shared.open('a', next.start))).toEqual([['fresh']]);
    expect((await early.next()).value).toEqual(bigBatches(windowBatches + 1).at(-1));
    await early.return?.();
  });

  it('starts a new run for one who comes long after the first rows, though nobody has read them', async () => {
    const [run, next] = [opened([[['stale']]]), opened([[['fresh']]])];
    const idle = await shared.open('a', run.start);
    await vi.advanceTimersByTimeAsync(1001);
    expect(await readAll(await shared.open('a', next.start))).toEqual([['fresh']]);
    expect(await readAll(idle)).toEqual([['stale']]);
  });

  it('lets those who come share a run that takes long to its first row', async () => {
    const run = new HandMadeRun([[['1']]]);
    const first = shared.open('a', run.start);
    await vi.advanceTimersByTimeAsync(60_000);
    const second = shared.open('a', run.start);
    run.open();
    expect(await Promise.all([readAll(await first), readAll(await second)])).toEqual([[['1']], [['1']]]);
    expect(run.start).toHaveBeenCalledTimes(1);
  });

  it('keeps fast and slow reader at most a window apart', async () => {
    const run = opened(bigBatches(100));
    const [fast, slow] = (await Promise.all([shared.open('a', run.start), shared.open('a', run.start)])).map(
      iteratorOf,
    );
    for (let n = 0; n < windowBatches; n++) await fast?.next();
    const ahead = fast?.next() ?? Promise.resolve();
    expect(await stateOf(ahead)).toBe('pending');
    expect(run.pulled).toBe(windowBatches);
    await slow?.next();
    expect(await stateOf(ahead)).toBe('settled');
    expect(run.pulled).toBe(windowBatches + 1);
    await fast?.return?.();
    await slow?.return?.();
  });

  it('drops a reader that stands still while others wait, with an error, and goes on', async () => {
    const run = opened(bigBatches(40));
    const [fast, stuck] = await Promise.all([shared.open('a', run.start), shared.open('a', run.start)]);
    const rows = readAll(fast);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await rows).toHaveLength(40);
    await expect(readAll(stuck)).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(run.closed).toBe(1);
  });

  it('is patient with a slow reader that moves', async () => {
    const run = opened(bigBatches(24));
    const [fast, slow] = await Promise.all([shared.open('a', run.start), shared.open('a', run.start)]);
    const rows = readAll(fast);
    let seen = 0;
    for await (const batch of slow.batches) {
      seen += batch.length;
      await vi.advanceTimersByTimeAsync(9000);
    }
    expect([(await rows).length, seen]).toEqual([24, 24]);
  });

  it('goes on for the others when one leaves, also one who kept them waiting', async () => {
    const run = opened(bigBatches(40));
    const [stays, leaves] = await Promise.all([shared.open('a', run.start), shared.open('a', run.start)]);
    const rows = readAll(stays);
    await vi.advanceTimersByTimeAsync(0);
    expect(run.signal?.aborted).toBe(false);
    await leaves.close();
    expect(await rows).toHaveLength(40);
  });

  it('stops the run when the last reader leaves', async () => {
    const run = opened(bigBatches(40));
    const [one, other] = await Promise.all([shared.open('a', run.start), shared.open('a', run.start)]);
    await iteratorOf(one).next();
    await one.close();
    expect(run.signal?.aborted).toBe(false);
    await iteratorOf(other).return?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(run.signal?.aborted).toBe(true);
    expect(run.closed).toBe(1);
  });

  it('leaves nobody waiting who waits for a slower one when both leave', async () => {
    const run = opened(bigBatches(40));
    const [fast, slow] = await Promise.all([shared.open('a', run.start), shared.open('a', run.start)]);
    const reading = readAll(fast);
    expect(await stateOf(reading)).toBe('pending');
    await fast.close();
    await slow.close();
    expect(await stateOf(reading)).toBe('settled');
    expect(run.closed).toBe(1);
  });

  it('tells a failing start to all who wait for it, and starts anew for the next', async () => {
    const run = new HandMadeRun([]);
    const waiting = [1, 2, 3].map(() => shared.open('a', run.start));
    const failure = new AppError('sql_refused', 'Postgres refuses it.');
    run.open(failure);
    expect(await Promise.allSettled(waiting)).toEqual(
      waiting.map(() => ({ status: 'rejected', reason: failure })),
    );
    expect(run.start).toHaveBeenCalledTimes(1);
    expect(await readAll(await shared.open('a', opened([[['1']]]).start))).toEqual([['1']]);
  });

  it('tells a failure in the middle to every reader, and starts anew for the next', async () => {
    const failure = new AppError('sql_failed', 'It failed.');
    const run = opened([[['1']], failure]);
    const results = await Promise.all([1, 2, 3].map(() => shared.open('a', run.start)));
    expect(await Promise.allSettled(results.map(readAll))).toEqual(
      results.map(() => ({ status: 'rejected', reason: failure })),
    );
    expect(await readAll(await shared.open('a', opened([[['2']]]).start))).toEqual([['2']]);
  });

  it('lets one leave before the first row without harm to those who wait with it', async () => {
    const run = new HandMadeRun([[['1']]]);
    const leaving = new AbortController();
    const leaves = shared.open('a', run.start, leaving.signal);
    const stays = shared.open('a', run.start);
    leaving.abort();
    run.open();
    await expect(leaves).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(run.signal?.aborted).toBe(false);
    expect(await readAll(await stays)).toEqual([['1']]);
  });

  it('stops a run that nobody waits for any more, and does not let anyone join it', async () => {
    const run = new HandMadeRun([]);
    const leaving = new AbortController();
    const leaves = shared.open('a', run.start, leaving.signal);
    leaving.abort();
    expect(run.signal?.aborted).toBe(true);
    const next = opened([[['1']]]);
    expect(await readAll(await shared.open('a', next.start))).toEqual([['1']]);
    run.open();
    await expect(leaves).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(run.closed).toBe(1);
  });

  it('never lets rows that were cut off by an abort look whole', async () => {
    const run = opened([[['1']], [['2']]]);
    const leaving = new AbortController();
    const rows = iteratorOf(await shared.open('a', run.start, leaving.signal));
    await rows.next();
    leaving.abort();
    await expect(rows.next()).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(run.closed).toBe(1);
  });
});
