/**
 * Writing a clip: `/clips/new` and `/clips/:id/edit`. One form, posted to its own URL, with two submit buttons
 * (`intent=run` or `save`); the outcome of a run stands under the SQL. Whatever was typed comes back as it was.
 */
import type { Clip, ClipMode } from '../src/domain/clip.ts';
import { maxNameLength } from '../src/domain/clip.ts';
import type { SqlProblem } from '../src/domain/errors.ts';
import type { Column, Row } from '../src/domain/result-set.ts';
import { Layout, type PageContext } from './layout.tsx';
import { EmptyState, Note, ResultTable } from './parts.tsx';
import { SqlProblemView } from './sql-problem.tsx';
import { formatCount, formatDuration } from './text.ts';

/** The fields as they were typed, trusted in nothing. */
export interface EditorForm {
  readonly name: string;
  readonly database: string;
  readonly sql: string;
  readonly mode: ClipMode;
}

/** What came of the last submit. */
export type EditorOutcome =
  | {
      readonly kind: 'rows';
      readonly columns: readonly Column[];
      readonly rows: readonly Row[];
      /** Whether the query has more rows than these. */
      readonly truncated: boolean;
      readonly tookMs: number;
    }
  | { readonly kind: 'sql'; readonly title: string; readonly problem: SqlProblem }
  | { readonly kind: 'problem'; readonly title: string; readonly detail: string };

export interface EditorProps extends PageContext {
  /** The clip being edited; absent for a new one. `version` is the one that the form began from. */
  readonly clip?: Pick<Clip, 'id' | 'name' | 'version'> | undefined;
  readonly form: EditorForm;
  /** Names of the databases that clips can run against. */
  readonly databases: readonly string[];
  /** A sentence for a field that can't be taken. */
  readonly errors?: Partial<Record<keyof EditorForm, string>> | undefined;
  readonly outcome?: EditorOutcome | undefined;
}

function FieldError({ id, text }: { id: string; text: string | undefined }) {
  if (!text) return null;
  return (
    <p id={id} class="error" role="alert">
      {text}
    </p>
  );
}

/** Attributes that tie a field to its error. */
function errorLink(id: string, text: string | undefined) {
  return text ? { 'aria-invalid': 'true' as const, 'aria-describedby': id } : {};
}

function NameField({ form, error }: { form: EditorForm; error: string | undefined }) {
  return (
    <div class="field grow">
      <label for="name">Name</label>
      <input
        id="name"
        name="name"
        type="text"
        required
        maxlength={maxNameLength}
        autocomplete="off"
        dir="auto"
        placeholder="e.g. Orders by month"
        value={form.name}
        {...errorLink('name-error', error)}
      />
      <FieldError id="name-error" text={error} />
    </div>
  );
}

interface DatabaseFieldProps {
  readonly form: EditorForm;
  readonly databases: readonly string[];
  readonly error: string | undefined;
}

function DatabaseField({ form, databases, error }: DatabaseFieldProps) {
  const only = databases.length === 1 ? databases[0] : undefined;
  const chosen = form.database || only;
  // A clip may stand on a database whose config var is gone: it stays visible and is not silently replaced.
  const gone = form.database && !databases.includes(form.database) ? form.database : null;
  return (
    <div class="field">
      <label for="database">Database</label>
      <select id="database" name="database" required {...errorLink('database-error', error)}>
        {chosen ? null : <option value="">Choose…</option>}
        {gone ? (
          <option value={gone} selected>
            {gone} (not configured)
          </option>
        ) : null}
        {databases.map((name) => (
          <option value={name} selected={name === chosen}>
            {name}
          </option>
        ))}
      </select>
      <FieldError id="database-error" text={error} />
    </div>
  );
}

function SqlField({ form, error }: { form: EditorForm; error: string | undefined }) {
  return (
    <div class="field">
      <label for="sql">SQL</label>
      <textarea
        id="sql"
        name="sql"
        class="code"
        rows={12}
        required
        spellcheck={false}
        autocapitalize="off"
        autocomplete="off"
        placeholder="select …"
        data-editor
        {...errorLink('sql-error', error)}
      >
        {/* A parser drops the first line feed of a textarea. */}
        {`\n${form.sql}`}
      </textarea>
      <FieldError id="sql-error" text={error} />
    </div>
  );
}

