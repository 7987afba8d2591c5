/**
 * PostgreSQL's own parser (libpg-query, WebAssembly): SQL text → the raw parse tree of one SELECT. It knows no
 * catalogue: names are as they were written. The compiled module is handed in, since Workers can't compile one.
 * Source: libpg_query; PostgreSQL's parsenodes.h.
 */
import type { SelectStmt } from 'libpg-query';
import load, { type PgQueryGlue } from 'libpg-query/wasm/libpg-query.js';

/** One SELECT, VALUES or TABLE, parsed. */
export interface ParsedSql {
  readonly text: string;
  readonly select: SelectStmt;
  /** Index in `text` of a location in the tree; those count bytes of UTF-8. */
  indexOf(location: number): number;
}

export interface SqlParser {
  /** Null for what isn't one such statement, is too long or nested too deeply to be looked at. */
  parse(sql: string): ParsedSql | null;
}

/** Longer texts run as they are written: a parse of 100,000 characters takes about 100 ms. */
const maxLength = 65_536;
/** The parser calls itself for each level, on the stack of JavaScript. */
const maxDepth = 200;

/** Chains such as `a || a || …` are as deep as they are long, and who walks a tree calls itself. */
const maxTreeDepth = 3000;

/** Opens the parser from `libpg-query/wasm/libpg-query.wasm`; it lives as long as the process. */
export async function openParser(module: WebAssembly.Module): Promise<SqlParser> {
  let glue: PgQueryGlue | null = await instantiate(module);
  let opening = false;
  const reopen = () => {
    if (opening) return;
    opening = true;
    // Later, since the stack may be full just now.
    Promise.resolve()
      .then(() => instantiate(module))
      .then((fresh) => {
        glue = fresh;
      })
      .catch(() => {})
      .finally(() => {
        opening = false;
      });
  };
  return {
    parse(sql) {
      if (!glue) reopen();
      if (!glue || sql.length > maxLength || depthOf(sql) > maxDepth) return null;
      // Half a surrogate pair is read in another way than it is sent to a database.
      if (sql.includes('\0') || /\p{Surrogate}/u.test(sql)) return null;
      let json: string | null;
      try {
        json = parseToJson(glue, sql);
      } catch {
        // What broke off in the middle (a stack overflow) can't be used again.
        glue = null;
        return null;
      }
      const select = json === null ? null : findSelect(json);
      return select && { text: sql, select, indexOf: indexer(sql) };
    },
  };
}

function instantiate(module: WebAssembly.Module): Promise<PgQueryGlue> {
  // The glue takes workerd for Node and asks for these two, of ES modules too, before it looks at its options.
  const scope = globalThis as { __filename?: string; __dirname?: string };
  const { __filename, __dirname } = scope;
  scope.__filename ??= '/';
  scope.__dirname ??= '/';
  try {
    return load({
      instantiateWasm: (imports, done) => {
        WebAssembly.instantiate(module, imports).then(done);
        return {};
      },
    });
  } finally {
    if (__filename === undefined) delete scope.__filename;
    if (__dirname === undefined) delete scope.__dirname;
  }
}

/** An upper bound: brackets in quotes count too. */
function depthOf(sql: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < sql.length; i++) {
    const code = sql.charCodeAt(i);
    if (code === 0x28 || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x29 || code === 0x5d) depth--;
  }
  return deepest;
}

function treeDepthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === 0x22) {
      // To the end of the text.
      for (i++; i < json.length && json.charCodeAt(i) !== 0x22; i++) if (json.charCodeAt(i) === 0x5c) i++;
    } else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return deepest;
}

/** The tree as JSON, null for a syntax error. The result's struct: tree, stderr, error, each a pointer. */
function parseToJson(glue: PgQueryGlue, sql: string): string | null {
  const bytes = glue.lengthBytesUTF8(sql) + 1;
  const text = glue._malloc(bytes);
  let result = 0;
  try {
    glue.stringToUTF8(sql, text, bytes);
    result = glue._wasm_parse_query_raw(text);
    const [tree, , error] = [0, 4, 8].map((offset) => glue.getValue(result + offset, 'i32')) as [
      number,
      number,
      number,
    ];
    return error || !tree ? null : glue.UTF8ToString(tree);
  } finally {
    glue._free(text);
    if (result) glue._wasm_free_parse_result(result);
  }
}

function findSelect(json: string): SelectStmt | null {
  if (treeDepthOf(json) > maxTreeDepth) return null;
  const { stmts } = JSON.parse(json) as { stmts?: { stmt?: { SelectStmt?: SelectStmt } }[] };
  return (stmts?.length === 1 && stmts[0]?.stmt?.SelectStmt) || null;
}

function indexer(sql: string): (location: number) => number {
  const bytes = new TextEncoder().encode(sql);
  if (bytes.length === sql.length) return (location) => location;
  const decoder = new TextDecoder();
  return (location) => decoder.decode(bytes.subarray(0, location)).length;
}
