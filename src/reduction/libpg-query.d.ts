/**
 * What is used of libpg-query's WebAssembly glue, which has no types of its own: PostgreSQL's parser, compiled.
 * Source: libpg_query, "pg_query.h".
 */
declare module 'libpg-query/wasm/libpg-query.js' {
  export interface PgQueryGlue {
    readonly HEAPU8: Uint8Array;
    lengthBytesUTF8(text: string): number;
    stringToUTF8(text: string, pointer: number, maxBytes: number): void;
    UTF8ToString(pointer: number): string;
    getValue(pointer: number, type: 'i32'): number;
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    _wasm_parse_query_raw(text: number): number;
    _wasm_free_parse_result(result: number): void;
  }
  export default function load(options: {
    instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): object;
  }): Promise<PgQueryGlue>;
}
