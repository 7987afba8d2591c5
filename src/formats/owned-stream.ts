/** Ties the life of a result set to the stream that encodes it. */
import type { ResultSet } from '../domain/result-set.ts';

/**
 * Iterates the chunks and closes the result set when they end, fail or are abandoned. A generator's own `finally`
 * is not enough: one that is abandoned before its first chunk was asked for never runs it.
 */
export function owningStream(
  result: ResultSet,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncIterableIterator<Uint8Array> {
  return {
    async next() {
      try {
        const step = await chunks.next();
        if (step.done) await result.close();
        return step;
      } catch (error) {
        await result.close();
        throw error;
      }
    },
    async return() {
      try {
        await chunks.return(undefined);
      } finally {
        await result.close();
      }
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
