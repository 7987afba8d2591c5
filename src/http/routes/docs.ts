/** `/openapi.json` and `/docs`: the API, for programs and for people. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import packageJson from '../../../package.json' with { type: 'json' };
import { DocsPage } from '../../../views/docs.tsx';
import { formats } from '../../formats/registry.ts';
import { type AppContext, type AppEnv, originOf } from '../context.ts';
import { html, pageContext } from '../page.ts';

function documentOf(app: OpenAPIHono<AppEnv>, c: AppContext) {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'pgclip',
      version: packageJson.version,
      description: 'Turns a SQL query into a link. Errors are RFC 9457 problem documents.',
    },
    servers: [{ url: originOf(c) }],
  });
}

/** Adds the routes to the app that they describe. */
export function addDocs(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' });
  app.openAPIRegistry.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: 'pgclip_session',
  });
  app.get('/openapi.json', (c) => c.json(documentOf(app, c)));
  app.get('/docs', async (c) =>
    html(
      c,
      DocsPage({
        ...(await pageContext(c)),
        document: documentOf(app, c) as never,
        formats,
        origin: originOf(c),
      }),
    ),
  );
}
