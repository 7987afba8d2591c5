/** One snapshot on the timeline of its clip. */
import type { Snapshot } from '../src/domain/snapshot.ts';
import { SqlText } from './parts.tsx';
import { formatBytes, formatClock, formatCount, formatNumber } from './text.ts';

export interface HistoryEntryProps {
  readonly clipId: string;
  readonly snapshot: Snapshot;
  /** The one taken before it, or null for the first. */
  readonly before: Snapshot | null;
  /** Its own URL. */
  readonly url: string;
  /** Whether the clip shows it. */
  readonly pinned: boolean;
  /** Id of the form that compares two; null when there are no two. */
  readonly compareForm: string | null;
  /** What it is chosen for when nobody has chosen yet. */
  readonly chosen: 'from' | 'to' | null;
}

/** To the second: two snapshots of one minute stand side by side. */
function formatSecond(iso: string): string {
  return `${iso.slice(0, 10)} ${formatClock(iso)}`;
}

function Choice(props: { name: 'from' | 'to'; entry: HistoryEntryProps; form: string }) {
  const { name, entry, form } = props;
  const { id, takenAt } = entry.snapshot;
  return (
    <label>
      <input type="radio" name={name} value={id} form={form} checked={entry.chosen === name} />
      {name === 'from' ? 'From' : 'To'}
      <span class="unseen"> {formatSecond(takenAt)}</span>
    </label>
  );
}

/** `+12`, `−3` with a true minus; empty without a change. */
function difference(now: number, then: number): string {
  if (now === then) return '';
  return now > then ? `+${formatNumber(now - then)}` : `−${formatNumber(then - now)}`;
}

function EntryFacts({ snapshot, before }: Pick<HistoryEntryProps, 'snapshot' | 'before'>) {
  const more = before ? difference(snapshot.rowCount, before.rowCount) : '';
  return (
    <ul class="facts">
      <li>
        {formatCount(snapshot.rowCount, 'row')}
        {more === '' ? null : ` (${more})`}
      </li>
      <li>{formatBytes(snapshot.bytes)}</li>
      <li>
        sha256 <code>{snapshot.sha256.slice(0, 12)}</code>
      </li>
      {before?.sha256 === snapshot.sha256 ? <li>same data</li> : null}
    </ul>
  );
}

function RevisionMark({ snapshot, before }: Pick<HistoryEntryProps, 'snapshot' | 'before'>) {
  if (before?.revision === snapshot.revision) {
    return <p class="muted">Revision {formatNumber(snapshot.revision)}</p>;
  }
  return (
    <details class="revision-mark">
      <summary>
        Revision {formatNumber(snapshot.revision)}
        {before ? ` after ${formatNumber(before.revision)}` : ''}
      </summary>
      <SqlText sql={snapshot.sql} />
    </details>
  );
}

function DeleteForm({ path, pinned }: { path: string; pinned: boolean }) {
  if (pinned) return null;
  return (
    <details class="confirm">
      <summary>Delete</summary>
      <form method="post" action={`${path}/delete`}>
        <p>The snapshot goes, and its URL answers 404. This can’t be undone.</p>
        <button type="submit" class="danger">
          Delete the snapshot now
        </button>
      </form>
    </details>
  );
}

/** The entry; the revision is marked where it is another than that of the snapshot before. */
export function HistoryEntry(props: HistoryEntryProps) {
  const { clipId, snapshot, before, url, pinned, compareForm } = props;
  const path = `/clips/${clipId}/snapshots`;
  return (
    <li>
      {compareForm === null ? null : (
        <div class="choices">
          <Choice name="from" entry={props} form={compareForm} />
          <Choice name="to" entry={props} form={compareForm} />
        </div>
      )}
      <div class="entry">
        <div class="what">
          <a href={url}>
            <time datetime={snapshot.takenAt}>{formatSecond(snapshot.takenAt)}</time>
          </a>
          {pinned ? <span class="badge frozen">Shown</span> : null}
        </div>
        <EntryFacts snapshot={snapshot} before={before} />
        <RevisionMark snapshot={snapshot} before={before} />
        <div class="entry-actions">
          {before ? (
            <a href={`${path}/${before.id}/diff/${snapshot.id}`}>
              Compare with the one before
              <span class="unseen"> {formatSecond(snapshot.takenAt)}</span>
            </a>
          ) : null}
          <DeleteForm path={`${path}/${snapshot.id}`} pinned={pinned} />
        </div>
      </div>
    </li>
  );
}
