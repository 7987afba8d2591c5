/**
 * What a refresh of a data link does, would do or has done, as lists by kind of change. Long lists are folded; what a
 * removed view was made of can be opened and copied.
 */
import type { LinkChange } from '../src/domain/data-link.ts';
import { CopyButton, SqlText } from './parts.tsx';
import { formatNumber } from './text.ts';

/** Those of a list that are not folded away. */
const maxOpen = 15;

const groups = [
  { change: 'added', title: 'Added' },
  { change: 'changed', title: 'Changed' },
  { change: 'removed', title: 'Removed' },
] as const;

const kinds: Readonly<Record<LinkChange['kind'], string>> = {
  table: 'table',
  column: 'column',
  type: 'type',
  server: 'server',
  login: 'login',
  rights: 'rights',
  schema: 'schema',
  // Its name says what it is.
  dependent: '',
};

function Change({ change: { kind, name, detail } }: { change: LinkChange }) {
  const named = <code dir="auto">{name}</code>;
  if (kind === 'dependent' && detail !== null)
    return (
      <li>
        <details class="copyable definition">
          <summary>{named}</summary>
          <SqlText sql={detail} />
          <CopyButton what={`the definition of ${name}`} />
        </details>
      </li>
    );
  return (
    <li>
      <span class="kind">{kinds[kind]}</span>{' '}
      <span>
        {named}{' '}
        {detail === null ? null : (
          <span class="detail" dir="auto">
            {detail}
          </span>
        )}
      </span>
    </li>
  );
}

function ChangeItems({ changes }: { changes: readonly LinkChange[] }) {
  return (
    <ul class="link-changes">
      {changes.map((change) => (
        <Change change={change} />
      ))}
    </ul>
  );
}

/** All of them; nothing when there are none. Its headings are h3. */
export function ChangeLists({ changes }: { changes: readonly LinkChange[] }) {
  return (
    <div class="change-lists">
      {groups.map(({ change, title }) => {
        const found = changes.filter((each) => each.change === change);
        // Nobody wants to open a list for the sake of two more.
        const open = found.length > maxOpen + 3 ? found.slice(0, maxOpen) : found;
        const folded = found.slice(open.length);
        if (found.length === 0) return null;
        return (
          <section class={change}>
            <h3>
              {title} <span class="muted">{formatNumber(found.length)}</span>
            </h3>
            <ChangeItems changes={open} />
            {folded.length > 0 ? (
              <details>
                <summary>{formatNumber(folded.length)} more</summary>
                <ChangeItems changes={folded} />
              </details>
            ) : null}
          </section>
        );
      })}
    </div>
  );
}
