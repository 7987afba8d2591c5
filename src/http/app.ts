/** The app: every route, what holds for all of them, and nothing that knows where it runs. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { AppError } from '../domain/errors.ts';
import { createApi } from './api.ts';
import { safeMethods } from './auth.ts';
import { type AppContext, type AppEnv, everyHeader } from './context.ts';
import { answerError, bodyTooLarge } from './problem.ts';
import { apiArchive, importPath } from './routes/api-archive.ts';
import { apiClips } from './routes/api-clips.ts';
import { apiDatabases } from './routes/api-databases.ts';
import { apiExplain } from './routes/api-explain.ts';
import { apiLinks } from './routes/api-links.ts';
import { apiRun } from './routes/api-run.ts';
import { apiSnapshots } from './routes/api-snapshots.ts';
import { apiDiff } from './routes/diff.ts';
import { diffPage } from './routes/diff-page.ts';
import { addDocs } from './routes/docs.ts';
import { editor } from './routes/editor.ts';
import { health } from './routes/health.ts';
import { pages } from './routes/pages.ts';
import { results } from './routes/results.ts';
import { signInRoutes } from './routes/sign-in.ts';

const maxBodyBytes = 1024 * 1024;

/** Sets headers before the answer is made: one that is added to a finished answer makes a new one. */
const commonHeaders = createMiddleware<AppEnv>(async (c, next) => {
  for (const [name, value] of Object.entries(everyHeader)) c.header(name, value);
  if (c.req.path.startsWith('/api/')) c.header('Cache-Control', 'no-store');
  await next();
});

const limitBody = bodyLimit({
  maxSize: maxBodyBytes,
  onError: () => {
    throw bodyTooLarge();
  },
});

/** Methods that some route takes at this path. */
function methodsAt(app: OpenAPIHono<AppEnv>, path: string): string[] {
  const methods = app.routes
    .filter((route) => route.method !== 'ALL' && toPattern(route.path).test(path))
    .map((route) => route.method);
  // What answers GET answers HEAD.
  return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))];
}

function toPattern(routePath: string): RegExp {
  const source = routePath.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*');
  return new RegExp(`^${source}$`);
}

function notFound(app: OpenAPIHono<AppEnv>, c: AppContext): Promise<Response> {
  const methods = methodsAt(app, c.req.path);
  if (methods.length === 0) {
    return answerError(new AppError('not_found', 'No page and no call of the API is at this URL.'), c);
  }
  c.header('Allow', methods.join(', '));
  return answerError(new AppError('method_not_allowed', `This URL takes ${methods.join(', ')}.`), c);
}

/** The app; `parts` come with each request. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = createApi();
  app.use(commonHeaders);
  app.use((c, next) => {
    // To look for the body of a GET would cost more than to answer it; that of an import is read as it comes.
    const unlimited = safeMethods.has(c.req.method) || c.req.path === importPath;
    return unlimited ? next() : limitBody(c, next);
  });
  for (const routes of [apiClips, apiArchive, apiSnapshots, apiDiff, apiExplain]) app.route('/', routes);
  for (const routes of [apiDatabases, apiLinks, apiRun, health, results]) app.route('/', routes);
  // The editor first: `/clips/new` is no id.
  for (const routes of [signInRoutes, editor, diffPage, pages]) app.route('/', routes);
  addDocs(app);
  app.notFound((c) => notFound(app, c));
  app.onError((error, c) => answerError(error, c));
  return app;
}
