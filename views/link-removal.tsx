/** The removal of a data link: what goes with it and what it hits, and the name to be typed before. */
import type { Clip } from '../src/domain/clip.ts';
import type { DataLink } from '../src/domain/data-link.ts';
import { linkPath, Refusal, type RefusedForm, SomeNames } from './link-parts.tsx';
import { formatCount } from './text.ts';

/** What would be hit by the link's removal. */
export interface ShownUses {
  readonly clips: readonly Pick<Clip, 'id' | 'name' | 'mode'>[];
  /** `view public.paying` */
  readonly dependents: readonly string[];
}

export interface RemovalProps {
  readonly link: DataLink;
  readonly uses: ShownUses;
  /** What was refused of the page's forms. */
  readonly refused?: RefusedForm | undefined;
  /** What was typed to confirm, when it is this form that was refused. */
  readonly typed?: string | undefined;
}

/** What goes, in sentences. */
function Warning({ link, uses }: Pick<RemovalProps, 'link' | 'uses'>) {
  const { clips, dependents } = uses;
  return (
    <>
      <p>
        The schema <code>{link.name}</code>
        {link.server === null ? ' and ' : ', '}its {formatCount(link.tables, 'table')}
        {link.server === null ? '' : ' and the foreign server'} go from <code>{link.database}</code>. The
        remote itself stays as it is.
      </p>
      {clips.length > 0 ? (
        <p>
          {formatCount(clips.length, 'clip')} {clips.length === 1 ? 'uses' : 'use'} it:{' '}
          <SomeNames names={clips.map(({ name }) => name)} />. Live ones fail from then on, frozen ones keep
          their snapshots.
        </p>
      ) : null}
      {dependents.length > 0 ? (
        <p>
          {dependents.length === 1 ? 'This goes' : 'These go'} with it: <SomeNames names={dependents} />.
        </p>
      ) : null}
      <p>This can’t be undone.</p>
    </>
  );
}

/** A form that is folded away, unless it was refused. */
export function Removal({ link, uses, refused, typed }: RemovalProps) {
  return (
    <section class="panel" aria-labelledby="danger">
      <h2 id="danger">Removal</h2>
      <details class="confirm" open={typed !== undefined}>
        <summary>Remove the link</summary>
        <form method="post" action={linkPath(link.database, link.name)}>
          <Warning link={link} uses={uses} />
          {typed !== undefined && refused ? <Refusal refused={refused} /> : null}
          <div class="field">
            <label for="confirm">
              Type <code>{link.name}</code> to confirm
            </label>
            <input
              id="confirm"
              name="confirm"
              type="text"
              class="code"
              required
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              value={typed ?? ''}
              {...(typed === undefined ? {} : { 'aria-invalid': 'true' as const, autofocus: true })}
            />
          </div>
          <input type="hidden" name="intent" value="remove" />
          <button type="submit" class="danger">
            Remove the link now
          </button>
        </form>
      </details>
    </section>
  );
}
