/**
 * The stream of every format that is text: rows become one growing string that leaves as UTF-8 in chunks of about
 * 64 KB. It closes the result set on every path.
 */
import { Buffer } from 'node:buffer';
import type { ResultSet, Row } from '../domain/result-set.ts';
import { owningStream } from './owned-stream.ts';
import { locateProblem } from './value-problem.ts';

/** How one result set reads in a text format. The strings are joined as they are. */
export interface TextBody {
  readonly head: string;
  /** `index` is 0-based. May throw ValueProblem. */
  readonly encodeRow: (row: Row, index: number) => string;
  readonly encodeTail: (rowCount: number) => string;
}

/** In UTF-16 units; a chunk has at least as many bytes. */
const chunkLength = 65_536;

/**
 * Streams the body that `makeBody` makes once the stream is read. The first chunk comes right after the first batch,
 * and only if all of that batch could be encoded. Throws `value_not_representable` and what the batches throw.
 */
export function streamText(result: ResultSet, makeBody: () => TextBody): AsyncIterable<Uint8Array> {
  return owningStream(result, encodeChunks(result, makeBody));
}

async function* encodeChunks(result: ResultSet, makeBody: () => TextBody): AsyncGenerator<Uint8Array> {
  const body = makeBody();
  let text = body.head;
  let rowCount = 0;
  let held: Uint8Array[] | null = [];
  for await (const batch of result.batches) {
    for (const row of batch) {
      text += encodeLocated(body, row, rowCount++);
      if (text.length < chunkLength) continue;
      const chunk = Buffer.from(text);
      text = '';
      if (held) held.push(chunk);
      else yield chunk;
    }
    if (held) {
      yield* held;
      held = null;
      if (text) yield Buffer.from(text);
      text = '';
    }
  }
  text += body.encodeTail(rowCount);
  if (text) yield Buffer.from(text);
}

function encodeLocated(body: TextBody, row: Row, index: number): string {
  try {
    return body.encodeRow(row, index);
  } catch (error) {
    throw locateProblem(error, index + 1);
  }
}
