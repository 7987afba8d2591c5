/**
 * What only a signed-in user sees on a clip's page: the public URL, the actions, and the clip's history. Every
 * change is a POST form; what can't be undone is confirmed by opening it first.
 */
import type { Clip, Revision } from '../src/domain/clip.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import { CopyButton, Moment, SqlText } from './parts.tsx';
import { formatBytes, formatCount, formatNumber } from './text.ts';

/** What the page knows when its reader is signed in. */
export interface ClipOwner {
  readonly id: string;
  /** Newest first. */
  readonly revisions: readonly Revision[];
  /** Newest first. */
  readonly snapshots: readonly Snapshot[];
  /** The one that the clip shows; null for a live clip. */
  readonly pinnedId: string | null;
}

/** Older snapshots are on the page of the history. */
const maxSnapshots = 10;

/** Older revisions are in the API. */
const maxRevisions = 20;

function ActionButton({ action, label }: { action: string; label: string }) {
  return (
    <form method="post" action={action}>
      <button type="submit">{label}</button>
    </form>
  );
}

/** Freezes by the form, or in place (`client/freeze.ts`): then the clip is looked up to see whether it has changed. */
function FreezeButton({ owner, label }: { owner: ClipOwner; label: string }) {
  const id = encodeURIComponent(owner.id);
  return (
    <form
      method="post"
      action={`/clips/${id}/freeze`}
      data-clip={`/api/clips/${id}`}
      data-pinned={owner.pinnedId ?? ''}
    >
      <button type="submit">{label}</button>
    </form>
  );
}

/** What stands in place of the actions while the clip is frozen in place, and what went wrong with it. */
function Freezing() {
  return (
    <>
      <div class="freezing" data-freezing="panel" hidden>
        <progress aria-label="Freezing the clip" />
        <p data-freezing="figures" />
        <button type="button" data-freezing="cancel">
          Cancel
        </button>
      </div>
      <div class="note alert" role="alert" data-freezing="problem" hidden />
    </>
  );
}

/** Edit, freeze, refresh, thaw and explain. */
export function OwnerActions({ owner, mode }: { owner: ClipOwner; mode: Clip['mode'] }) {
  const path = `/clips/${encodeURIComponent(owner.id)}`;
  return (
    <>
      <div class="actions" data-freezing="buttons">
        {mode === 'live' ? (
          <FreezeButton owner={owner} label="Freeze" />
        ) : (
          <>
            <FreezeButton owner={owner} label="Refresh snapshot" />
            <ActionButton action={`${path}/thaw`} label="Thaw" />
          </>
        )}
        <a class="button" href={`${path}/explain`}>
          Explain
        </a>
        <a class="button primary" href={`${path}/edit`}>
          Edit
        </a>
      </div>
      <Freezing />
    </>
  );
}

/** The URL to share, and where it leads. */
export function PublicUrl({ url }: { url: string }) {
  return (
    <div class="public-url field">
      <div class="labels">
        <label for="public-url">Public URL</label>
        <a href={url}>Open it</a>
      </div>
      <div class="copyable">
        <input id="public-url" class="code" type="text" readonly value={url} data-copy-source />
        <CopyButton what="the public URL" />
      </div>
    </div>
  );
}

function Snapshots({ owner, url }: { owner: ClipOwner; url: string }) {
  return (
    <section class="panel">
      <h2>Snapshots</h2>
      {owner.snapshots.length === 0 ? (
        <p class="muted">None yet. Freezing the clip takes one.</p>
      ) : (
        <ul class="history">
          {owner.snapshots.slice(0, maxSnapshots).map((snapshot) => (
            <li>
              <a href={`${url}/s/${encodeURIComponent(snapshot.id)}`}>
                <Moment iso={snapshot.takenAt} />
              </a>
              {snapshot.id === owner.pinnedId ? <span class="badge frozen">Shown</span> : null}
              <span class="muted">
                revision {formatNumber(snapshot.revision)} · {formatCount(snapshot.rowCount, 'row')} ·{' '}
                {formatBytes(snapshot.bytes)}
              </span>
            </li>
          ))}
        </ul>
      )}
      <p>
        <a href={`/clips/${encodeURIComponent(owner.id)}/history`}>
          {owner.snapshots.length > 1
            ? `History of all ${formatCount(owner.snapshots.length, 'snapshot')}`
            : 'History and retention'}
        </a>
      </p>
    </section>
  );
}

function Revisions({ owner }: { owner: ClipOwner }) {
  const shown = owner.revisions.slice(0, maxRevisions);
  const older = owner.revisions.length - shown.length;
  return (
    <section class="panel">
      <h2>Revisions</h2>
      <ul class="history">
        {shown.map((revision) => (
          <li>
            <details>
              <summary>
                Revision {formatNumber(revision.number)}{' '}
                <span class="muted">
                  <Moment iso={revision.createdAt} /> · <code>{revision.database}</code>
                </span>
              </summary>
              <SqlText sql={revision.sql} />
            </details>
          </li>
        ))}
      </ul>
      {older > 0 ? (
        <p class="muted">
          {formatCount(older, 'older one')} at <code>GET /api/clips/{owner.id}/revisions</code>
        </p>
      ) : null}
    </section>
  );
}

interface ConfirmProps {
  readonly action: string;
  readonly summary: string;
  readonly text: string;
  readonly label: string;
}

function Confirm({ action, summary, text, label }: ConfirmProps) {
  return (
    <details class="confirm">
      <summary>{summary}</summary>
      <form method="post" action={action}>
        <p>{text}</p>
        <button type="submit" class="danger">
          {label}
        </button>
      </form>
    </details>
  );
}

/** Snapshots, revisions, and what can't be undone. `url` is the clip's public one. */
export function OwnerHistory({ owner, url }: { owner: ClipOwner; url: string }) {
  const path = `/clips/${encodeURIComponent(owner.id)}`;
  return (
    <>
      <div class="columns">
        <Snapshots owner={owner} url={url} />
        <Revisions owner={owner} />
      </div>
      <section class="panel" aria-labelledby="danger">
        <h2 id="danger">URL and deletion</h2>
        <Confirm
          action={`${path}/rotate`}
          summary="Rotate the URL"
          text="The clip gets a new secret URL. The old one answers 404 from then on, and so do the URLs of its snapshots: every report, sheet and script that uses it has to be given the new one."
          label="Rotate the URL now"
        />
        <Confirm
          action={`${path}/delete`}
          summary="Delete the clip"
          text="The clip goes with all of its revisions and snapshots, and its URL answers 404. This can’t be undone."
          label="Delete the clip now"
        />
      </section>
    </>
  );
}
