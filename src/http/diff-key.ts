/**
 * `?key=` of a comparison's URL: names of columns between commas, the option as often as one likes. A name that holds
 * a comma, begins with a quote or is empty stands in double quotes, and a quote within them is doubled, as in CSV.
 */
import { AppError } from '../domain/errors.ts';

/** The names; undefined when there is no `?key=`. Throws `invalid_option`, also for any other option. */
export function parseDiffKey(query: URLSearchParams): string[] | undefined {
  for (const name of query.keys()) {
    if (name !== 'key')
      throw new AppError('invalid_option', 'A comparison takes the option ?key=, and no other.');
  }
  return query.has('key') ? query.getAll('key').flatMap(parseNames) : undefined;
}

const item = /(?:"((?:[^"]|"")*)"|([^",][^,]*))(,|$)/y;

function parseNames(text: string): string[] {
  const names: string[] = [];
  item.lastIndex = 0;
  for (;;) {
    const match = item.exec(text);
    if (!match) {
      throw new AppError(
        'invalid_option',
        '?key= takes names of columns with a comma between them; a name with a comma or a quote in it stands in double quotes.',
      );
    }
    names.push(match[1] === undefined ? (match[2] as string) : match[1].replaceAll('""', '"'));
    if (match[3] === '') return names;
  }
}

/** The value of one `?key=` for these names. */
export function writeDiffKey(names: readonly string[]): string {
  return names.map((name) => (/^$|^"|,/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(',');
}
