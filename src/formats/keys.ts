/** The keys of the formats that name every value (JSON, NDJSON, XML). */
import type { Column } from '../domain/result-set.ts';

/**
 * A key per column: its name, or for a name that came before `name_2`, `name_3`, … A key that was made up never
 * takes the name of another column, wherever that one stands.
 */
export function uniqueKeys(columns: readonly Column[]): string[] {
  const taken = new Set(columns.map((column) => column.name));
  const seen = new Set<string>();
  return columns.map(({ name }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    let number = 2;
    while (taken.has(`${name}_${number}`)) number++;
    const key = `${name}_${number}`;
    taken.add(key);
    return key;
  });
}
