/**
 * A stream of bytes as the body of a response: read as fast as the client takes it. What fails in the middle breaks
 * the connection off, so that nothing incomplete looks complete.
 */

export interface BodyOptions {
  /** The client is gone: stop whatever makes the bytes. */
  readonly onCancel: () => void;
  /** The bytes failed after the first: for the log, since no answer can tell it any more. */
  readonly onError: (error: unknown) => void;
}

function brokenOff(): Error {
  const error = new Error('An answer was broken off, so that its client sees that it is not whole.');
  error.stack = '';
  return error;
}

/**
 * Opens the body with its first chunk made, so that what fails before it gets an answer of its own.
 * Throws what the first chunk throws.
 */
export async function openBody(
  chunks: AsyncIterable<Uint8Array>,
  options: BodyOptions,
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
          options.onError(error);
          // An errored stream, unlike a closed one, makes the server cut the connection. The runtime may print what it
          // is errored with, and Postgres's words may quote rows: so they are not in it.
          controller.error(brokenOff());
        }
      },
      async cancel() {
        gone = true;
        // A generator that waits for rows can't be returned from, so its source is stopped first.
        options.onCancel();
        await iterator.return?.().catch(() => {});
      },
    },
    // One chunk is made while the one before it is on its way.
    { highWaterMark: 1 },
  );
}
