/** The bodies of the authoring API, as schemas that check requests and describe answers in the OpenAPI document. */
import { z } from '@hono/zod-openapi';
import { maxNameLength } from '../domain/clip.ts';
import { errorTable } from '../domain/errors.ts';
import { maxKeptDays, maxKeptSnapshots } from '../domain/retention.ts';

const when = (what: string) => z.string().openapi({ format: 'date-time', description: what });

/** Half a surrogate pair has no UTF-8 and could only be saved as something else. */
const text = z.string().refine((value) => value.isWellFormed(), 'holds half of a surrogate pair');

/** SQL has its own bound, below that of a body. */
const sql = text
  .min(1, 'may not be empty')
  .max(500_000)
  .openapi({ description: 'One statement that returns rows', example: 'SELECT 1 AS one' });
const name = text
  .min(1, 'may not be empty')
  .max(maxNameLength)
  .openapi({ description: 'What the clip is called; its downloads too', example: 'Orders by month' });
const database = z
  .string()
  .min(1, 'may not be empty')
  .openapi({ description: 'Name of the config var of the database', example: 'DATABASE_URL' });
const mode = z
  .enum(['live', 'frozen'])
  .openapi({ description: 'Run when asked for, or pinned to a snapshot' });

/** A whole number within bounds, told in words that say which. */
const count = (max: number) => {
  const problem = `has to be a whole number from 1 to ${max.toLocaleString('en-US')}`;
  return z.int(problem).min(1, problem).max(max, problem);
};

const retention = z
  .union(
    [z.strictObject({ last: count(maxKeptSnapshots) }), z.strictObject({ days: count(maxKeptDays) })],
    'has to be {"last": n}, {"days": n} or null',
  )
  .nullable()
  .openapi({
    description: 'Which snapshots are kept: the newest so many, those of so many days, or (null) all',
    example: { last: 10 },
  });

export const NewClipBody = z
  .strictObject({
    name,
    sql,
    database: database.optional(),
    mode: mode.optional(),
    retention: retention.optional(),
  })
  .openapi('NewClip');

export const ClipPatchBody = z
  .strictObject({ name, sql, database, mode, retention })
  .partial()
  .refine(
    (patch) => Object.keys(patch).length > 0,
    'name at least one of name, sql, database, mode and retention',
  )
  .openapi('ClipPatch');

export const RunBody = z.strictObject({ sql, database: database.optional() }).openapi('Run');

export const SnapshotJson = z
  .object({
    id: z.string(),
    clipId: z.string(),
    revision: z.int(),
    sql: z.string().openapi({ description: 'The SQL text of the revision' }),
    database: z.string(),
    takenAt: when('Transaction time of the run, by the clock of the database'),
    serverVersion: z.string().openapi({ description: 'Of the Postgres that ran it', example: '18.4' }),
    durationMs: z.int().openapi({ description: 'From asking for the run to the last row stored' }),
    rowCount: z.int(),
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    bytes: z.int().openapi({ description: 'Size as CSV' }),
    sha256: z.string().openapi({ description: 'Of its CSV, in hexadecimal' }),
    url: z.string().openapi({ description: 'Its page; with an extension, that format' }),
  })
  .openapi('Snapshot');

export const ClipJson = z
  .object({
    id: z.string().openapi({ description: 'Public, never changes' }),
    slug: z.string().openapi({ description: 'The secret part of its URL' }),
    url: z.string(),
    name: z.string(),
    sql: z.string(),
    database: z.string(),
    mode,
    revision: z.int(),
    snapshot: SnapshotJson.nullable().openapi({ description: 'The one that a frozen clip shows' }),
    retention,
    createdAt: when('When it was made'),
    updatedAt: when('When it was last changed'),
  })
  .openapi('Clip');

export const ClipsJson = z.object({
  clips: z.array(ClipJson),
  next: z.string().nullable().openapi({ description: 'The `cursor` of the next page, or null' }),
});

export const RevisionsJson = z.object({
  revisions: z.array(
    z.object({
      number: z.int(),
      sql: z.string(),
      database: z.string(),
      createdAt: when('When it was saved'),
    }),
  ),
});

export const SnapshotsJson = z.object({ snapshots: z.array(SnapshotJson) });

export const ImportJson = z
  .object({
    clips: z.int().openapi({ description: 'Clips that were brought in, replaced ones among them' }),
    snapshots: z.int().openapi({ description: 'Snapshots of these' }),
    bytes: z.int().openapi({ description: 'Size of these as CSV' }),
    unchanged: z.int().openapi({ description: 'Clips that were there already, the same in everything' }),
    replaced: z.int().openapi({ description: 'Clips that took the place of the one with their id' }),
    conflicts: z
      .array(z.object({ id: z.string(), name: z.string(), reason: z.string() }))
      .openapi({ description: 'Clips that were not imported' }),
  })
  .openapi('ImportReport');

