/** The bodies of the API's calls about data links and about what runs where, as schemas; the rest is in schemas.ts. */
import { z } from '@hono/zod-openapi';
import { DatabaseParam } from './schemas.ts';

const when = (what: string) => z.string().openapi({ format: 'date-time', description: what });

/** A name that Postgres can have. Too long a one would be cut, and mean another. */
const identifier = z
  .string()
  .min(1, 'may not be empty')
  .refine((value) => value.isWellFormed() && !value.includes('\0'), 'holds a character that no name may have')
  .refine((value) => new TextEncoder().encode(value).length <= 63, 'may have 63 bytes at most');

export const NewLinkBody = z
  .strictObject({
    remote: z.string().min(1, 'may not be empty').openapi({
      description: 'Name of the config var of the remote',
      example: 'WAREHOUSE_URL',
    }),
    as: z.string().optional().openapi({
      description:
        'Name of the link and of its schema: lower-case letters, digits and underscores. Default: the name of the remote’s database, `-` as `_`',
      example: 'warehouse',
    }),
    schema: identifier.optional().openapi({ description: 'Schema of the remote. Default: `public`' }),
    prefix: z.string().optional().openapi({
      description:
        'Of a Redis: only keys that begin with it are there, and it is left out of their names. Default: every key',
      example: 'app:',
    }),
    writable: z.boolean().optional().openapi({
      description: 'Of a Redis: whether SQL may change it, though never a clip’s. Default: false',
    }),
  })
  .openapi('NewLink');

const LinkChangeJson = z
  .object({
    change: z.enum(['added', 'changed', 'removed']),
    kind: z.enum(['table', 'column', 'type', 'server', 'login', 'rights', 'schema', 'dependent']),
    name: z.string().openapi({ example: 'users.plan' }),
    table: z.string().nullable().openapi({ description: 'The table of the link that it belongs to' }),
    detail: z.string().nullable().openapi({
      description: 'What of it; of a dependent that was removed, its definition as SQL',
      example: 'integer → bigint',
    }),
  })
  .openapi('LinkChange');

const warnings = z.array(z.string()).openapi({ description: 'What was left out, what should be looked at' });

export const LinkJson = z
  .object({
    name: z.string().openapi({ description: 'Of the link and of its schema', example: 'warehouse' }),
    database: z.string().openapi({ example: 'DATABASE_URL' }),
    remote: z.string().openapi({ example: 'WAREHOUSE_URL' }),
    kind: z.enum(['postgres', 'redis']).openapi({ description: 'What the remote is' }),
    redis: z
      .object({
        prefix: z.string(),
        writable: z.boolean(),
        gateway: z.boolean().openapi({
          description:
            'Whether the database reads it, through the gateway; else pgclip itself does, for the clips that it runs',
        }),
        missedGateway: z.string().nullable().openapi({
          description: 'Where a gateway is that the database could not use when it was last tried',
          example: 'gateway.internal:5433',
        }),
      })
      .nullable()
      .openapi({ description: 'What the link shows of a Redis' }),
    remoteDatabase: z.string().nullable(),
    remoteSchema: z.string(),
    server: z.string().nullable().openapi({
      description: 'Name of the foreign server; null: it needs none',
      example: 'warehouse_server',
    }),
    createdAt: when('When it was made'),
    refreshedAt: when('When it was last compared and brought up to date'),
    tables: z.int(),
    changes: z.array(LinkChangeJson).nullable().openapi({
      description: 'What a refresh would do; null when the remote can not be asked, or was not to be',
    }),
    changedTables: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'The tables that `changes` are about' }),
    problems: z.array(z.object({ level: z.enum(['broken', 'warn']), message: z.string() })),
  })
  .openapi('Link');

export const LinksJson = z.object({ links: z.array(LinkJson) });

export const NewLinkJson = LinkJson.extend({ warnings }).openapi('MadeLink');

export const LinkWithUsesJson = LinkJson.extend({
  uses: z
    .object({
      clips: z.array(z.object({ id: z.string(), name: z.string(), url: z.string() })),
      dependents: z.array(z.string()).openapi({
        description: 'Views and the like that go with the link',
        example: ['view public.paying'],
      }),
    })
    .openapi({ description: 'What reads the link' }),
}).openapi('LinkWithUses');

export const RefreshJson = z
  .object({
    link: LinkJson,
    added: z.array(LinkChangeJson),
    changed: z.array(LinkChangeJson),
    removed: z.array(LinkChangeJson),
    warnings,
    dryRun: z.boolean().openapi({ description: 'Whether this was only told, not done' }),
  })
  .openapi('LinkRefresh');

export const ExplanationJson = z
  .object({
    summary: z
      .array(z.string())
      .openapi({ description: 'What ran where, in words', example: ['2 tables joined on warehouse'] }),
    remoteParts: z.array(
      z.object({
        link: z.string().openapi({ description: 'The data link, or a foreign server that is none' }),
        server: z.string(),
        tables: z.array(z.string()),
        work: z.array(z.enum(['join', 'aggregate', 'sort', 'limit'])),
        rows: z.int().openapi({ description: 'Rows that came from it, all times together' }),
        times: z.int().openapi({ description: 'How often it was asked' }),
        sql: z.string().openapi({ description: 'What it was asked' }),
      }),
    ),
    reductions: z
      .array(
        z.object({
          relation: z.string().openapi({ example: 'hredis.redis' }),
          reads: z.enum(['keys', 'prefix', 'everything']),
          keys: z.int().nullable().openapi({ description: 'How many keys were asked for, if that is known' }),
          reason: z.string().nullable().openapi({ description: 'Why everything was read' }),
          handedOver: z.boolean().openapi({ description: 'Whether pgclip read Redis itself' }),
        }),
      )
      .openapi({ description: 'What was read of linked Redis' }),
    rows: z.int(),
    durationMs: z.int(),
    plan: z.string().openapi({ description: 'EXPLAIN (ANALYZE, VERBOSE), as text' }),
  })
  .openapi('Explanation');

export const LinkParam = DatabaseParam.extend({ link: z.string().openapi({ example: 'warehouse' }) });

export const LinksQuery = z.strictObject({
  compare: z.literal('0').optional().openapi({ description: '0: ask no remote; `changes` are null' }),
});

export const RefreshQuery = z.strictObject({
  dryRun: z.literal('1').optional().openapi({ description: '1: only tell what would change' }),
});

export const DestroyQuery = z.strictObject({
  confirm: z.string().optional().openapi({ description: 'The name of the link' }),
});
