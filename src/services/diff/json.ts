/** A comparison as JSON: one object, a line for each change, and the counts at its end. Values are as in JSON of a clip. */
import type { Change, Diff, SharedColumn } from '../../domain/diff.ts';
import type { Column, Row } from '../../domain/result-set.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { jsonRowEncoder } from '../../formats/json-value.ts';
import { uniqueKeys } from '../../formats/keys.ts';
import { type DiffBody, type DiffFormat, lonelyColumns } from './encode.ts';

const numbers = 'number';

/** The encoder of some of a row's values as an object. */
function partEncoder(columns: readonly Column[]): (row: Row, at: readonly number[]) => string {
  const members = uniqueKeys(columns).map((key, at) => {
    const column = columns[at] as Column;
    // An encoder of rows of this one value, which for arrays and composites is the JSON that stands beside it.
    const encode = jsonRowEncoder([{ ...column, jsonAt: 0 }], { keys: [key], numbers });
    const from = column.jsonAt ?? at;
    return (row: Row) => encode([row[from] ?? null]).slice(1, -1);
  });
  return (row, at) => `{${at.map((each) => members[each]?.(row)).join(',')}}`;
}

function openBody(diff: Diff, describe: (snapshot: Snapshot) => object): DiffBody {
  const { from, to, key } = diff;
  const sides = [from, to].map(({ columns }) => ({
    whole: jsonRowEncoder(columns, { keys: uniqueKeys(columns), numbers }),
    part: partEncoder(columns),
  }));
  const [before, after] = sides as [(typeof sides)[0], (typeof sides)[0]];
  const keyColumns = key.columns ?? [];
  const places = (columns: readonly SharedColumn[], side: 'from' | 'to') => columns.map((each) => each[side]);
  const keyPlaces = places(keyColumns, 'to');

  function encodeChange(change: Change): string {
    if (change.kind === 'added') return `{"change":"added","row":${after.whole(change.row)}}`;
    if (change.kind === 'removed') return `{"change":"removed","row":${before.whole(change.row)}}`;
    const was = before.part(change.before, places(change.columns, 'from'));
    const is = after.part(change.after, places(change.columns, 'to'));
    return `{"change":"changed","key":${after.part(change.after, keyPlaces)},"before":${was},"after":${is}}`;
  }

  const head = JSON.stringify({
    from: describe(from),
    to: describe(to),
    key: key.columns?.map((column) => column.key) ?? null,
    keyFound: key.found && key.columns !== null,
    columns: lonelyColumns(diff.columns),
  });
  return {
    head: `${head.slice(0, -1)},"changes":[`,
    encodeChange: (change, index) => `${index === 0 ? '' : ','}\n${encodeChange(change)}`,
    encodeTail: (summary) => {
      const { added, removed, changed } = summary;
      const end = added + removed + changed === 0 ? ']' : '\n]';
      return `${end},"summary":${JSON.stringify(summary)}}\n`;
    },
  };
}

export const jsonDiff: DiffFormat = { name: 'json', mediaType: 'application/json', openBody };
