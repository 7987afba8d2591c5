import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunQueue } from '../../src/adapters/postgres/queue.ts';

const deadlineMs = 2500;
let queue: RunQueue;

beforeEach(() => {
  vi.useFakeTimers();
  queue = new RunQueue({ size: 2, deadlineMs });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('RunQueue', () => {
  it('gives as many slots at once as it has', async () => {
    const [first, second] = await Promise.all([queue.take(), queue.take()]);
    expect(queue.taken).toBe(2);
    first();
    expect(queue.taken).toBe(1);
    second();
    expect(queue.taken).toBe(0);
  });

  it('takes a slot back once, however often it is given back', async () => {
    const [first, second] = await Promise.all([queue.take(), queue.take()]);
    first();
    first();
    expect(queue.taken).toBe(1);
    second();
  });

  it('serves those who wait in their order, and nobody jumps the queue', async () => {
    const [first, second] = await Promise.all([queue.take(), queue.take()]);
    const order: string[] = [];
    const take = async (name: string) => {
      const giveBack = await queue.take();
      order.push(name);
      return giveBack;
    };
    const third = take('third');
    const fourth = take('fourth');
    first();
    // The slot is promised to the third already, though it does not know yet.
    const fifth = take('fifth');
    (await third)();
    second();
    (await fourth)();
    (await fifth)();
    expect(order).toEqual(['third', 'fourth', 'fifth']);
    expect(queue.taken).toBe(0);
  });

  it('turns away whoever waited too long, and says when to come again', async () => {
    const slots = await Promise.all([queue.take(), queue.take()]);
    const third = queue.take();
    const refused = expect(third).rejects.toMatchObject({ code: 'queue_full', retryAfterSeconds: 3 });
    await vi.advanceTimersByTimeAsync(deadlineMs - 1);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    await refused;
    for (const giveBack of slots) giveBack();
    expect(queue.taken).toBe(0);
  });

  it('lets whoever leaves go at once, and the next move up', async () => {
    const [first, second] = await Promise.all([queue.take(), queue.take()]);
    const leaving = new AbortController();
    const third = queue.take(leaving.signal);
    const fourth = queue.take();
    leaving.abort();
    await expect(third).rejects.toMatchObject({ code: 'run_cancelled' });
    first();
    (await fourth)();
    second();
    expect(queue.taken).toBe(0);
  });

  it('refuses one that is gone before it came, without taking a slot', async () => {
    await expect(queue.take(AbortSignal.abort())).rejects.toMatchObject({ code: 'run_cancelled' });
    expect(queue.taken).toBe(0);
  });

  it('does not mind a signal that is aborted after the turn came', async () => {
    const slots = await Promise.all([queue.take(), queue.take()]);
    const leaving = new AbortController();
    const third = queue.take(leaving.signal);
    slots[0]?.();
    const giveBack = await third;
    leaving.abort();
    expect(queue.taken).toBe(2);
    giveBack();
    slots[1]?.();
    expect(queue.taken).toBe(0);
  });
});
