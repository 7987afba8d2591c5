/**
 * Errors as answers: `application/problem+json` for programs, the same as a page for browsers. What only signed-in
 * users may see (Postgres's own words) is left out for everyone else. Source: RFC 9457.
 */
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ErrorPage } from '../../views/error.tsx';
import { AppError, errorTable, toAppError } from '../domain/errors.ts';
import { isAuthor } from './auth.ts';
import type { AppContext } from './context.ts';
import { anyOrigin } from './cors.ts';
import { describeCause } from './log.ts';
import { chooseMediaType } from './negotiate.ts';
import { html, pageContext } from './page.ts';

/** A problem document. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly sqlstate?: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
  readonly remoteSql?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The document of an error. `trusted`: for someone who is signed in or has the token. */
export function toProblem(error: AppError, trusted: boolean): Problem {
  const { sql } = error;
  return {
    type: `/docs#${error.code}`,
    title: errorTable[error.code].title,
    status: error.status,
    detail: trusted && sql ? sql.message : error.message,
    code: error.code,
    ...(sql ? { sqlstate: sql.sqlstate } : {}),
    ...(sql?.line === undefined ? {} : { line: sql.line }),
    ...(sql?.column === undefined ? {} : { column: sql.column }),
    ...(trusted && sql?.hint !== undefined ? { hint: sql.hint } : {}),
    ...(trusted && sql?.remoteSql !== undefined ? { remoteSql: sql.remoteSql } : {}),
    ...(error.paths ? { errors: error.paths } : {}),
  };
}

/** What the framework throws, in our words. */
function fromFramework(error: unknown): AppError {
  if (!(error instanceof HTTPException)) return toAppError(error);
  if (error.status === 413) return bodyTooLarge();
  return new AppError('invalid_request', 'The body can not be read as JSON.', {
    paths: [{ path: '', message: 'not JSON' }],
  });
}

export function bodyTooLarge(): AppError {
  return new AppError('body_too_large', 'A body may have 1 MB at most.');
}

const offers = [
  { mediaType: 'application/problem+json' },
  { mediaType: 'application/json' },
  { mediaType: 'text/html' },
] as const;

/** Answers with an error; logs it when it is the server's, without anything secret. */
export async function answerError(thrown: unknown, c: AppContext): Promise<Response> {
  const error = fromFramework(thrown);
  logError(error, c);
  const problem = toProblem(error, isAuthor(c));
  if (problem.status === 503) c.header('Retry-After', String(error.retryAfterSeconds ?? 5));
  if (error.code === 'unauthorized') c.header('WWW-Authenticate', 'Bearer realm="pgclip"');
  // The rest of the body is not read, so nothing can follow it on its connection.
  if (error.code === 'body_too_large') c.header('Connection', 'close');
  c.header('Cache-Control', 'no-store');
  c.header('Vary', 'Accept, Cookie');
  const status = problem.status as ContentfulStatusCode;
  if (chooseMediaType(c.req.header('Accept'), offers)?.mediaType === 'text/html') {
    return html(
      c,
      ErrorPage({
        ...(await pageContext(c)),
        status,
        title: problem.title,
        detail: problem.detail,
        code: problem.code,
      }),
      status,
    );
  }
  const headers = c.req.path.startsWith('/c/') ? anyOrigin : {};
  return c.body(JSON.stringify(problem), status, { ...headers, 'Content-Type': 'application/problem+json' });
}

/** Logs that an answer was broken off in its middle, which its client can't be told in words. */
export function logBreak(error: AppError, c: AppContext): void {
  c.env.parts.log('warn', 'an answer was broken off', { code: error.code, ...describeCause(error.cause) });
}

/** Logs what an operator has to know; never the URL, in which a slug may stand. */
export function logError(error: AppError, c: AppContext): void {
  if (error.status < 500) return;
  c.env.parts.log(error.status === 503 || error.status === 504 ? 'warn' : 'error', error.message, {
    code: error.code,
    method: c.req.method,
    ...describeCause(error.cause),
  });
}
