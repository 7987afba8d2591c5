/** PostgreSQL's parser as the build makes it for Workers; wrangler compiles it. */
declare module '*/pg-parser.wasm' {
  const module: WebAssembly.Module;
  export default module;
}
