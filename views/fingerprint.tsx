/** What a snapshot can be checked by: its fingerprint, the command that makes it anew, and how the snapshot was made. */
import type { Snapshot } from '../src/domain/snapshot.ts';
import { CopyButton, Snippet } from './parts.tsx';
import { formatBytes, formatDuration, formatNumber } from './text.ts';

export interface FingerprintProps {
  readonly snapshot: Snapshot;
  /** The snapshot's own URL, absolute, without an extension. */
  readonly url: string;
  /** The name of its config var is for signed-in readers alone. */
  readonly showDatabase: boolean;
}

function ColumnList({ columns }: Pick<Snapshot, 'columns'>) {
  return (
    <ul class="column-list">
      {columns.map(({ name, type }) => (
        <li>
          <span dir="auto">{name}</span> <code>{type}</code>
        </li>
      ))}
    </ul>
  );
}

/** Folded away; its summary shows the first digits. */
export function Fingerprint({ snapshot, url, showDatabase }: FingerprintProps) {
  const { sha256, takenAt, columns, bytes } = snapshot;
  return (
    <details class="fingerprint">
      <summary>
        Fingerprint <code>{sha256.slice(0, 12)}…</code>
      </summary>
      <dl>
        <dt>SHA-256 of the CSV</dt>
        <dd class="copyable sum">
          <code data-copy-source>{sha256}</code>
          <CopyButton what="the fingerprint" />
        </dd>
        <dt>To check it</dt>
        <dd>
          <Snippet what="the command" text={`curl -fsS '${url}.csv' | sha256sum`} />
        </dd>
        <dt>Taken</dt>
        <dd>
          <code>
            <time datetime={takenAt}>{takenAt}</time>
          </code>{' '}
          <span class="muted">transaction time</span>
        </dd>
        <dt>Revision</dt>
        <dd>{formatNumber(snapshot.revision)}</dd>
        {showDatabase ? (
          <>
            <dt>Database</dt>
            <dd>
              <code>{snapshot.database}</code>
            </dd>
          </>
        ) : null}
        <dt>Postgres</dt>
        <dd>{snapshot.serverVersion}</dd>
        <dt>Took</dt>
        <dd>{formatDuration(snapshot.durationMs)}</dd>
        <dt>Rows</dt>
        <dd>{formatNumber(snapshot.rowCount)}</dd>
        <dt>Size as CSV</dt>
        <dd>
          {formatBytes(bytes)}
          {bytes < 1000 ? null : <span class="muted"> {formatNumber(bytes)} bytes</span>}
        </dd>
        <dt>Columns</dt>
        <dd>{columns.length === 0 ? <span class="muted">None</span> : <ColumnList columns={columns} />}</dd>
      </dl>
    </details>
  );
}
