/**
 * A stream of bytes as the body of a response: read as fast as the client takes it. What fails in the middle breaks
 * the connection off, so that nothing incomplete looks complete.
 */
import { toAppError } from '../domain/errors.ts';
import type { AppContext } from './context.ts';
import { logBreak } from './problem.ts';

function brokenOff(): Error {
  const error = new Error('An answer was broken off, so that its client sees that it is not whole.');
  error.stack = '';
  return error;
}

/**
 * Opens the body with its first chunk made, so that what fails before it gets an answer of its own. `onCancel` is
 * called when the client is gone: it stops whatever makes the bytes. Throws what the first chunk throws.
 */
export async function openBody(
  c: AppContext,
  chunks: AsyncIterable<Uint8Array>,
  onCancel: () => void = () => {},
): Promise<ReadableStream<Uint8Array>> {
  const iterator = chunks[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<Uint8Array>> | undefined = Promise.resolve(await iterator.next());
  let gone = false;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await (next ?? iterator.next());
          next = undefined;
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          // Whoever left has stopped the run; that is no failure to tell of.
          if (gone) return;
          // No answer can tell it any more.
          logBreak(toAppError(error), c);
          // Where we can, we cut the connection ourselves: @hono/node-server would write the error's message and the
          // chunk that ends the body, and what was cut short would look whole. It cancels the stream then.
          if (c.env.breakOff) c.env.breakOff();
          // Elsewhere an errored stream, unlike a closed one, makes the runtime cut it. It may print what the stream
          // is errored with, and Postgres's words may quote rows: so they are not in it.
          else controller.error(brokenOff());
        }
      },
      async cancel() {
        gone = true;
        // A generator that waits for rows can't be returned from, so its source is stopped first.
        onCancel();
        await iterator.return?.().catch(() => {});
      },
    },
    // One chunk is made while the one before it is on its way.
    { highWaterMark: 1 },
  );
}