const modes: readonly { mode: ClipMode; label: string; help: string }[] = [
  { mode: 'live', label: 'Live', help: 'runs when it is asked for' },
  { mode: 'frozen', label: 'Frozen', help: 'takes a snapshot now and shows it' },
];

function ModeField({ form }: { form: EditorForm }) {
  return (
    <fieldset class="modes">
      <legend>Mode</legend>
      {modes.map(({ mode, label, help }) => (
        <label>
          <input type="radio" name="mode" value={mode} checked={form.mode === mode} />
          <span>
            {label} <span class="muted">{help}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function RowsOutcome({ outcome }: { outcome: Extract<EditorOutcome, { kind: 'rows' }> }) {
  const { columns, rows, truncated, tookMs } = outcome;
  return (
    <>
      <ul class="facts">
        <li>{truncated ? `First ${formatCount(rows.length, 'row')}` : formatCount(rows.length, 'row')}</li>
        <li>{formatCount(columns.length, 'column')}</li>
        <li>{formatDuration(tookMs)}</li>
        {truncated ? <li>the clip gives all of them</li> : null}
      </ul>
      <ResultTable columns={columns} rows={rows} label="Rows of the run" />
      {rows.length === 0 ? <p class="muted">The query returned no rows.</p> : null}
    </>
  );
}

function Outcome({ outcome, sql }: { outcome: EditorOutcome; sql: string }) {
  if (outcome.kind === 'rows') {
    return (
      <section id="outcome" aria-label="Result">
        <RowsOutcome outcome={outcome} />
      </section>
    );
  }
  return (
    <section id="outcome" aria-label="Problem">
      <Note tone="alert">
        <h2>{outcome.title}</h2>
        {outcome.kind === 'sql' ? (
          <SqlProblemView sql={sql} problem={outcome.problem} />
        ) : (
          <p>{outcome.detail}</p>
        )}
      </Note>
    </section>
  );
}

function NoDatabases() {
  return (
    <EmptyState title="No database to run against">
      <p>
        Set the config var <code>DATABASE_URL</code>, or any other whose name ends in <code>_URL</code>, to
        the <code>postgres://</code> URL of a login that can only read, and start pgclip again.
      </p>
      <pre>
        <code>DATABASE_URL=postgres://reader:password@host:5432/shop npm start</code>
      </pre>
    </EmptyState>
  );
}

function EditorFields({ clip, form, databases, errors }: EditorProps) {
  const action = clip ? `/clips/${encodeURIComponent(clip.id)}/edit` : '/clips/new';
  return (
    <form class="editor" method="post" action={action}>
      {clip ? <input type="hidden" name="version" value={String(clip.version)} /> : null}
      <div class="row">
        <NameField form={form} error={errors?.name} />
        <DatabaseField form={form} databases={databases} error={errors?.database} />
      </div>
      <SqlField form={form} error={errors?.sql} />
      {clip ? null : <ModeField form={form} />}
      <FieldError id="mode-error" text={errors?.mode} />
      <div class="actions">
        {/* First in the form: what Enter in a field does. Running saves nothing and needs no name. */}
        <button type="submit" name="intent" value="run" formnovalidate data-run>
          Run <kbd class="scripted">Ctrl ↵</kbd>
        </button>
        <button type="submit" name="intent" value="save" class="primary">
          {clip ? 'Save' : 'Save clip'}
        </button>
        <a class="button quiet" href={clip ? `/clips/${encodeURIComponent(clip.id)}` : '/'}>
          Cancel
        </a>
      </div>
    </form>
  );
}

/** The page for a new clip, or for editing one when `clip` is given. */
export function EditorPage(props: EditorProps) {
  const { clip, outcome, databases, viewer, warning, form } = props;
  const title = clip ? `Edit ${clip.name}` : 'New clip';
  return (
    <Layout viewer={viewer} warning={warning} title={title} section={clip ? undefined : 'new'}>
      <div class="page-head">
        <h1 dir="auto">{title}</h1>
      </div>
      {databases.length === 0 ? <NoDatabases /> : <EditorFields {...props} />}
      {outcome ? <Outcome outcome={outcome} sql={form.sql} /> : null}
    </Layout>
  );
}
