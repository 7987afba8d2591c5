/**
 * libpg-query's WebAssembly asks for 128 MB of memory at once, all that Workers gives a program. It runs in far less and
 * grows when it must, so the number in its memory section is made smaller before it is compiled. Workers can't compile:
 * there the build does it. Source: WebAssembly Core Specification, "Memory Section".
 */

const pageBytes = 65_536;
const memorySection = 5;

/** The module with memory of this many bytes to begin with. Throws `TypeError` for what isn't such a module. */
export function withInitialMemory(module: Uint8Array, bytes: number): Uint8Array {
  const changed = Uint8Array.from(module);
  for (const section of sectionsOf(module)) {
    if (section.id !== memorySection) continue;
    // The number of memories, flags, then the pages to begin with.
    const [, flagsAt] = readNumber(module, section.start);
    const [, pagesAt] = readNumber(module, flagsAt);
    const [, end] = readNumber(module, pagesAt);
    writeNumber(changed, pagesAt, end, Math.ceil(bytes / pageBytes));
    return changed;
  }
  throw new TypeError('The module has no memory of its own.');
}

function* sectionsOf(module: Uint8Array): Generator<{ id: number; start: number }> {
  // Eight bytes of magic number and version.
  for (let at = 8; at < module.length; ) {
    const [size, start] = readNumber(module, at + 1);
    yield { id: module[at] ?? 0, start };
    at = start + size;
  }
}

/** An unsigned LEB128 number, and where it ends. */
function readNumber(module: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let at = start, factor = 1; at < module.length; at++, factor *= 128) {
    const byte = module[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, at + 1];
  }
  throw new TypeError('The module ends in the middle of a number.');
}

/** Fills the place that the number had; it may be longer than it has to be. */
function writeNumber(module: Uint8Array, start: number, end: number, value: number): void {
  let rest = value;
  for (let at = start; at < end; at++) {
    module[at] = (rest & 0x7f) | (at < end - 1 ? 0x80 : 0);
    rest = Math.floor(rest / 128);
  }
  if (rest > 0) throw new TypeError('The number is larger than the one in its place.');
}
