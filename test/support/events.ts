/** A client for server-sent events that keeps what came on the wire. It makes no assertion itself. */
import { testToken } from './server.ts';

export interface ReceivedEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventStream {
  readonly response: Response;
  /** The next event; null when the stream has ended. Rejects when it was broken off. */
  next(): Promise<ReceivedEvent | null>;
  /** The next event of which this holds. Rejects when the stream ends before. */
  find(holds: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent>;
  /** Every event until the stream ends. */
  rest(): Promise<ReceivedEvent[]>;
  /** Closes the request, as a client that cancels. */
  leave(): void;
}

/** Posts to a path of the API as a client that accepts events; `body` is sent as JSON. */
export async function postForEvents(
  runtime: { fetch(path: string, init?: RequestInit): Promise<Response> },
  path: string,
  body?: unknown,
): Promise<EventStream> {
  const leaving = new AbortController();
  const response = await runtime.fetch(path, {
    method: 'POST',
    headers: {
      Accept: 'text/event-stream',
      Authorization: `Bearer ${testToken}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: leaving.signal,
  });
  const events = readEvents(response.body ?? new ReadableStream());
  const next = async () => (await events.next()).value ?? null;

  async function find(holds: (event: ReceivedEvent) => boolean): Promise<ReceivedEvent> {
    for (let event = await next(); event; event = await next()) if (holds(event)) return event;
    throw new Error('The stream ended without such an event.');
  }

  return {
    response,
    next,
    find,
    async rest() {
      const rest: ReceivedEvent[] = [];
      for await (const event of events) rest.push(event);
      return rest;
    },
    leave: () => leaving.abort(),
  };
}

async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ReceivedEvent, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? [];
      if (name && data) yield { name, data: JSON.parse(data) };
      text = text.slice(end + 2);
    }
  }
  if (text !== '') throw new Error(`The stream ended inside an event: ${text}`);
}
