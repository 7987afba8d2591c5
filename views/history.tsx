/**
 * The history of a clip, for its owner: every snapshot on a timeline, newest first, with what it has that the one before
 * had not; two of them to compare; and how many are kept. Changes are POST forms, the comparison is a GET form.
 */
import type { Clip } from '../src/domain/clip.ts';
import type { Retention } from '../src/domain/retention.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import { HistoryEntry } from './history-entry.tsx';
import { Layout, type PageContext } from './layout.tsx';
import { ModeBadge, Note } from './parts.tsx';
import { RetentionForm, type TypedRetention } from './retention-form.tsx';
import { formatCount, formatNumber } from './text.ts';

export interface HistoryPageProps extends PageContext {
  readonly clip: Pick<Clip, 'id' | 'name' | 'mode' | 'snapshotId'> & { readonly retention: Retention };
  /** The clip's public URL. */
  readonly url: string;
  /** All of them, newest first. */
  readonly snapshots: readonly Snapshot[];
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
  /** What was refused, in words. */
  readonly problem?: string | undefined;
  /** What was typed into the form of the retention, when that was refused. */
  readonly typed?: TypedRetention | undefined;
}

/** The form that the radio buttons of all entries belong to. */
const compareForm = 'compare';

function Pages({ page, pages }: { page: number; pages: number }) {
  if (pages <= 1) return null;
  return (
    <nav class="paging" aria-label="Pages">
      <p>
        Page {formatNumber(page)} of {formatNumber(pages)}
      </p>
      {page > 1 ? (
        <a class="button" rel="prev" href={page === 2 ? '?' : `?page=${page - 1}`}>
          Newer
        </a>
      ) : null}
      {page < pages ? (
        <a class="button" rel="next" href={`?page=${page + 1}`}>
          Older
        </a>
      ) : null}
    </nav>
  );
}

function Timeline({ clip, url, snapshots, page, pageSize }: HistoryPageProps) {
  const start = (page - 1) * pageSize;
  const shown = snapshots.slice(start, start + pageSize);
  return (
    <>
      {shown.length > 1 ? (
        <form id={compareForm} class="compare" method="get" action={`/clips/${clip.id}/history/compare`}>
          <p class="muted">Choose two snapshots and see what changed from one to the other.</p>
          <button type="submit">Compare</button>
        </form>
      ) : null}
      <ol class="timeline">
        {shown.map((snapshot, at) => (
          <HistoryEntry
            clipId={clip.id}
            snapshot={snapshot}
            before={snapshots[start + at + 1] ?? null}
            url={`${url}/s/${encodeURIComponent(snapshot.id)}`}
            pinned={clip.mode === 'frozen' && snapshot.id === clip.snapshotId}
            compareForm={shown.length > 1 ? compareForm : null}
            chosen={at === 0 ? 'to' : at === 1 ? 'from' : null}
          />
        ))}
      </ol>
    </>
  );
}

/** The page. */
export function HistoryPage(props: HistoryPageProps) {
  const { clip, snapshots, page, pageSize, problem, viewer, warning } = props;
  const pages = Math.max(1, Math.ceil(snapshots.length / pageSize));
  return (
    <Layout viewer={viewer} warning={warning} title={`History of ${clip.name}`}>
      <div class="page-head">
        <div class="what">
          <h1 dir="auto">History of {clip.name}</h1>
          <ModeBadge mode={clip.mode} />
        </div>
        <div class="actions">
          <a class="button" href={`/clips/${clip.id}`}>
            Back to the clip
          </a>
        </div>
      </div>
      <ul class="facts">
        <li>{formatCount(snapshots.length, 'snapshot')}</li>
      </ul>
      {problem === undefined ? null : (
        <Note tone="alert">
          <p>{problem}</p>
        </Note>
      )}
      <RetentionForm clipId={clip.id} retention={clip.retention} typed={props.typed} />
      {snapshots.length === 0 ? (
        <p class="muted">No snapshot yet. Freezing the clip takes one.</p>
      ) : (
        <Timeline {...props} />
      )}
      {page > pages ? <p class="muted">There are no snapshots on this page.</p> : null}
      <Pages page={Math.min(page, pages + 1)} pages={pages} />
    </Layout>
  );
}
