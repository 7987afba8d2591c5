/**
 * What a format is: one encoding of a result set, as a stream of bytes whose memory does not grow with the rows.
 * A new format is one file that exports a Format, one row in registry.ts and its golden files.
 */
import { AppError } from '../domain/errors.ts';
import type { ResultSet } from '../domain/result-set.ts';

/** Options as they stood in the URL's query, already checked against `Format.options`. */
export type FormatOptions = Readonly<Record<string, string>>;

/** One option that a URL may carry for a format. */
export interface FormatOption {
  /** The values it can have, or a test with a sentence that says what is allowed. */
  readonly values:
    | readonly string[]
    | { readonly test: (value: string) => boolean; readonly allowed: string };
  readonly help: string;
}

export interface Format {
  /** Also the extension of its URLs. */
  readonly name: string;
  readonly title: string;
  readonly mediaType: string;
  readonly options: Readonly<Record<string, FormatOption>>;
  /** Whether its bytes are compressed already, so that doing it again would gain nothing. */
  readonly compressed?: boolean;
  /** Whether it needs `Column.jsonAt`. */
  readonly nestedJson: boolean;
  /**
   * Encodes the whole result set. Throws AppError from the iteration, before the first chunk where it can, and
   * closes the result set on every path. Chunks are of tens of kilobytes.
   */
  encode(result: ResultSet, options: FormatOptions): AsyncIterable<Uint8Array>;
}

/**
 * Checks a URL's query against a format's options.
 * Throws `invalid_option` that names what is allowed.
 */
export function parseFormatOptions(format: Format, query: URLSearchParams): FormatOptions {
  const options: Record<string, string> = {};
  for (const [name, value] of query) {
    const option = format.options[name];
    if (!option || !Object.hasOwn(format.options, name)) {
      const names = Object.keys(format.options);
      throw new AppError(
        'invalid_option',
        `${format.title} takes ${names.length ? `the options ${names.map((each) => `?${each}=`).join(', ')}` : 'no options'}, and no other.`,
      );
    }
    if (name in options) throw new AppError('invalid_option', `?${name}= may be given once.`);
    const allowed = option.values;
    if (Array.isArray(allowed) ? !allowed.includes(value) : !('test' in allowed && allowed.test(value))) {
      const list = 'allowed' in allowed ? allowed.allowed : allowed.join(' or ');
      throw new AppError('invalid_option', `?${name}= takes ${list}.`);
    }
    options[name] = value;
  }
  return options;
}
