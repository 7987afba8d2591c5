/** Changes to a text, in order and not overlapping, and the way back from positions in the changed one. */

/** `removed` characters at `index` of the text as it was make place for `text`. */
export interface Edit {
  readonly index: number;
  readonly removed: number;
  readonly text: string;
}

/** The changed text. */
export function applyEdits(sql: string, edits: readonly Edit[]): string {
  let at = 0;
  let result = '';
  for (const { index, removed, text } of edits) {
    result += sql.slice(at, index) + text;
    at = index + removed;
  }
  return result + sql.slice(at);
}

/** Where an index of the changed text was before; within what was put in: where that begins. */
export function originalIndex(edits: readonly Edit[], index: number): number {
  let shift = 0;
  for (const { index: at, removed, text } of edits) {
    if (index < at + shift) break;
    if (index < at + shift + text.length) return at;
    shift += text.length - removed;
  }
  return index - shift;
}
