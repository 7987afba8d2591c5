/**
 * Escaping for the markup that is built as strings (table rows, SQL): everything else goes through hono/jsx, which
 * escapes by itself. Source: HTML standard, 13.3 "Serializing HTML fragments" and 13.2.3.5 (why CR needs it).
 */

const unsafe = /[&<>"'\r]/g;
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  // A parser turns a bare carriage return into a line feed.
  '\r': '&#13;',
};

/** The text as HTML, good inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(unsafe, (char) => entities[char] ?? char);
}

/** The first `length` UTF-16 units of a text, one fewer where that would cut a character in half. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
