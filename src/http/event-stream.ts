/**
 * Answers of work that takes long, for clients that accept server-sent events: the status at once, then how far the
 * work has come, then how it ended. A client that closes its request cancels the work.
 */
import { z } from '@hono/zod-openapi';
import { toAppError } from '../domain/errors.ts';
import { encodeEvent, eventsMediaType, keepAlive } from '../domain/server-events.ts';
import type { AppContext } from './context.ts';
import { chooseMediaType } from './negotiate.ts';
import { logError, toProblem } from './problem.ts';

const offers = [{ mediaType: 'application/json' }, { mediaType: eventsMediaType }] as const;

/**
 * How often something is sent. Proxies would be content with a line in ten seconds, but workerd learns that a client
 * has left only when it writes to it.
 */
const intervalMs = 200;

/** How far work has come, as JSON; asked whenever it is told. */
export interface ReadableProgress {
  read(): object;
}

/** Work that can be watched and cancelled. It writes into the progress that is read meanwhile. */
export type WatchedWork<P extends ReadableProgress> = (signal: AbortSignal, progress: P) => Promise<unknown>;

/** True when the client wants events rather than the answer alone. */
export function wantsEvents(c: AppContext): boolean {
  return chooseMediaType(c.req.header('Accept'), offers)?.mediaType === eventsMediaType;
}

/** The answer with events in a route. `done` and `progress` say what the data of these events is. */
export function eventsAnswer(done: string, progress = '`{"rows", "bytes"}` so far (bytes as CSV)') {
  const description = `For clients that accept \`${eventsMediaType}\`: \`progress\` with ${progress}, several times; then \`done\` with ${done} or \`error\` with a problem document, and the end. Closing the request cancels the work. A stream that ends without one of the two was broken off`;
  return { description, content: { [eventsMediaType]: { schema: z.string() } } } as const;
}

/**
 * Begins the work and answers with its events: `progress`, and at the end `done` with what the work resolves to, or
 * `error` with the problem document of what it throws.
 */
export function answerWithEvents<P extends ReadableProgress>(
  c: AppContext,
  progress: P,
  work: WatchedWork<P>,
): Response {
  const encoder = new TextEncoder();
  const stop = new AbortController();
  let timer: ReturnType<typeof setInterval> | undefined;

  /** Sends what is new, unless the client has not taken yet what was sent before. */
  function startTelling(controller: ReadableStreamDefaultController<Uint8Array>): void {
    let said = '';
    const tell = () => {
      if ((controller.desiredSize ?? 0) <= 0) return;
      const event = encodeEvent({ name: 'progress', data: progress.read() });
      controller.enqueue(encoder.encode(event === said ? keepAlive : event));
      said = event;
    };
    tell();
    timer = setInterval(tell, intervalMs);
  }

  async function tellEnd(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const signal = AbortSignal.any([stop.signal, c.req.raw.signal]);
    const event = await work(signal, progress).then(
      (data) => encodeEvent({ name: 'done', data }),
      (thrown) => {
        const error = toAppError(thrown);
        // Whoever left has cancelled the work; that is no failure to tell of.
        if (!signal.aborted) logError(error, c);
        return encodeEvent({ name: 'error', data: toProblem(error, true) });
      },
    );
    clearInterval(timer);
    if (stop.signal.aborted) return;
    controller.enqueue(encoder.encode(event));
    controller.close();
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      startTelling(controller);
      const told = tellEnd(controller);
      c.env.outlive?.(told);
    },
    cancel() {
      clearInterval(timer);
      stop.abort();
    },
  });
  return c.body(body, 200, {
    'Content-Type': eventsMediaType,
    // nginx would hold the events back until it has a buffer full of them.
    'X-Accel-Buffering': 'no',
  });
}
