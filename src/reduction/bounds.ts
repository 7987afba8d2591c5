/**
 * A bound for the work of one reduction: a text of a few lines can be made to take hours, and nothing else runs
 * meanwhile. All of it is synchronous, so one counter will do.
 */

/** About half a second. */
const maxSteps = 2_000_000;

let left = Number.POSITIVE_INFINITY;

/** Counts what was done. Throws `RangeError`, as a full stack does, when that is too much. */
export function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw new RangeError('The text takes too long to look into.');
}

/** Does the work, or the other thing where it takes too long or is nested more deeply than the stack. */
export function withinBounds<T>(work: () => T, otherwise: () => T): T {
  left = maxSteps;
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return otherwise();
    throw error;
  } finally {
    left = Number.POSITIVE_INFINITY;
  }
}
