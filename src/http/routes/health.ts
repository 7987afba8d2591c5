/** `/healthz` and `/readyz`: for whatever watches over the server. */
import { createRoute, z } from '@hono/zod-openapi';
import { createApi, jsonAnswer } from '../api.ts';

const tags = ['Health'];
const Ready = z.object({
  ready: z.boolean(),
  store: z.boolean(),
  storeProblems: z.array(z.string()).openapi({
    description:
      'What would lose clips, or should be looked at, as sentences. A warning: it does not change `ready`',
  }),
  databases: z.record(z.string(), z.boolean()),
});

export const health = createApi();

health.openapi(
  createRoute({
    method: 'get',
    path: '/healthz',
    tags,
    summary: 'Whether the server is alive',
    responses: { 200: jsonAnswer('It is', z.object({ alive: z.literal(true) })) },
  }),
  (c) => c.json({ alive: true as const }, 200, { 'Cache-Control': 'no-store' }),
);

health.openapi(
  createRoute({
    method: 'get',
    path: '/readyz',
    tags,
    summary: 'Whether the store and every database answer',
    responses: { 200: jsonAnswer('They do', Ready), 503: jsonAnswer('Not all of them', Ready) },
  }),
  async (c) => {
    const { services } = c.env.parts;
    const [store, storeProblems, statuses] = await Promise.all([
      services.store.ping().then(
        () => true,
        () => false,
      ),
      services.store.health().then(
        ({ problems }) => problems.map((problem) => problem.message),
        // Whether it answers at all is what `store` says.
        () => [],
      ),
      services.databases.inspectAll(),
    ]);
    const databases = Object.fromEntries(statuses.map((status) => [status.name, status.reachable]));
    const ready = store && statuses.every((status) => status.reachable);
    return c.json({ ready, store, storeProblems, databases }, ready ? 200 : 503, {
      'Cache-Control': 'no-store',
    });
  },
);
