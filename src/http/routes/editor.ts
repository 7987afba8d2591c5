/** `/clips/new` and `/clips/:id/edit`: writing a clip, with what it yields under the query. */
import { type Context, Hono } from 'hono';
import { type EditorForm, type EditorOutcome, EditorPage, type EditorProps } from '../../../views/editor.tsx';
import type { Clip } from '../../domain/clip.ts';
import { type AppError, errorTable, toAppError } from '../../domain/errors.ts';
import { requireSignedIn } from '../auth.ts';
import type { AppEnv } from '../context.ts';
import { html, pageContext } from '../page.ts';
import { logError } from '../problem.ts';

export const editor = new Hono<AppEnv>();
editor.use('/clips/*', requireSignedIn);

interface Submitted {
  readonly form: EditorForm;
  readonly save: boolean;
  /** The version that the form began from; null on a new clip. */
  readonly version: number | null;
}

async function parseSubmit(c: Context<AppEnv>): Promise<Submitted> {
  const fields = await c.req.parseBody();
  const text = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '');
  return {
    form: {
      name: text('name'),
      database: text('database'),
      // Browsers send every line end of a textarea as CR LF, whatever was typed.
      sql: text('sql').replace(/\r\n/g, '\n'),
      mode: text('mode') === 'frozen' ? 'frozen' : 'live',
    },
    save: text('intent') === 'save',
    version: text('version') === '' ? null : Number(text('version')),
  };
}

async function show(
  c: Context<AppEnv>,
  props: Pick<EditorProps, 'form' | 'clip' | 'outcome' | 'errors'>,
  status: 200 | AppError['status'] = 200,
): Promise<Response> {
  const databases = c.env.parts.services.databases.names;
  return html(c, EditorPage({ ...(await pageContext(c)), ...props, databases }), status);
}

/** The form again, with what is wrong where it is wrong and nothing typed lost. */
function showError(c: Context<AppEnv>, form: EditorForm, thrown: unknown, clip?: Clip): Promise<Response> {
  const error = toAppError(thrown);
  logError(error, c);
  const title = errorTable[error.code].title;
  const fields = (error.paths ?? []).filter(({ path }) => path in form);
  const errors = Object.fromEntries(fields.map(({ path, message }) => [path, message]));
  const outcome: EditorOutcome | undefined = error.sql
    ? { kind: 'sql', title, problem: error.sql }
    : fields.length > 0
      ? undefined
      : { kind: 'problem', title, detail: error.message };
  return show(c, { form, errors, ...(clip ? { clip } : {}), ...(outcome ? { outcome } : {}) }, error.status);
}

async function preview(c: Context<AppEnv>, form: EditorForm): Promise<EditorOutcome> {
  const { results } = c.env.parts.services;
  const { durationMs, ...rows } = await results.preview(
    form.sql,
    form.database || undefined,
    c.req.raw.signal,
  );
  return { kind: 'rows', ...rows, tookMs: durationMs };
}

editor.get('/clips/new', (c) => show(c, { form: { name: '', database: '', sql: '', mode: 'live' } }));

editor.post('/clips/new', async (c) => {
  const { form, save } = await parseSubmit(c);
  try {
    if (!save) return await show(c, { form, outcome: await preview(c, form) });
    const database = form.database || undefined;
    const clip = await c.env.parts.services.clips.create({ ...form, database }, c.req.raw.signal);
    return c.redirect(`/clips/${clip.id}`, 303);
  } catch (error) {
    return showError(c, form, error);
  }
});

editor.get('/clips/:id/edit', async (c) => {
  const clip = await c.env.parts.services.clips.get(c.req.param('id'));
  const { name, database, sql, mode } = clip;
  return show(c, { clip, form: { name, database, sql, mode } });
});

editor.post('/clips/:id/edit', async (c) => {
  const { clips } = c.env.parts.services;
  const clip = await clips.get(c.req.param('id'));
  const { form, save, version } = await parseSubmit(c);
  // What is shown again still stands on the version that was edited, not on one that was never seen.
  const edited = version === null ? clip : { ...clip, version };
  try {
    if (!save) return await show(c, { clip: edited, form, outcome: await preview(c, form) });
    const { name, sql, database } = form;
    await clips.change(
      clip.id,
      { name, sql, database: database || undefined },
      { version: edited.version, signal: c.req.raw.signal },
    );
    return c.redirect(`/clips/${clip.id}`, 303);
  } catch (error) {
    return showError(c, form, error, edited);
  }
});
