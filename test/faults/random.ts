/** Random choices that can be made again: every file prints its seed, and takes one from `FAULTS_SEED`. */

export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** A whole number of at least 0, below `limit`. */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
  /** `count` numbers below 1: one in each of as many equal stretches, in random order. */
  spread(count: number): number[];
  /** One more, for choices beside these: neither takes the other's numbers. */
  fork(): Random;
}

/** The choices of a file; with a `seed` they are the same each time, unless FAULTS_SEED says otherwise. */
export function openRandom(name: string, seed = Math.floor(Math.random() * 2 ** 32)): Random {
  const chosen = Number(process.env.FAULTS_SEED ?? seed);
  console.log(`${name}: FAULTS_SEED=${chosen}`);
  return randomOf(chosen);
}

/** Mulberry32: 32 bits of state, more than enough to choose moments and places. */
function randomOf(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    next,
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    spread: (count) => {
      const numbers = Array.from({ length: count }, (_, stretch) => (stretch + next()) / count);
      for (let last = count - 1; last > 0; last--) {
        const other = below(last + 1);
        [numbers[last], numbers[other]] = [numbers[other] as number, numbers[last] as number];
      }
      return numbers;
    },
    fork: () => randomOf(below(2 ** 32)),
  };
}
