/**
 * A comparison as a stream of bytes, and what its encodings share: text that leaves as UTF-8 in chunks of about 64 KB.
 * The comparison is closed on every path.
 */
import type { Change, Diff, DiffColumn, DiffSummary } from '../../domain/diff.ts';
import { AppError } from '../../domain/errors.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { ValueProblem } from '../../formats/value-problem.ts';

/** How a comparison reads in one encoding. The strings are joined as they are. */
export interface DiffBody {
  readonly head: string;
  /** `index` is 0-based. May throw ValueProblem. */
  readonly encodeChange: (change: Change, index: number) => string;
  readonly encodeTail: (summary: Readonly<DiffSummary>) => string;
}

/** One way to write comparisons. */
export interface DiffFormat {
  /** Also the extension of its URLs. */
  readonly name: 'json' | 'csv';
  readonly mediaType: string;
  /** `describe` gives what is told of each snapshot. */
  readonly openBody: (diff: Diff, describe: (snapshot: Snapshot) => object) => DiffBody;
}

/** In UTF-16 units; a chunk has at least as many bytes. */
const chunkLength = 65_536;

/** Encodes a comparison. Throws `snapshot_damaged`, and `value_not_representable` for a value that has no such form. */
export async function* encodeDiff(
  diff: Diff,
  format: DiffFormat,
  describe: (snapshot: Snapshot) => object,
): AsyncGenerator<Uint8Array> {
  try {
    const body = format.openBody(diff, describe);
    let text = body.head;
    let count = 0;
    for await (const changes of diff.changes) {
      for (const change of changes) {
        text += encodeLocated(body, change, count++);
        if (text.length < chunkLength) continue;
        yield Buffer.from(text);
        text = '';
      }
    }
    text += body.encodeTail(diff.summary);
    if (text) yield Buffer.from(text);
  } finally {
    await diff.close();
  }
}

function encodeLocated(body: DiffBody, change: Change, index: number): string {
  try {
    return body.encodeChange(change, index);
  } catch (error) {
    if (!(error instanceof ValueProblem)) throw error;
    throw new AppError(
      'value_not_representable',
      `Change ${index + 1}, column ${JSON.stringify(error.column)}: ${error.message}`,
    );
  }
}

/** Names of the columns that only one of the snapshots has. */
export function lonelyColumns(columns: readonly DiffColumn[]): { added: string[]; removed: string[] } {
  const names = (without: 'from' | 'to') =>
    columns.filter((column) => column[without] === null).map(({ key }) => key);
  return { added: names('from'), removed: names('to') };
}
