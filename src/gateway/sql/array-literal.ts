/** The text of a Postgres array, `{a,"b,c",NULL}`, as its elements. Source: PostgreSQL manual, "Array Input and Output Syntax". */
import { ServerError, sqlstates } from '../server-error.ts';

export interface ArrayValue {
  /** All elements; those of several dimensions one after the other. */
  readonly elements: readonly (string | null)[];
  readonly dimensions: number;
  /** The subscript of the first element. */
  readonly lowerBound: number;
}

const malformed = () => new ServerError(sqlstates.invalidText, 'malformed array literal');
const withoutEscapes = (text: string) => text.replace(/\\(.)/gs, '$1');

/** Where the next of the characters is that no backslash stands before. A pattern for all of it would fail for long texts. */
function findEnd(text: string, from: number, ends: RegExp): number {
  for (let at = from; ; ) {
    ends.lastIndex = at;
    const found = ends.exec(text)?.index ?? text.length;
    if (text[found] !== '\\') return found;
    at = found + 2;
  }
}

function readElement(text: string, at: number): { value: string | null; end: number } {
  if (text[at] === '"') {
    const end = findEnd(text, at + 1, /["\\]/g);
    if (end >= text.length) throw malformed();
    return { value: withoutEscapes(text.slice(at + 1, end)), end: end + 1 };
  }
  const end = findEnd(text, at, /[",{}\\]/g);
  const bare = text.slice(at, end).trim();
  if (bare === '') throw malformed();
  return { value: /^null$/i.test(bare) ? null : withoutEscapes(bare), end };
}

function readElements(text: string): { elements: (string | null)[]; dimensions: number } {
  const elements: (string | null)[] = [];
  let depth = 0;
  let dimensions = 0;
  let isAfterElement = false;
  for (let at = 0; at < text.length; ) {
    const char = text[at];
    if (char === '{') {
      depth++;
      dimensions = Math.max(dimensions, depth);
      at++;
    } else if (char === '}') {
      if (--depth < 0 || (depth === 0 && text.slice(at + 1).trim() !== '')) throw malformed();
      isAfterElement = true;
      at++;
    } else if (char === ',') {
      if (!isAfterElement) throw malformed();
      isAfterElement = false;
      at++;
    } else if (/\s/.test(char as string)) at++;
    else {
      if (isAfterElement || depth === 0) throw malformed();
      const { value, end } = readElement(text, at);
      elements.push(value);
      isAfterElement = true;
      at = end;
    }
  }
  if (depth !== 0 || dimensions === 0) throw malformed();
  return { elements, dimensions };
}

/** Parses the text of a one-dimensional or larger array. Throws for what isn't one. */
export function parseArrayLiteral(text: string): ArrayValue {
  // Most have nothing to be careful about: plain words between commas.
  if (/^\{[^\s"\\{}]+\}$/.test(text) && !text.includes(',,')) {
    const elements = text.slice(1, -1).split(',');
    if (elements[0] === '' || elements.at(-1) === '') throw malformed();
    const hasNull = /[{,]null[,}]/i.test(text);
    return {
      elements: hasNull ? elements.map((each) => (/^null$/i.test(each) ? null : each)) : elements,
      dimensions: 1,
      lowerBound: 1,
    };
  }
  const [bounds = '', lower = '1'] = /^\s*\[(-?\d+):-?\d+\](?:\[-?\d+:-?\d+\])*=/.exec(text) ?? [];
  return { ...readElements(text.slice(bounds.length)), lowerBound: Number(lower) };
}
