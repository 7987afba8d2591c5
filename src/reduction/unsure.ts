/** The way out of the reduction: whatever isn't known to be safe is thrown as an `Unsure`, and the SQL stays. */

/** Why something can't be reduced, in words for people. Caught within the reduction. */
export class Unsure extends Error {
  override readonly name = 'Unsure';
}

/** The value, or the reason why there is none. Throws what isn't an `Unsure`. */
export function attempt<T>(make: () => T): { readonly value: T } | { readonly reason: string } {
  try {
    return { value: make() };
  } catch (error) {
    if (error instanceof Unsure) return { reason: error.message };
    throw error;
  }
}
