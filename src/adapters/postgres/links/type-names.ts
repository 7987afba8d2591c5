/**
 * Names for the types that are made in a link's schema: the remote's where they are free, always the same for the same
 * remote, and no two alike. A table's name is taken too, since a table has a row type of its name.
 */

/** A type that wants a name. */
export interface NameRequest {
  /** Tells it from all others, and is the same at every reading of an unchanged remote. */
  readonly key: string;
  /** Lower ones choose first. */
  readonly rank: number;
  /** Schema that it has on the remote: a second choice is made of it. */
  readonly schema: string;
  readonly wanted: string;
}

/** A name per key. */
export function allotNames(requests: Iterable<NameRequest>, taken: Iterable<string>): Map<string, string> {
  const used = new Set(taken);
  const names = new Map<string, string>();
  for (const { key, schema, wanted } of [...requests].sort(byTurn)) {
    const name = firstFree(wanted, schema, used);
    used.add(name);
    names.set(key, name);
  }
  return names;
}

function byTurn(a: NameRequest, b: NameRequest): number {
  return (
    a.rank - b.rank || compare(a.schema, b.schema) || compare(a.wanted, b.wanted) || compare(a.key, b.key)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstFree(wanted: string, schema: string, used: ReadonlySet<string>): string {
  for (const choice of [wanted, `${schema}_${wanted}`].map((name) => shorten(name, '')))
    if (!used.has(choice)) return choice;
  for (let n = 2; ; n++) {
    const choice = shorten(wanted, `_${n}`);
    if (!used.has(choice)) return choice;
  }
}

/** The longest identifier that Postgres keeps whole. */
const maxBytes = 63;

/** The name with its suffix, the name cut to where both are short enough. */
export function shorten(name: string, suffix: string): string {
  const characters = [...name];
  while (Buffer.byteLength(characters.join('') + suffix) > maxBytes) characters.pop();
  return characters.join('') + suffix;
}