/** Counts of a comparison, and its changes. */
export const DiffJson = z
  .object({
    from: SnapshotJson,
    to: SnapshotJson,
    key: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'Columns that rows are matched by; null: whole rows are compared' }),
    keyFound: z.boolean().openapi({ description: 'Whether pgclip found the key; false when it was given' }),
    columns: z
      .object({ added: z.array(z.string()), removed: z.array(z.string()) })
      .openapi({ description: 'Columns that only one of the snapshots has' }),
    changes: z
      .array(
        z.object({
          change: z.enum(['added', 'removed', 'changed']),
          row: z.looseObject({}).optional().openapi({ description: 'The row that was added or removed' }),
          key: z.looseObject({}).optional().openapi({ description: 'The key of a changed row' }),
          before: z
            .looseObject({})
            .optional()
            .openapi({ description: 'The values that changed, as they were' }),
          after: z.looseObject({}).optional().openapi({ description: 'The same columns as they are' }),
        }),
      )
      .openapi({ description: 'In the order of the key; values as in the JSON format' }),
    summary: z
      .object({ added: z.int(), removed: z.int(), changed: z.int(), unchanged: z.int() })
      .openapi({ description: 'How many rows' }),
  })
  .openapi('SnapshotDiff');

export const RunJson = z
  .object({
    fields: z.array(z.string()),
    types: z.array(z.string()),
    values: z
      .array(z.array(z.unknown()))
      .openapi({ description: 'Rows of values as in the JSON format; at most 1,000' }),
    rowCount: z.int().openapi({ description: 'Rows in `values`' }),
    truncated: z.boolean().openapi({ description: 'Whether the query has more' }),
    durationMs: z.int(),
  })
  .openapi('RunResult');

export const DatabasesJson = z.object({
  databases: z.array(
    z
      .object({
        name: z.string(),
        reachable: z.boolean(),
        serverVersion: z.string().nullable(),
        databaseName: z.string().nullable(),
        login: z.string().nullable(),
        safe: z.boolean().nullable().openapi({ description: 'Whether the login can only read' }),
        problems: z.array(z.object({ level: z.enum(['refuse', 'warn']), message: z.string() })),
        error: z.string().nullable(),
      })
      .openapi('Database'),
  ),
});

export const SchemaJson = z
  .object({
    schemas: z.array(
      z.object({
        name: z.string(),
        link: z.string().nullable().openapi({ description: 'The data link that it belongs to' }),
        tables: z.array(
          z.object({
            name: z.string(),
            kind: z.enum(['table', 'view', 'materialized view', 'foreign table', 'partitioned table']),
            columns: z.array(z.object({ name: z.string(), type: z.string(), nullable: z.boolean() })),
          }),
        ),
      }),
    ),
  })
  .openapi('DatabaseSchema');

export const ProblemJson = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(errorTable) as [string, ...string[]]).openapi({ description: 'Stable' }),
    sqlstate: z.string().optional(),
    line: z.int().optional(),
    column: z.int().optional(),
    hint: z.string().optional(),
    remoteSql: z
      .string()
      .optional()
      .openapi({ description: 'What the remote of a data link was asked when it failed' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'What of the request is not as it should be' }),
  })
  .openapi('Problem');

/** Path parameters. */
export const ClipParam = z.object({ id: z.string().openapi({ example: '7k3mf9x2qd5w' }) });
export const SnapshotParam = ClipParam.extend({ snapshotId: z.string() });
export const DiffParam = ClipParam.extend({
  a: z.string().openapi({ description: 'The snapshot to compare from' }),
  b: z.string().openapi({ description: 'The snapshot to compare to' }),
});
export const DatabaseParam = z.object({ name: z.string().openapi({ example: 'DATABASE_URL' }) });

/** Query of an import. */
export const ImportQuery = z.strictObject({
  replace: z
    .literal('1')
    .optional()
    .openapi({ description: '1: clips in the archive take the place of those with their ids' }),
});

/** Query of a comparison. */
export const DiffQuery = z.object({
  key: z.array(z.string()).optional().openapi({
    description:
      'Columns to match rows by, with commas between them; may be given several times. A name with a comma stands in double quotes. Absent: pgclip looks for one',
  }),
});

/** Query of the list of clips. */
export const ClipsQuery = z.strictObject({
  q: z.string().max(200).optional().openapi({ description: 'Has to stand in the name or the SQL' }),
  cursor: z.string().max(200).optional().openapi({ description: '`next` of the page before' }),
  limit: z.coerce.number().int().min(1).max(200).optional().openapi({ description: 'Default 50' }),
});
