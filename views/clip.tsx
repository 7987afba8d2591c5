/**
 * A clip's page: for its owner (`/clips/:id`), for whoever has the URL (`/c/:slug`) and for one snapshot
 * (`/c/:slug/s/:id`). It is sent while its rows come and never holds more than one batch of them. It runs nothing:
 * which rows make the page is for the caller to say.
 */
import type { PropsWithChildren } from 'hono/jsx';
import { raw } from 'hono/utils/html';
import type { Clip } from '../src/domain/clip.ts';
import type { SqlProblem } from '../src/domain/errors.ts';
import type { Column, Row } from '../src/domain/result-set.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import { type ClipOwner, OwnerActions, OwnerHistory, PublicUrl } from './clip-owner.tsx';
import { type ClipFormat, Downloads, UseIt } from './clip-use.tsx';
import { Fingerprint } from './fingerprint.tsx';
import { Layout, type PageContext } from './layout.tsx';
import { Paging, type Place } from './paging.tsx';
import { CopyButton, ModeBadge, Moment, Note, SqlText } from './parts.tsx';
import { SqlProblemView } from './sql-problem.tsx';
import { rowsHtml, tableEnd, tableStart } from './table.ts';
import { formatBytes, formatClock, formatCount, formatDuration, formatNumber } from './text.ts';

/** Where the rows are from. */
export type Origin =
  /** `tookMs`: from the start of the run to its first rows. */
  | { readonly kind: 'live'; readonly ranAt: string; readonly tookMs: number }
  /** The snapshot that a frozen clip shows. */
  | { readonly kind: 'frozen'; readonly snapshot: Snapshot }
  /** One snapshot at its own URL, whatever the clip does. `clipUrl` is where the clip itself is. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot; readonly clipUrl: string };

/** What every kind of the page shows around the rows. */
export interface ClipFrameProps extends PageContext {
  readonly clip: Pick<Clip, 'name' | 'sql' | 'database' | 'mode' | 'revision'>;
  /** The clip's public URL or, for one snapshot, the snapshot's: absolute, without an extension. */
  readonly url: string;
  readonly formats: readonly ClipFormat[];
  /** For a signed-in reader at `/clips/:id`; absent for everyone else. */
  readonly owner?: ClipOwner | undefined;
}

export interface ClipPageProps extends ClipFrameProps {
  readonly columns: readonly Column[];
  readonly origin: Origin;
  readonly place: Place;
}

export interface ClipProblemProps extends ClipFrameProps {
  readonly problem: {
    readonly title: string;
    readonly detail: string;
    /** For signed-in readers only. */
    readonly sql?: SqlProblem | undefined;
    /** The database that has the data links which it may come from; with `sql`. */
    readonly linksOf?: string | undefined;
  };
}

function SnapshotFacts({ snapshot }: { snapshot: Snapshot }) {
  return (
    <>
      <li>
        Frozen <Moment iso={snapshot.takenAt} />
      </li>
      <li>revision {formatNumber(snapshot.revision)}</li>
      <li>{formatCount(snapshot.rowCount, 'row')}</li>
      <li>{formatBytes(snapshot.bytes)}</li>
    </>
  );
}

function Facts({ origin, database }: { origin: Origin; database: string | null }) {
  return (
    <ul class="facts">
      {origin.kind === 'live' ? (
        <>
          <li>Ran just now</li>
          <li>
            <time datetime={origin.ranAt}>{formatClock(origin.ranAt)}</time>
          </li>
          <li>{formatDuration(origin.tookMs)}</li>
        </>
      ) : (
        <SnapshotFacts snapshot={origin.snapshot} />
      )}
      {database ? (
        <li>
          <code>{database}</code>
        </li>
      ) : null}
    </ul>
  );
}

function OriginNote({ origin, clip, owner }: Pick<ClipPageProps, 'origin' | 'clip' | 'owner'>) {
  if (origin.kind === 'snapshot') {
    return (
      <Note tone="info">
        This is one snapshot of the clip and stays as it is. <a href={origin.clipUrl}>See the clip itself</a>
      </Note>
    );
  }
  if (!owner || origin.kind === 'live' || origin.snapshot.revision === clip.revision) return null;
  return (
    <Note tone="warn">
      The clip’s SQL is at revision {formatNumber(clip.revision)}, and the snapshot it shows is of revision{' '}
      {formatNumber(origin.snapshot.revision)}. Refresh the snapshot to show the newer one.
    </Note>
  );
}

