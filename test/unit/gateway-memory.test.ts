/** What keeps the gateway's memory bounded: lists of bytes, the budget of statements; and how a time to live is written. */
import { describe, expect, it } from 'vitest';
import { encodeTtl } from '../../src/adapters/redis/link-strings.ts';
import { ByteList, byteListOf } from '../../src/gateway/byte-list.ts';
import { MemoryBudget, MemoryShare } from '../../src/gateway/memory-budget.ts';

describe('a list of bytes', () => {
  it('gives back what was added, in pieces and one by one', () => {
    const items = Array.from({ length: 245_000 }, (_, i) => Buffer.from(i % 7 === 0 ? '' : `item ${i}`));
    const list = byteListOf(items);
    expect(list.length).toBe(items.length);
    expect([...list].map(String)).toEqual(items.map(String));
    const pieces = [...list.pieces()];
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.flat().map(String)).toEqual(items.map(String));
    expect([...new ByteList().pieces()]).toEqual([]);
    const texts = new ByteList();
    for (const text of ['', 'é日😀'.repeat(100), 'a']) texts.addText(text);
    expect([...texts].map(String)).toEqual(['', 'é日😀'.repeat(100), 'a']);
  });
});

describe('the memory of statements', () => {
  it('is taken until there is none, and given back but for what is kept', () => {
    const budget = new MemoryBudget(100);
    const [first, second] = [new MemoryShare(budget), new MemoryShare(budget)];
    first.take(60);
    expect(() => second.take(41)).toThrow(expect.objectContaining({ sqlstate: '53200', severity: 'FATAL' }));
    second.take(40);
    first.giveBackBut(10);
    second.take(50);
    expect(() => second.take(1)).toThrow();
    first.giveBackBut(0);
    second.giveBackBut(0);
    first.take(100);
  });

  it('is worked on one large statement at a time, with others in between', async () => {
    const budget = new MemoryBudget(1);
    const events: string[] = [];
    const large = (name: string) => budget.waitForTurn(2 ** 20).then(() => events.push(name));
    const others = new Promise<void>((resolve) => {
      const look = () => {
        if (events.includes('b')) return resolve();
        events.push('others');
        setImmediate(look);
      };
      setImmediate(look);
    });
    await Promise.all([
      large('a'),
      large('b'),
      budget.waitForTurn(10).then(() => events.push('small')),
      others,
    ]);
    expect(events[0]).toBe('small');
    expect(events.slice(events.indexOf('a'), events.indexOf('b'))).toContain('others');
  });
});

describe('a time to live', () => {
  it.each([
    [-1, null],
    [0, '00:00:00'],
    [999, '00:00:00.999'],
    [3_600_050, '01:00:00.050'],
    [360_000_000, '100:00:00'],
    [2_000_000_000 * 3_600_000, '2000000000:00:00'],
    [2_000_000_001 * 3_600_000, '83333333 days 09:00:00'],
  ])('of %d ms is %s', (ms, text) => {
    expect(encodeTtl(ms)).toBe(text);
  });
});
