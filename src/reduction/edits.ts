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

/** The edits of both, the second of the text that the first have made; none of them lies across the end of a first one. */
export function composeEdits(first: readonly Edit[], second: readonly Edit[]): Edit[] {
  let shift = 0;
  const within = new Set<Edit>();
  const merged = first.map((edit): Edit => {
    const start = edit.index + shift;
    const end = start + edit.text.length;
    shift += edit.text.length - edit.removed;
    const inside = second.filter(({ index }) => index >= start && index < end);
    for (const each of inside) within.add(each);
    const moved = inside.map((each) => ({ ...each, index: each.index - start }));
    return { ...edit, text: applyEdits(edit.text, moved) };
  });
  const others = second
    .filter((edit) => !within.has(edit))
    .map((edit) => ({ ...edit, index: originalIndex(first, edit.index) }));
  return [...merged, ...others].sort((a, b) => a.index - b.index);
}