interface FrameProps extends ClipFrameProps {
  readonly origin?: Origin | undefined;
}

function Frame({ children, ...props }: PropsWithChildren<FrameProps>) {
  const { clip, url, formats, owner, origin, viewer, warning } = props;
  const shown = origin && origin.kind !== 'live' ? origin.snapshot : clip;
  const alternates = formats.map(({ name, mediaType }) => ({ mediaType, url: `${url}.${name}` }));
  return (
    <Layout viewer={viewer} warning={warning} title={clip.name} alternates={alternates}>
      <div class="page-head">
        <div class="what">
          <h1 dir="auto">{clip.name}</h1>
          {origin?.kind === 'snapshot' ? (
            <span class="badge frozen">Snapshot</span>
          ) : (
            <ModeBadge mode={clip.mode} />
          )}
        </div>
        {owner ? <OwnerActions owner={owner} mode={clip.mode} /> : null}
      </div>
      {origin ? <Facts origin={origin} database={owner ? clip.database : null} /> : null}
      {origin && origin.kind !== 'live' ? (
        <Fingerprint
          snapshot={origin.snapshot}
          url={origin.kind === 'snapshot' ? url : `${url}/s/${origin.snapshot.id}`}
          showDatabase={owner !== undefined}
        />
      ) : null}
      {origin ? <OriginNote origin={origin} clip={clip} owner={owner} /> : null}
      <div class="share">
        {owner ? <PublicUrl url={url} /> : null}
        <Downloads url={url} formats={formats} />
      </div>
      {children}
      <div class="columns">
        <UseIt url={url} />
        <details class="panel copyable" open>
          <summary>
            <h2>SQL</h2> <span class="muted">revision {formatNumber(shown.revision)}</span>
          </summary>
          <SqlText sql={shown.sql} />
          <CopyButton what="the SQL" />
        </details>
      </div>
      {owner ? <OwnerHistory owner={owner} url={url} /> : null}
    </Layout>
  );
}

// Comments can't come from text: hono/jsx escapes `<`.
const rowsMark = '<!--rows-->';
const pagingMark = '<!--paging-->';

/**
 * The page in pieces: its head at once, its rows batch by batch, then the rest. `rows` gives what stands on the
 * page, from its first row on, and one row more if there is one: that row is not shown, it tells that more follow.
 * What `rows` throws is thrown here, and an abandoned page abandons `rows`.
 */
export async function* renderClipPage(
  props: ClipPageProps,
  rows: AsyncIterable<readonly Row[]>,
): AsyncGenerator<string, void, undefined> {
  const { columns, place, ...frame } = props;
  const page = await (
    <Frame {...frame}>
      {raw(tableStart(columns, `Rows of ${props.clip.name}`) + rowsMark + tableEnd + pagingMark)}
    </Frame>
  );
  const [head = '', rest = ''] = page.toString().split(rowsMark);
  const [middle = '', tail = ''] = rest.split(pagingMark);
  yield head;
  const offset = (place.page - 1) * place.pageSize;
  let shown = 0;
  let more = false;
  for await (const batch of rows) {
    const room = place.pageSize - shown;
    more = batch.length > room;
    const fitting = more ? batch.slice(0, room) : batch;
    if (fitting.length > 0) yield rowsHtml(fitting, columns, offset + shown + 1);
    shown += fitting.length;
    if (more) break;
  }
  const paging = await (<Paging place={place} shown={shown} more={more} />);
  yield middle + paging.toString() + tail;
}

/** The page of a clip whose run failed: the problem stands where the rows would, and its owner can still act. */
export function ClipProblemPage({ problem, ...frame }: ClipProblemProps) {
  return (
    <Frame {...frame}>
      <Note tone="alert">
        <h2>{problem.title}</h2>
        <p>{problem.detail}</p>
        {problem.sql ? (
          <SqlProblemView sql={frame.clip.sql} problem={problem.sql} linksOf={problem.linksOf} />
        ) : null}
      </Note>
    </Frame>
  );
}
