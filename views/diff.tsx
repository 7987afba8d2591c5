/**
 * What changed between two snapshots of a clip: which two, how their rows were matched, how many differ, and the first
 * of them. It compares nothing itself.
 */
import { raw } from 'hono/utils/html';
import type { Clip } from '../src/domain/clip.ts';
import type { Change, DiffColumn, DiffKey, DiffSummary } from '../src/domain/diff.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import { changesHtml } from './diff-table.ts';
import { Layout, type PageContext } from './layout.tsx';
import { EmptyState, Note } from './parts.tsx';
import { formatBytes, formatClock, formatCount, formatNumber } from './text.ts';

interface Side {
  readonly snapshot: Snapshot;
  /** The snapshot's own page. */
  readonly url: string;
}

export type DiffOutcome =
  | {
      readonly kind: 'diff';
      readonly key: DiffKey;
      /** The first ones. */
      readonly changes: readonly Change[];
      readonly summary: Readonly<DiffSummary>;
      /** Names of the columns that only `to` has, and that only `from` has. */
      readonly lonely: { readonly added: readonly string[]; readonly removed: readonly string[] };
    }
  | { readonly kind: 'problem'; readonly title: string; readonly detail: string };

export interface DiffPageProps extends PageContext {
  readonly clip: Pick<Clip, 'id' | 'name'>;
  readonly from: Side;
  readonly to: Side;
  readonly columns: readonly DiffColumn[];
  /** The columns that rows can be matched by; `value` is what the form sends. */
  readonly keys: readonly { readonly name: string; readonly value: string; readonly picked: boolean }[];
  /** Of this page, without its query. */
  readonly path: string;
  /** Of the page with the two snapshots swapped. */
  readonly swapped: string;
  /** The whole comparison as a file. */
  readonly files: { readonly csv: string; readonly json: string };
  readonly outcome: DiffOutcome;
}

function SideView({ title, side }: { title: string; side: Side }) {
  const { snapshot, url } = side;
  return (
    <section class="panel">
      <h2>{title}</h2>
      <p>
        <a href={url}>
          <time datetime={snapshot.takenAt}>
            {snapshot.takenAt.slice(0, 10)} {formatClock(snapshot.takenAt)}
          </time>
        </a>
      </p>
      <p class="muted">
        revision {formatNumber(snapshot.revision)} · {formatCount(snapshot.rowCount, 'row')} ·{' '}
        {formatBytes(snapshot.bytes)}
      </p>
    </section>
  );
}

/** Names of columns as code, with commas. */
function Names({ names }: { names: readonly string[] }) {
  return (
    <>
      {names.map((name, index) => (
        <>
          {index > 0 ? ', ' : ''}
          {name === '' ? <i>unnamed</i> : <code dir="auto">{name}</code>}
        </>
      ))}
    </>
  );
}

function Matching({ outcome }: { outcome: DiffOutcome }) {
  if (outcome.kind === 'problem') return <>Pick what rows are matched by</>;
  const { columns, found } = outcome.key;
  if (columns === null) return <>Whole rows are compared: no column tells all of them apart</>;
  if (columns.length === 0) return <>The one row is compared with itself</>;
  return (
    <>
      Rows are matched by <Names names={columns.map(({ key }) => key)} />
      {found ? ', which tells all of them apart' : ''}
    </>
  );
}

function KeyForm({ keys, path, outcome }: Pick<DiffPageProps, 'keys' | 'path' | 'outcome'>) {
  if (keys.length === 0) return null;
  return (
    <details class="panel diff-key" open={outcome.kind === 'problem'}>
      <summary>
        <Matching outcome={outcome} />{' '}
        {outcome.kind === 'diff' ? <span class="muted">· pick another key</span> : null}
      </summary>
      <form method="get" action={path}>
        <fieldset>
          <legend>Match rows by</legend>
          {keys.map(({ name, value, picked }) => (
            <label>
              <input type="checkbox" name="key" value={value} checked={picked} />{' '}
              <span dir="auto">{name === '' ? <i>unnamed</i> : name}</span>
            </label>
          ))}
        </fieldset>
        <p class="help">With none of them, pgclip looks for a column that tells all rows apart.</p>
        <button type="submit">Compare</button>
      </form>
    </details>
  );
}

function LonelyColumns({ names, where }: { names: readonly string[]; where: string }) {
  if (names.length === 0) return null;
  return (
    <Note tone="info">
      Only {where} has {names.length === 1 ? 'the column' : 'the columns'} <Names names={names} />. What both
      have is compared.
    </Note>
  );
}

function Totals({ summary }: { summary: Readonly<DiffSummary> }) {
  const words = ['added', 'removed', 'changed', 'unchanged'] as const;
  return (
    <dl class="diff-totals">
      {words.map((word) => (
        <div class={word}>
          <dt>{word}</dt>
          <dd>{formatNumber(summary[word])}</dd>
        </div>
      ))}
    </dl>
  );
}

function Changes(props: DiffPageProps & { outcome: DiffOutcome & { kind: 'diff' } }) {
  const { columns, files, outcome } = props;
  const { changes, summary } = outcome;
  const count = summary.added + summary.removed + summary.changed;
  if (count === 0) {
    return (
      <EmptyState title="No differences">
        <p>
          {summary.unchanged === 0
            ? 'Neither snapshot has a row.'
            : `Both snapshots have the same ${formatCount(summary.unchanged, 'row')}.`}
        </p>
      </EmptyState>
    );
  }
  return (
    <>
      <div class="share">
        <p class="muted">
          {changes.length < count
            ? `The first ${formatNumber(changes.length)} of ${formatCount(count, 'change')}`
            : formatCount(count, 'change')}
        </p>
        <section class="downloads" aria-label="Downloads">
          <span class="muted">All of them</span>
          <ul>
            <li>
              <a class="button" href={files.csv} download>
                CSV
              </a>
            </li>
            <li>
              <a class="button" href={files.json} download>
                JSON
              </a>
            </li>
          </ul>
        </section>
      </div>
      {raw(changesHtml(changes, columns))}
    </>
  );
}

/** The page; also when the two can't be compared by the key that was picked. */
export function DiffPage(props: DiffPageProps) {
  const { clip, from, to, swapped, outcome, viewer, warning } = props;
  return (
    <Layout viewer={viewer} warning={warning} title={`What changed in ${clip.name}`}>
      <div class="page-head">
        <div class="what">
          <h1>
            What changed in{' '}
            <a href={`/clips/${encodeURIComponent(clip.id)}`} dir="auto">
              {clip.name}
            </a>
          </h1>
        </div>
        <div class="actions">
          <a class="button" href={swapped}>
            Swap the two
          </a>
          <a class="button" href={`/clips/${encodeURIComponent(clip.id)}/history`}>
            History
          </a>
        </div>
      </div>
      <div class="diff-sides">
        <SideView title="From" side={from} />
        <SideView title="To" side={to} />
      </div>
      {outcome.kind === 'problem' ? (
        <Note tone="alert">
          <h2>{outcome.title}</h2>
          <p>{outcome.detail}</p>
        </Note>
      ) : (
        <Totals summary={outcome.summary} />
      )}
      <KeyForm {...props} />
      {outcome.kind === 'diff' ? (
        <>
          <LonelyColumns names={outcome.lonely.added} where="“To”" />
          <LonelyColumns names={outcome.lonely.removed} where="“From”" />
          <Changes {...props} outcome={outcome} />
        </>
      ) : null}
    </Layout>
  );
}
