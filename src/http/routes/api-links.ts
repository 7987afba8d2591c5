/** `/api/databases/:name/links`: the data links of a database. */
import { createRoute } from '@hono/zod-openapi';
import type { LinkProgress } from '../../domain/data-link.ts';
import type { LinkWork } from '../../domain/link-host.ts';
import { createApi, jsonAnswer, jsonBody, problems, security, withBody, withoutBody } from '../api.ts';
import { clipUrl } from '../clip-json.ts';
import { answerWithEvents, eventsAnswer, type ReadableProgress, wantsEvents } from '../event-stream.ts';
import { toLinkJson, toNewLinkJson, toRefreshJson } from '../link-json.ts';
import {
  DestroyQuery,
  LinkParam,
  LinksJson,
  LinksQuery,
  LinkWithUsesJson,
  NewLinkBody,
  NewLinkJson,
  RefreshJson,
  RefreshQuery,
} from '../link-schemas.ts';
import { DatabaseParam } from '../schemas.ts';

const tags = ['Data links'];
const path = '/api/databases/{name}/links';
const lookProblems = ['database_not_found', 'database_unavailable'] as const;
const changeProblems = [
  ...lookProblems,
  'links_read_only',
  'owner_lacks_rights',
  'remote_not_found',
  'remote_refused',
  'remote_unavailable',
] as const;
const progressWords = '`{"step", "done", "total"}`, tables of the step that are done, of so many';

/** The progress of making or refreshing a link. */
export class ShownProgress implements ReadableProgress {
  #latest: LinkProgress = { step: 'reading the remote', done: 0, total: 0 };

  read(): LinkProgress {
    return this.#latest;
  }

  /** The work that writes into it. */
  follow(signal: AbortSignal): LinkWork {
    return {
      signal,
      onProgress: (progress) => {
        this.#latest = progress;
      },
    };
  }
}

export const apiLinks = createApi();

apiLinks.openapi(
  createRoute({
    method: 'get',
    path,
    tags,
    security,
    summary: 'List the data links of a database, each beside its remote as that is now',
    middleware: withoutBody,
    request: { params: DatabaseParam, query: LinksQuery },
    responses: {
      200: jsonAnswer('The links, by name', LinksJson),
      ...problems('invalid_request', ...lookProblems),
    },
  }),
  async (c) => {
    const compare = c.req.valid('query').compare === undefined;
    const links = await c.env.parts.services.links.list(c.req.valid('param').name, { compare });
    return c.json({ links: links.map(toLinkJson) }, 200);
  },
);

apiLinks.openapi(
  createRoute({
    method: 'post',
    path,
    tags,
    security,
    summary: 'Link a remote into a database, as a schema of its own',
    middleware: withBody,
    request: { params: DatabaseParam, body: jsonBody(NewLinkBody) },
    responses: {
      200: eventsAnswer('the link', progressWords),
      201: jsonAnswer('The link', NewLinkJson),
      ...problems(
        'invalid_request',
        'body_too_large',
        'unsupported_media_type',
        'link_name_taken',
        ...changeProblems,
      ),
    },
  }),
  async (c) => {
    const { name } = c.req.valid('param');
    const body = c.req.valid('json');
    const { links } = c.env.parts.services;
    const create = async (signal: AbortSignal, progress = new ShownProgress()) =>
      toNewLinkJson(await links.create(name, body, progress.follow(signal)));
    if (!wantsEvents(c)) return c.json(await create(c.req.raw.signal), 201);
    // What can't be, whatever the databases say, needs no stream to say so.
    links.check(name, body);
    return answerWithEvents(c, new ShownProgress(), create) as never;
  },
);

apiLinks.openapi(
  createRoute({
    method: 'get',
    path: `${path}/{link}`,
    tags,
    security,
    summary: 'Get a data link, with what a refresh would do and what uses it',
    middleware: withoutBody,
    request: { params: LinkParam },
    responses: {
      200: jsonAnswer('The link', LinkWithUsesJson),
      ...problems(...lookProblems, 'link_not_found'),
    },
  }),
  async (c) => {
    const { name, link } = c.req.valid('param');
    const { links } = c.env.parts.services;
    const status = await links.get(name, link);
    const { clips, dependents } = await links.uses(name, link);
    const users = clips.map((clip) => ({ id: clip.id, name: clip.name, url: clipUrl(c, clip) }));
    return c.json({ ...toLinkJson(status), uses: { clips: users, dependents: [...dependents] } }, 200);
  },
);

apiLinks.openapi(
  createRoute({
    method: 'post',
    path: `${path}/{link}/refresh`,
    tags,
    security,
    summary: 'Bring a data link to what its remote is now, and repair it',
    middleware: withoutBody,
    request: { params: LinkParam, query: RefreshQuery },
    responses: {
      200: {
        description: `What was changed. ${eventsAnswer('the same', progressWords).description}`,
        content: {
          ...jsonAnswer('', RefreshJson).content,
          ...eventsAnswer('the same').content,
        },
      },
      ...problems(
        'invalid_request',
        'link_not_found',
        'link_name_taken',
        'link_busy',
        'link_in_use',
        ...changeProblems,
      ),
    },
  }),
  async (c) => {
    const { name, link } = c.req.valid('param');
    const dryRun = c.req.valid('query').dryRun !== undefined;
    const { links } = c.env.parts.services;
    const refresh = async (signal: AbortSignal, progress = new ShownProgress()) =>
      toRefreshJson(await links.refresh(name, link, { dryRun }, progress.follow(signal)), dryRun);
    if (!wantsEvents(c)) return c.json(await refresh(c.req.raw.signal), 200);
    return answerWithEvents(c, new ShownProgress(), refresh) as never;
  },
);

apiLinks.openapi(
  createRoute({
    method: 'delete',
    path: `${path}/{link}`,
    tags,
    security,
    summary: 'Remove a data link and what in the database depends on it; clips and snapshots stay',
    middleware: withoutBody,
    request: { params: LinkParam, query: DestroyQuery },
    responses: {
      204: { description: 'It is gone' },
      ...problems(
        'invalid_request',
        ...lookProblems,
        'links_read_only',
        'owner_lacks_rights',
        'link_not_found',
        'link_name_taken',
        'link_not_confirmed',
        'link_in_use',
        'link_busy',
      ),
    },
  }),
  async (c) => {
    const { name, link } = c.req.valid('param');
    await c.env.parts.services.links.destroy(name, link, c.req.valid('query').confirm);
    return c.body(null, 204);
  },
);
