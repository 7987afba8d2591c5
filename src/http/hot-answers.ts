/**
 * Answers with small frozen bodies, kept whole to be sent again without going through the app. An answer holds as long
 * as its clip is at the same version, which whoever sends it has to ask the store. Bounded by bytes; those that were
 * not asked for the longest go first.
 */

export interface HotAnswer {
  readonly slug: string;
  readonly clipId: string;
  /** Version of the clip that the answer was made of, and the snapshot that it showed. */
  readonly version: number;
  readonly snapshotId: string | null;
  /** Every header, in the order in which they are sent. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** What of a request an answer depends on, beside the store. */
export interface HotKey {
  /** Path and query as they stand in the request line. */
  readonly url: string;
  readonly acceptEncoding: string | undefined;
}

const maxBytes = 16 * 1024 * 1024;
/** The largest body that is kept. */
const maxHotBytes = 1024 * 1024;

export class HotAnswers {
  readonly #answers = new Map<string, HotAnswer>();
  #bytes = 0;

  find(key: HotKey): HotAnswer | undefined {
    const id = idOf(key);
    const answer = this.#answers.get(id);
    if (answer) {
      // A Map is in the order of insertion: its front is what was not asked for the longest.
      this.#answers.delete(id);
      this.#answers.set(id, answer);
    }
    return answer;
  }

  keep(key: HotKey, answer: HotAnswer): void {
    if (answer.body.length > maxHotBytes) return;
    this.forget(key);
    const added = idOf(key);
    this.#answers.set(added, answer);
    this.#bytes += sizeOf(added, answer);
    for (const [id, oldest] of this.#answers) {
      if (this.#bytes <= maxBytes) break;
      this.#answers.delete(id);
      this.#bytes -= sizeOf(id, oldest);
    }
  }

  forget(key: HotKey): void {
    const id = idOf(key);
    const answer = this.#answers.get(id);
    if (!answer) return;
    this.#answers.delete(id);
    this.#bytes -= sizeOf(id, answer);
  }
}

/** With what is around the body: a flood of tiny answers under long keys is bounded as well. */
function sizeOf(id: string, { body }: HotAnswer): number {
  return body.length + 2 * id.length + 1024;
}

function idOf({ url, acceptEncoding = '' }: HotKey): string {
  return `${url} ${acceptEncoding}`;
}
