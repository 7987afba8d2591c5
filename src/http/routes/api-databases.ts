/** `/api/databases`: the databases that clips run against, and what their logins can read. */
import { createRoute } from '@hono/zod-openapi';
import { createApi, jsonAnswer, problems, security, withoutBody } from '../api.ts';
import { DatabaseParam, DatabasesJson, SchemaJson } from '../schemas.ts';

const tags = ['Databases'];

export const apiDatabases = createApi();

apiDatabases.openapi(
  createRoute({
    method: 'get',
    path: '/api/databases',
    tags,
    security,
    summary: 'List the databases: whether each answers and whether its login can only read',
    middleware: withoutBody,
    responses: { 200: jsonAnswer('The databases', DatabasesJson), ...problems() },
  }),
  async (c) => {
    const statuses = await c.env.parts.services.databases.inspectAll();
    const databases = statuses.map((status) => ({ ...status, problems: [...status.problems] }));
    return c.json({ databases }, 200);
  },
);

apiDatabases.openapi(
  createRoute({
    method: 'get',
    path: '/api/databases/{name}/schema',
    tags,
    security,
    summary: 'List the schemas, tables and columns that the login can read',
    middleware: withoutBody,
    request: { params: DatabaseParam },
    responses: {
      200: jsonAnswer('The schemas', SchemaJson),
      ...problems('database_not_found', 'database_unavailable', 'unsafe_login'),
    },
  }),
  async (c) => {
    const database = await c.env.parts.services.databases.getSafe(c.req.valid('param').name);
    // The schema's type is the port's, but for its readonly arrays.
    return c.json(structuredClone(await database.schema()) as never, 200);
  },
);
