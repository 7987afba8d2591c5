/** How the clip URLs stand in the OpenAPI document; their routes can't be declared with it, for their extensions. */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { formats } from '../../formats/registry.ts';
import { problems } from '../api.ts';

const slug = z.string().openapi({ description: 'The secret part of the URL' });
const snapshotId = z.string();
const tags = ['Clip URLs'];

/** Adds the clip URLs to a document's registry. */
export function describeResults(registry: OpenAPIHono['openAPIRegistry']): void {
  const content = Object.fromEntries(
    [...formats.map((format) => format.mediaType), 'text/html; charset=utf-8'].map((type) => [
      type,
      { schema: {} },
    ]),
  );
  const targets = [
    { path: '/c/{slug}', what: 'A clip', params: z.object({ slug }) },
    {
      path: '/c/{slug}/s/{snapshotId}',
      what: 'One snapshot of a clip, for ever',
      params: z.object({ slug, snapshotId }),
    },
  ];
  for (const { path, what, params } of targets) {
    registry.registerPath({
      method: 'get',
      path,
      tags,
      summary: `${what}, as the Accept header asks`,
      request: { params },
      responses: {
        200: { description: 'The rows', content },
        304: { description: 'The client has it already' },
        ...clipProblems('not_acceptable'),
      },
    });
    for (const format of formats) {
      const query = Object.entries(format.options).map(([name, option]) => [
        name,
        z
          .string()
          .optional()
          .openapi({
            description: option.help,
            ...('allowed' in option.values ? {} : { enum: [...(option.values as readonly string[])] }),
          }),
      ]);
      registry.registerPath({
        method: 'get',
        path: `${path}.${format.name}`,
        tags,
        summary: `${what} as ${format.title}`,
        request: { params, query: z.object(Object.fromEntries(query)) },
        responses: {
          200: { description: 'The rows', content: { [format.mediaType]: { schema: {} } } },
          304: { description: 'The client has it already' },
          ...clipProblems('invalid_option', 'value_not_representable', 'too_many_columns'),
        },
      });
    }
    registry.registerPath({
      method: 'get',
      path: `${path}.html`,
      tags,
      summary: `${what} as a page`,
      request: { params, query: z.object({ page: z.string().optional() }) },
      responses: {
        200: { description: 'The page', content: { 'text/html': { schema: {} } } },
        ...clipProblems('invalid_option'),
      },
    });
  }
}

function clipProblems(...codes: Parameters<typeof problems>) {
  const { 401: _, ...answers } = problems(
    'clip_not_found',
    'format_not_found',
    'sql_failed',
    'link_outdated',
    'remote_unavailable',
    'unsafe_login',
    'queue_full',
    'run_deadline',
    ...codes,
  );
  return answers;
}
