/** What the routes of the authoring API have in common: how they are declared and how their bodies are checked. */

import type { z } from '@hono/zod-openapi';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { AppError, type ErrorCode, errorTable, type InvalidPath } from '../domain/errors.ts';
import { requireAuthor } from './auth.ts';
import type { AppEnv } from './context.ts';
import { ProblemJson } from './schemas.ts';

/** Where an issue of a schema lies. A key that is not known is named by its own path, not by that of its object. */
function toInvalidPaths(issue: z.core.$ZodIssue): InvalidPath[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...issue.path, key].map(String).join('.'),
      message: 'is not known here',
    }));
  }
  return [{ path: issue.path.map(String).join('.'), message: issue.message }];
}

/** A group of routes whose requests are checked against their schemas. */
export function createApi(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const paths = result.error.issues.flatMap(toInvalidPaths);
      const what = paths.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
      throw new AppError('invalid_request', `The request is not as it should be. ${what}`, { paths });
    },
  });
}

/** Refuses a body that does not say it is JSON, which also keeps forms of other sites out. */
const requireJson = createMiddleware<AppEnv>(async (c, next) => {
  const type = c.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new AppError(
      'unsupported_media_type',
      'Send the body as JSON, with Content-Type: application/json.',
    );
  }
  await next();
});

/** Middleware of a route with a body, and of one without. */
export const withBody: MiddlewareHandler<AppEnv>[] = [requireAuthor, requireJson];
export const withoutBody: MiddlewareHandler<AppEnv>[] = [requireAuthor];

/** A JSON body in a route. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { content: { 'application/json': { schema } }, required: true } as const;
}

/** A JSON answer in a route. */
export function jsonAnswer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { 'application/json': { schema } } } as const;
}

/** The errors that a route can answer with beside its own, for the document. */
export function problems(...codes: ErrorCode[]) {
  const answers: Record<number, { description: string; content: object }> = {};
  for (const code of ['unauthorized', 'store_unavailable', ...codes] as ErrorCode[]) {
    const { status, title } = errorTable[code];
    const said = answers[status]?.description;
    answers[status] = {
      description: said ? `${said}; \`${code}\`: ${title}` : `\`${code}\`: ${title}`,
      content: { 'application/problem+json': { schema: ProblemJson } },
    };
  }
  return answers;
}

/** Security of a route, for the document. */
export const security = [{ token: [] }, { session: [] }];
