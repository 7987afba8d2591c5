/**
 * The form that links another database or a Redis into one: which, under which name, and what of it. Fields that the
 * chosen remote has no use for are hidden by the style, where the browser knows how (`style/databases.css`).
 */
import { maxLinkNameLength } from '../src/domain/data-link.ts';
import { maxPrefixBytes } from '../src/domain/redis-remote.ts';
import { Refusal, type RefusedForm, WorkPanel } from './link-parts.tsx';

/** The fields as they were typed, trusted in nothing. */
export interface TypedLink {
  readonly remote: string;
  readonly as: string;
  readonly schema: string;
  /** Of a Redis, as `writable`. */
  readonly prefix: string;
  readonly writable: boolean;
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

type RemoteKind = 'postgres' | 'redis';

interface TextFieldProps {
  readonly id: string;
  readonly name: Exclude<keyof TypedLink, 'writable'>;
  /** Only remotes of this kind have it. */
  readonly of?: RemoteKind;
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

function fieldClass(of: RemoteKind | undefined): string {
  return of ? `field of-${of}` : 'field';
}

function TextField({ id, of, label, error, ...input }: TextFieldProps) {
  return (
    <div class={fieldClass(of)}>
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

function RemoteField({ prefix, remotes, redisRemotes = [], refused }: LinkFormProps) {
  const id = `${prefix}-remote`;
  const error = refused?.errors.remote;
  const postgres = remotes.filter((name) => !redisRemotes.includes(name));
  const options = (names: readonly string[]) =>
    names.map((name) => (
      <option value={name} selected={name === refused?.typed.remote}>
        {name}
      </option>
    ));
  return (
    <div class="field">
      <label for={id}>{redisRemotes.length === 0 ? 'Database to link' : 'Database or Redis'}</label>
      <select
        id={id}
        name="remote"
        required
        {...(refused?.problem ? { autofocus: true } : {})}
        {...errorLink(id, error)}
      >
        {remotes.length === 1 ? null : <option value="">Choose…</option>}
        {redisRemotes.length === 0 || postgres.length === 0 ? (
          options(postgres)
        ) : (
          <optgroup label="Postgres">{options(postgres)}</optgroup>
        )}
        {redisRemotes.length === 0 ? null : (
          <optgroup label="Redis" class="redis">
            {options(redisRemotes)}
          </optgroup>
        )}
      </select>
      <FieldError id={`${id}-error`} text={error} />
    </div>
  );
}

/** What only a Redis has. */
function RedisFields({ prefix, refused }: LinkFormProps) {
  const id = `${prefix}-writable`;
  const error = refused?.errors.writable;
  return (
    <>
      <TextField
        id={`${prefix}-prefix`}
        name="prefix"
        of="redis"
        maxlength={maxPrefixBytes}
        label="Keys that begin with"
        placeholder="every key"
        value={refused?.typed.prefix ?? ''}
        error={refused?.errors.prefix}
      />
      <div class={fieldClass('redis')}>
        <label for={id}>Writable</label>
        <label class="check" for={id}>
          <input
            id={id}
            type="checkbox"
            name="writable"
            value="1"
            checked={refused?.typed.writable === true}
            {...errorLink(id, error)}
          />{' '}
          by SQL, never by clips
        </label>
        <FieldError id={`${id}-error`} text={error} />
      </div>
    </>
  );
}

/** Folded away until it is wanted, or was refused. */
export function LinkForm(props: LinkFormProps) {
  const { database, remotes, redisRemotes = [], refused, prefix } = props;
  if (remotes.length === 0) {
    return (
      <p class="muted">
        There is no other database and no Redis to link. Set its URL in a config var whose name ends in{' '}
        <code>_URL</code> and start pgclip again.
      </p>
    );
  }
  return (
    <details class="new-link" open={refused !== undefined}>
      <summary>
        {redisRemotes.length === 0 ? 'Link another database' : 'Link another database or a Redis'}
      </summary>
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
          of="postgres"
          label="Schema of the remote"
          placeholder="public"
          value={refused?.typed.schema ?? ''}
          error={refused?.errors.schema}
        />
        {redisRemotes.length === 0 ? null : <RedisFields {...props} />}
        <button type="submit">Link it</button>
      </form>
      <WorkPanel id={`${prefix}-work`} label="Linking the database" />
      <p class="help">
        Its tables become readable here as <code>name.table</code>.{' '}
        {redisRemotes.length === 0
          ? 'The remote itself is only ever read.'
          : 'A remote is only ever read, unless it is a writable Redis.'}
      </p>
    </details>
  );
}
