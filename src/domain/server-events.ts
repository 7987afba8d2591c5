/**
 * Server-sent events as pgclip sends and reads them: work that takes long tells how far it has come, then once how it
 * ended. Each event has a name and one JSON value on one line; ids and retries are not used, since work is not taken
 * up again. Source: HTML Living Standard, 9.2 "Server-sent events".
 */

/** Media type of a stream of events. */
export const eventsMediaType = 'text/event-stream';

/** How far a snapshot that is being taken has come. `bytes` as CSV. */
export interface FreezeProgress {
  readonly rows: number;
  readonly bytes: number;
}

/** What stands in a stream. `progress` any number of times, then one of the others, with which the stream ends. */
export interface ServerEvent {
  readonly name: 'progress' | 'done' | 'error';
  readonly data: unknown;
}

/** How watched work ended. `broken`: the stream ended without a word of it. */
export type WatchedEnd =
  | { readonly kind: 'done'; readonly data: unknown }
  | { readonly kind: 'error'; readonly problem: unknown }
  | { readonly kind: 'broken' };

export function encodeEvent({ name, data }: ServerEvent): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A line that says nothing, so that nobody on the way takes the stream for dead. */
export const keepAlive = ': still at it\n\n';

/** The event of a block of lines; null for a comment. Throws a SyntaxError when its data is not JSON. */
function parseEvent(block: string): ServerEvent | null {
  const fields = new Map(
    block.split('\n').map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name, value.join(': ')];
    }),
  );
  const data = fields.get('data');
  return data === undefined
    ? null
    : { name: fields.get('event') as ServerEvent['name'], data: JSON.parse(data) };
}

/**
 * Reads a stream of events to its end. `onProgress` is called with the data of each `progress`, which is `P` in the
 * streams of that work. What breaks the stream off is no error here but the end `broken`; whoever cancelled it knows why.
 */
export async function watchEvents<P>(
  body: ReadableStream<Uint8Array>,
  onProgress: (progress: P) => void,
): Promise<WatchedEnd> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const blocks = (rest + decoder.decode(read.value, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event?.name === 'progress') onProgress(event.data as P);
        if (event?.name === 'done') return { kind: 'done', data: event.data };
        if (event?.name === 'error') return { kind: 'error', problem: event.data };
      }
    }
  } catch {
    // The connection is gone, or what came is no event of ours: nothing more can be learnt here.
  } finally {
    await reader.cancel().catch(() => {});
  }
  return { kind: 'broken' };
}
