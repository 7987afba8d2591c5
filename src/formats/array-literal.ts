/** Reads the text of arrays. Source: PostgreSQL manual, "Array Input and Output Syntax"; array_out in arrayfuncs.c. */

/** The end of the quoted element that begins after the quote at `open`: the index of its closing quote. */
function closingQuote(text: string, open: number): number {
  let at = open + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** The end of the unquoted element at `start`. */
function elementEnd(text: string, start: number, delimiter: string): number {
  let at = start;
  while (at < text.length && text[at] !== delimiter && text[at] !== '}') at++;
  return at;
}

/**
 * The elements of an array as texts, in storage order whatever the dimensions; null for NULL. The text must come
 * from Postgres: nothing is checked.
 */
export function decodeArray(text: string, delimiter: string): (string | null)[] {
  const open = text.indexOf('{');
  // The two vector types are arrays to Postgres but print their numbers with blanks between.
  if (open < 0) return text === '' ? [] : text.split(' ');
  const elements: (string | null)[] = [];
  let at = open;
  while (at < text.length) {
    const char = text[at];
    if (char === '{' || char === '}' || char === delimiter) {
      at++;
    } else if (char === '"') {
      const end = closingQuote(text, at);
      const body = text.slice(at + 1, end);
      elements.push(body.includes('\\') ? body.replace(/\\(.)/gs, '$1') : body);
      at = end + 1;
    } else {
      const end = elementEnd(text, at, delimiter);
      const body = text.slice(at, end);
      elements.push(body === 'NULL' ? null : body);
      at = end;
    }
  }
  return elements;
}
