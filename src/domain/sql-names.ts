/**
 * The names in a SQL text: what may be a table, a column, a function or a keyword, outside of strings and comments.
 * Good for finding which clips name something; it is no parser, and nothing is decided by it.
 * Source: PostgreSQL manual, "Lexical Structure".
 */

/** Identifiers joined by points, as Postgres folds them: `Warehouse."Users"` is `['warehouse', 'Users']`. */
export type SqlName = readonly string[];

/** What can begin at a place; the first that fits is what it is. A block comment is read by itself, since it nests. */
const token =
  /(?<space>\s+|--[^\n\r]*)|(?<string>[eE]'(?:[^'\\]+|\\.|'')*'?|'(?:[^']+|'')*'?)|(?<quoted>"(?:[^"]+|"")*"?)|(?<dollar>\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$)|(?<number>\d[\p{L}\p{N}_.]*)|(?<word>[\p{L}_][\p{L}\p{N}_$]*)|(?<point>\.)|./suy;

/** Every name of the text, in its order. */
export function findSqlNames(sql: string): SqlName[] {
  const names: SqlName[] = [];
  let name: string[] = [];
  /** Whether the next identifier goes on with the name. */
  let joined = false;
  const end = () => {
    if (name.length > 0) names.push(name);
    name = [];
    joined = false;
  };
  for (let at = 0; at < sql.length; ) {
    if (sql.startsWith('/*', at)) {
      at = commentEnd(sql, at);
      continue;
    }
    token.lastIndex = at;
    const groups = token.exec(sql)?.groups ?? {};
    at = Math.max(token.lastIndex, at + 1);
    if (groups.space !== undefined) continue;
    const identifier = identifierOf(groups);
    if (identifier !== null) {
      if (!joined) end();
      name.push(identifier);
      joined = false;
    } else if (groups.point !== undefined && name.length > 0) joined = true;
    else end();
    if (groups.dollar !== undefined) {
      const close = sql.indexOf(groups.dollar, at);
      at = close < 0 ? sql.length : close + groups.dollar.length;
    }
  }
  end();
  return names;
}

/** Unquoted names are folded as Postgres does in UTF-8: ASCII letters alone. */
function identifierOf({ quoted, word }: Readonly<Record<string, string | undefined>>): string | null {
  if (quoted !== undefined) return quoted.replace(/^"|"$/g, '').replaceAll('""', '"');
  return word === undefined ? null : word.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function commentEnd(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    const step = sql.startsWith('/*', at) ? 1 : sql.startsWith('*/', at) ? -1 : 0;
    if (step === 0) continue;
    depth += step;
    at++;
    if (depth === 0) return at + 1;
  }
  return sql.length;
}
