/** The form that links another database into one: which, under which name, and which of its schemas. */
import { maxLinkNameLength } from '../src/domain/data-link.ts';
import { maxPrefixBytes } from '../src/domain/redis-remote.ts';
import { Refusal, type RefusedForm, WorkPanel } from './link-parts.tsx';

/** The fields as they were typed, trusted in nothing. */
export interface TypedLink {
  readonly remote: string;
  readonly as: string;
  readonly schema: string;
  /** Of a Redis. */
  readonly prefix?: string;
}

/** What was typed, and why it was refused: under the fields that it is about, else over the form. */
export interface RefusedLink {
  readonly typed: TypedLink;
  readonly problem: RefusedForm | null;
  readonly errors: Partial<Record<keyof TypedLink, string>>;
}

export interface LinkFormProps {
  readonly database: string;
  /** Config vars of the databases that can be linked into this one. */
  readonly remotes: readonly string[];
  /** Those of them that hold a Redis. */
  readonly redisRemotes?: readonly string[] | undefined;
  readonly refused?: RefusedLink | undefined;
  /** Tells the form from those of other databases on the page. */
  readonly prefix: string;
}

interface TextFieldProps {
  readonly id: string;
  readonly name: keyof TypedLink;
  readonly label: string;
  readonly placeholder: string;
  readonly pattern?: string;
  readonly title?: string;
  readonly maxlength?: number;
  readonly value: string;
  readonly error: string | undefined;
}

/** Attributes that tie a field to its error, and lead to it. */
function errorLink(id: string, error: string | undefined) {
  return error ? { 'aria-invalid': 'true' as const, 'aria-describedby': `${id}-error`, autofocus: true } : {};
}

function TextField({ id, label, error, ...input }: TextFieldProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        maxlength={maxLinkNameLength}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        {...input}
        {...errorLink(id, error)}
      />
      <FieldError id={`${id}-error`} text={error} />
    </div>
  );
}

function FieldError({ id, text }: { id: string; text: string | undefined }) {
  if (!text) return null;
  return (
    <p id={id} class="error" role="alert">
      {text}
    </p>
  );
}

function RemoteField({ prefix, remotes, refused }: LinkFormProps) {
  const id = `${prefix}-remote`;
  const error = refused?.errors.remote;
  return (
    <div class="field">
      <label for={id}>Database to link</label>
      <select
        id={id}
        name="remote"
        required
        {...(refused?.problem ? { autofocus: true } : {})}
        {...errorLink(id, error)}
      >
        {remotes.length === 1 ? null : <option value="">Choose…</option>}
        {remotes.map((name) => (
          <option value={name} selected={name === refused?.typed.remote}>
            {name}
          </option>
        ))}
      </select>
      <FieldError id={`${id}-error`} text={error} />
    </div>
  );
}

/** Folded away until it is wanted, or was refused. */
export function LinkForm(props: LinkFormProps) {
  const { database, remotes, redisRemotes = [], refused, prefix } = props;
  if (remotes.length === 0) {
    return (
      <p class="muted">
        There is no other database to link. Set its URL in a config var whose name ends in <code>_URL</code>{' '}
        and start pgclip again.
      </p>
    );
  }
  return (
    <details class="new-link" open={refused !== undefined}>
      <summary>Link another database</summary>
      {refused?.problem ? <Refusal refused={refused.problem} /> : null}
      <form method="post" action="/databases" data-work={`${prefix}-work`}>
        <input type="hidden" name="database" value={database} />
        <RemoteField {...props} />
        <TextField
          id={`${prefix}-as`}
          name="as"
          label="Name (optional)"
          placeholder="the remote’s own"
          pattern="[a-z][a-z0-9_]*"
          title="Lower-case letters, digits and underscores, beginning with a letter"
          value={refused?.typed.as ?? ''}
          error={refused?.errors.as}
        />
        <TextField
          id={`${prefix}-schema`}
          name="schema"
          label="Schema of the remote"
          placeholder="public"
          value={refused?.typed.schema ?? ''}
          error={refused?.errors.schema}
        />
        {redisRemotes.length === 0 ? null : (
          <TextField
            id={`${prefix}-prefix`}
            name="prefix"
            maxlength={maxPrefixBytes}
            label="Of a Redis: only keys that begin with"
            placeholder="every key"
            value={refused?.typed.prefix ?? ''}
            error={refused?.errors.prefix}
          />
        )}
        <button type="submit">Link it</button>
      </form>
      <WorkPanel id={`${prefix}-work`} label="Linking the database" />
      <p class="help">
        Its tables become readable here as <code>name.table</code>. The remote itself is only ever read.
      </p>
    </details>
  );
}
