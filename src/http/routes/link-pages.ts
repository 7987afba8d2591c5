/**
 * `/databases` and `/databases/:name/links/:link`: the databases with their data links, and what their forms do. What
 * is refused is told on the page that asked for it, with what was typed.
 */
import { type Context, Hono } from 'hono';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { DatabasesPage } from '../../../views/databases.tsx';
import { LinkPage, type LinkPageProps } from '../../../views/link.tsx';
import type { RefusedLink, TypedLink } from '../../../views/link-form.tsx';
import { linkPath, type RefusedForm } from '../../../views/link-parts.tsx';
import type { LinkReport } from '../../domain/data-link.ts';
import { type AppError, errorTable, toAppError } from '../../domain/errors.ts';
import type { LinkWork } from '../../domain/link-host.ts';
import type { AppContext, AppEnv } from '../context.ts';
import { answerWithEvents, wantsEvents } from '../event-stream.ts';
import { listDatabases } from '../listed-databases.ts';
import { html, pageContext } from '../page.ts';
import { logError } from '../problem.ts';
import { ShownProgress } from './api-links.ts';

/** To be mounted where only signed-in users come. */
export const linkPages = new Hono<AppEnv>();

/** How work that a form asked for ended: somewhere else, or with a page to be shown at `url`. */
type Outcome =
  | { readonly location: string }
  | {
      readonly page: Page;
      readonly url: string;
      readonly status: ContentfulStatusCode;
    };

type Page = HtmlEscapedString | Promise<HtmlEscapedString>;

linkPages.get('/databases', async (c) => html(c, await drawDatabases(c)));

linkPages.post('/databases', async (c) => {
  const { links, databases } = c.env.parts.services;
  const { database, ...typed } = await parseNewLink(c);
  databases.get(database);
  return answer(c, async (work): Promise<Outcome> => {
    let report: LinkReport;
    try {
      const { remote, as, schema, prefix, writable } = typed;
      const request = {
        remote,
        as: as || undefined,
        schema: schema || undefined,
        prefix: prefix || undefined,
        writable: writable || undefined,
      };
      report = await links.create(database, request, work);
    } catch (thrown) {
      const error = logged(c, thrown, work);
      const refused = { database, link: toRefusedLink(typed, error) };
      return { page: await drawDatabases(c, refused), url: '/databases', status: error.status };
    }
    const { name } = report.link;
    const url = linkPath(database, name);
    // Warnings are said once: they need a page of their own.
    if (report.warnings.length === 0) return { location: url };
    return { page: await drawLink(c, database, name, { done: { what: 'made', report } }), url, status: 201 };
  });
});

linkPages.get('/databases/:name/links/:link', async (c) =>
  html(c, await drawLink(c, c.req.param('name'), c.req.param('link'))),
);

linkPages.post('/databases/:name/links/:link', async (c) => {
  const { name, link } = c.req.param();
  const fields = await c.req.parseBody();
  const [intent, confirm] = [textOf(fields.intent), textOf(fields.confirm)];
  const { links } = c.env.parts.services;
  const url = linkPath(name, link);
  return answer(c, async (work): Promise<Outcome> => {
    try {
      if (intent !== 'remove') {
        const report = await links.refresh(name, link, {}, work);
        return {
          page: await drawLink(c, name, link, { done: { what: 'refreshed', report } }),
          url,
          status: 200,
        };
      }
      await links.destroy(name, link, confirm.trim());
    } catch (thrown) {
      const error = logged(c, thrown, work);
      const said = { refused: toRefused(error), typed: intent === 'remove' ? confirm : undefined };
      return { page: await drawLink(c, name, link, said), url, status: error.status };
    }
    return { location: `/databases#${encodeURIComponent(name)}` };
  });
});

/** Does the work and answers with what it came to, or with events for a page that watches it. */
async function answer(c: AppContext, work: (work: LinkWork) => Promise<Outcome>): Promise<Response> {
  if (wantsEvents(c)) {
    return answerWithEvents(c, new ShownProgress(), async (signal, progress) => {
      const outcome = await work(progress.follow(signal));
      return 'location' in outcome ? outcome : { url: outcome.url, page: String(await outcome.page) };
    });
  }
  const outcome = await work({ signal: c.req.raw.signal });
  return 'location' in outcome ? c.redirect(outcome.location, 303) : html(c, outcome.page, outcome.status);
}

interface RefusedAt {
  readonly database: string;
  readonly link: RefusedLink;
}

async function drawDatabases(c: AppContext, refused?: RefusedAt): Promise<HtmlEscapedString> {
  const [context, listed] = await Promise.all([pageContext(c), listDatabases(c)]);
  const databases = listed.map((each) =>
    each.status.name === refused?.database ? { ...each, refused: refused.link } : each,
  );
  return DatabasesPage({ ...context, databases });
}

async function drawLink(
  c: AppContext,
  database: string,
  name: string,
  said: Pick<LinkPageProps, 'done' | 'refused' | 'typed'> = {},
): Promise<HtmlEscapedString> {
  const { links } = c.env.parts.services;
  const [context, link, uses] = await Promise.all([
    pageContext(c),
    links.get(database, name),
    links.uses(database, name),
  ]);
  return LinkPage({ ...context, link, writable: links.isWritable(database), uses, ...said });
}

async function parseNewLink(c: Context<AppEnv>): Promise<TypedLink & { readonly database: string }> {
  const fields = await c.req.parseBody();
  const [database, remote] = [textOf(fields.database), textOf(fields.remote)];
  return {
    ...{ database, remote },
    as: textOf(fields.as).trim(),
    schema: textOf(fields.schema).trim(),
    prefix: textOf(fields.prefix).trim(),
    writable: fields.writable !== undefined,
  };
}

function textOf(field: unknown): string {
  return typeof field === 'string' ? field : '';
}

/** The error of what was thrown, logged. Whoever left has cancelled the work; that is no failure to tell of. */
function logged(c: AppContext, thrown: unknown, { signal }: LinkWork = {}): AppError {
  const error = toAppError(thrown);
  if (!signal?.aborted) logError(error, c);
  return error;
}

function toRefused(error: AppError): RefusedForm {
  return { title: errorTable[error.code].title, detail: error.message };
}

/** What is wrong with a field stands under it, everything else over the form. */
function toRefusedLink(typed: TypedLink, error: AppError): RefusedLink {
  // Of the fields, only the name can be taken.
  const taken = error.code === 'link_name_taken' ? [{ path: 'as', message: error.message }] : [];
  const fields = [...taken, ...(error.paths ?? [])].filter(({ path }) => Object.hasOwn(typed, path));
  return {
    typed,
    errors: Object.fromEntries(fields.map(({ path, message }) => [path, message])),
    problem: fields.length > 0 ? null : toRefused(error),
  };
}
