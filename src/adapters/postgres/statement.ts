/**
 * The text of one SQL statement: where it ends, and lines and columns in it. This is no parser and no wall: what is
 * cut here is parsed by Postgres, alone and in the extended protocol, before it is put into any other text.
 * Source: PostgreSQL manual, "Lexical Structure".
 */

/** Where a token that begins at `start` ends; `start` itself when it is white space or a comment. */
function tokenEnd(sql: string, start: number): { end: number; significant: boolean } {
  const char = sql[start] as string;
  const two = sql.slice(start, start + 2);
  if (/\s/.test(char)) return { end: start + 1, significant: false };
  if (two === '--') {
    // A carriage return ends it too: what stands behind one is SQL.
    const length = sql.slice(start).search(/[\n\r]/);
    return { end: length < 0 ? sql.length : start + length, significant: false };
  }
  if (two === '/*') {
    const end = blockCommentEnd(sql, start);
    // One that is never closed is left for Postgres to refuse.
    return end === null ? { end: sql.length, significant: true } : { end, significant: false };
  }
  if (/^[eE]'/.test(two)) return { end: quotedEnd(sql, start + 1, true), significant: true };
  if (char === "'" || char === '"') return { end: quotedEnd(sql, start, false), significant: true };
  if (char === '$') {
    const tag = /^\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/u.exec(sql.slice(start, start + 130))?.[0];
    if (tag) {
      const close = sql.indexOf(tag, start + tag.length);
      return { end: close < 0 ? sql.length : close + tag.length, significant: true };
    }
  }
  // An identifier is taken whole: the `$` in a$b$ opens no quote.
  const word = /^[\p{L}\p{N}_][\p{L}\p{N}_$]*/u.exec(sql.slice(start, start + 200))?.[0];
  return { end: start + (word?.length ?? 1), significant: true };
}

function blockCommentEnd(sql: string, start: number): number | null {
  let depth = 0;
  for (let i = start; i < sql.length; i++) {
    const two = sql.slice(i, i + 2);
    if (two === '/*') {
      depth++;
      i++;
    } else if (two === '*/') {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return null;
}

function quotedEnd(sql: string, start: number, backslashes: boolean): number {
  const quote = sql[start];
  for (let i = start + 1; i < sql.length; i++) {
    if (backslashes && sql[i] === '\\') i++;
    else if (sql[i] === quote) {
      if (sql[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return sql.length;
}

/**
 * The statement without semicolons, white space and comments after it; positions in it are those in `sql`.
 * Empty when the text holds none. Semicolons in the middle stay: Postgres refuses them.
 */
export function parseStatement(sql: string): string {
  let end = 0;
  let endBeforeSemicolons = 0;
  for (let i = 0; i < sql.length; ) {
    const token = tokenEnd(sql, i);
    if (token.significant) {
      end = token.end;
      if (sql[i] !== ';') endBeforeSemicolons = end;
    }
    i = token.end;
  }
  return sql.slice(0, endBeforeSemicolons);
}

/**
 * Line and column, both from 1, of Postgres's error position (1-based, in characters, i.e. code points).
 * Null when it lies outside of the text.
 */
export function locate(sql: string, position: number): { line: number; column: number } | null {
  let line = 1;
  let column = 1;
  let at = 1;
  for (const char of sql) {
    if (at === position) return { line, column };
    at++;
    if (char === '\n') {
      line++;
      column = 1;
    } else column++;
  }
  // "syntax error at end of input" points just behind the text.
  return at === position ? { line, column } : null;
}
