/**
 * What the JSON entries of an archive hold, and what entries are called: docs/archive-format.md is their
 * description. Archives come from outside, so everything in them is checked.
 */
import { z } from 'zod';
import { type Clip, maxNameLength, type Revision } from '../../domain/clip.ts';
import type { Column, ColumnKind } from '../../domain/result-set.ts';
import { maxKeptDays, maxKeptSnapshots } from '../../domain/retention.ts';
import type { Snapshot } from '../../domain/snapshot.ts';
import { archiveInvalid, printable, type TarReader } from './tar-reader.ts';

/** Version of the format; an archive of a later one is not taken. */
export const archiveVersion = 1;
export const archiveFormat = 'pgclip archive';

/** The largest JSON entry. A clip with its revisions is the largest that there is. */
export const maxJsonBytes = 64 * 1024 * 1024;

export const headName = 'pgclip.json';
export const endName = 'end.json';
export const clipName = (clipId: string) => `clips/${clipId}/clip.json`;
export const snapshotNames = (clipId: string, snapshotId: string) => {
  const base = `clips/${clipId}/snapshots/${snapshotId}`;
  return { json: `${base}.json`, beside: `${base}.beside.gz`, csv: `${base}.csv.gz` };
};

/** A schema for each field of a type: one that is added to the type has to be added here. */
type ShapeOf<T> = { readonly [Field in keyof T]-?: z.ZodType<T[Field]> };

/** More than any clip has: the items of a longer list are not looked at, for each could be a complaint of its own. */
const maxItems = 1_000_000;
const list = <T extends z.ZodType>(item: T) => z.array(z.unknown()).max(maxItems).pipe(z.array(item));

const text = z.string().refine((value) => value.isWellFormed(), 'holds half of a surrogate pair');
const count = z.int().min(0);
const id = z.string().regex(/^[\w-]{1,32}$/, 'is not an id');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a SHA-256');
const crc32 = count.max(2 ** 32 - 1);
const time = (fraction: string) =>
  z
    .string()
    .refine(
      (value) =>
        new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d${fraction}Z$`).test(value) &&
        !Number.isNaN(Date.parse(value)),
      'is not a time in UTC',
    );
const milliseconds = time('\\.\\d{3}');
const microseconds = time('(\\.\\d{1,6})?');

const clip = z.strictObject({
  id,
  slug: z.string().regex(/^[\w-]{20,64}$/, 'is not a slug'),
  name: text.min(1).max(maxNameLength),
  sql: text.min(1),
  database: text.min(1).max(200),
  mode: z.enum(['live', 'frozen']),
  revision: z.int().min(1),
  snapshotId: id.nullable(),
  retention: z
    .union([
      z.strictObject({ last: z.int().min(1).max(maxKeptSnapshots) }),
      z.strictObject({ days: z.int().min(1).max(maxKeptDays) }),
    ])
    .nullable(),
  createdAt: milliseconds,
  updatedAt: milliseconds,
  version: z.int().min(1),
} satisfies ShapeOf<Clip>);

const revision = z.strictObject({
  number: z.int().min(1),
  sql: text.min(1),
  database: text.min(1).max(200),
  createdAt: milliseconds,
} satisfies ShapeOf<Revision>);

const kinds = {
  ...{ int: 0, int8: 0, numeric: 0, float: 0, boolean: 0, date: 0, timestamp: 0, timestamptz: 0 },
  ...{ json: 0, xml: 0, bytea: 0, array: 0, nested: 0, text: 0, other: 0 },
} satisfies Record<ColumnKind, 0>;
const kind = z.enum(Object.keys(kinds) as [ColumnKind, ...ColumnKind[]]);
const element = kind.exclude(['array']);
const delimiter = z.string().length(1);

type ElementArray = NonNullable<Column['elementArray']>;
const elementArray: z.ZodType<ElementArray> = z.lazy(() =>
  z.strictObject({
    element: element.exactOptional(),
    elementArray: elementArray.exactOptional(),
    delimiter: delimiter.exactOptional(),
  }),
);

const column = z.strictObject({
  name: text,
  type: text,
  kind,
  element: element.exactOptional(),
  elementArray: elementArray.exactOptional(),
  delimiter: delimiter.exactOptional(),
  jsonAt: count.exactOptional(),
} satisfies ShapeOf<Column>);

const snapshot = z.strictObject({
  id,
  clipId: id,
  revision: z.int().min(1),
  sql: text.min(1),
  database: text.min(1).max(200),
  takenAt: microseconds,
  serverVersion: text.max(100),
  durationMs: count,
  rowCount: count,
  columns: list(column).refine((columns) => columns.length <= 10_000),
  bytes: count,
  sha256,
  crc32,
  deflatedBytes: count,
  chunkRows: list(count),
  chunkBytes: list(count.min(1)),
  besideBytes: list(count),
} satisfies ShapeOf<Snapshot>);

const totals = { clips: count, snapshots: count, bytes: count };

/** `pgclip.json`: what this is, and what was there when it was begun. */
export const HeadEntry = z.strictObject({
  format: z.literal(archiveFormat),
  version: z.literal(archiveVersion),
  exportedAt: milliseconds,
  ...totals,
});

/** `clip.json`: the clip, its revisions from the first on, and the snapshots that follow. */
export const ClipEntry = z.strictObject({
  clip,
  revisions: list(revision),
  snapshots: list(z.strictObject({ id, sha256 })),
});

export const SnapshotEntry: z.ZodType<Snapshot> = snapshot;

/** `end.json`: what came. */
export const EndEntry = z.strictObject(totals);

export type HeadEntry = z.infer<typeof HeadEntry>;
export type ClipEntry = z.infer<typeof ClipEntry>;
export type EndEntry = z.infer<typeof EndEntry>;

/** Reads the rest of the entry as JSON of this form. Throws `archive_invalid`. */
export async function readJson<T>(tar: TarReader, name: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(parseJson(name, await tar.readAll(maxJsonBytes)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw archiveInvalid(
      name,
      `has "${printable(issue.keys[0] ?? '', 50)}", which this version of pgclip does not know.`,
    );
  const path = issue?.path.map(String).join('.').slice(0, 100) ?? '';
  throw archiveInvalid(name, `is not as it should be. ${path ? `${path}: ` : ''}${issue?.message ?? ''}`);
}

function parseJson(name: string, bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw archiveInvalid(name, 'is not JSON.');
  }
  const said = value as { readonly format?: unknown; readonly version?: unknown } | null;
  if (name === headName && said?.format === archiveFormat && Number(said.version) > archiveVersion)
    throw archiveInvalid(
      name,
      `the archive has version ${Number(said.version)} of its format. Import it with a newer pgclip: this one knows version ${archiveVersion}.`,
    );
  return value;
}
