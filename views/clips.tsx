/** The list of clips: newest first, searched and paged by the URL's query, with its two empty states. */
import type { Clip } from '../src/domain/clip.ts';
import { Layout, type PageContext } from './layout.tsx';
import { CopyButton, EmptyState, ModeBadge, Moment } from './parts.tsx';

/** A clip as the list shows it. */
export type ListedClip = Pick<Clip, 'id' | 'name' | 'mode' | 'database' | 'revision' | 'updatedAt'> & {
  /** Its public URL, absolute. */
  readonly url: string;
};

export interface ClipsProps extends PageContext {
  readonly clips: readonly ListedClip[];
  /** What was searched for; empty for the whole list. */
  readonly query: string;
  /** Cursor of the next page, or null at the end. */
  readonly next: string | null;
  /** Whether this page is not the first, so that there is a way back. */
  readonly paged: boolean;
}

function ListItem({ clip }: { clip: ListedClip }) {
  return (
    <li>
      <div class="what">
        <a class="name" href={`/clips/${encodeURIComponent(clip.id)}`} dir="auto">
          {clip.name}
        </a>
        <ModeBadge mode={clip.mode} />
      </div>
      <p class="facts">
        <code>{clip.database}</code>
        <span>
          Updated <Moment iso={clip.updatedAt} />
        </span>
      </p>
      <div class="copyable link">
        <a class="code" href={clip.url} data-copy-source>
          {clip.url.replace(/^https?:\/\//, '')}
        </a>
        <CopyButton what={`the URL of ${clip.name}`} />
      </div>
    </li>
  );
}

function NothingYet() {
  return (
    <EmptyState title="No clips yet">
      <p>
        A clip is a SQL query with a link. Whoever has the link sees the table, downloads CSV or Excel, or
        points a report at the JSON.
      </p>
      <p>
        <a class="button primary" href="/clips/new">
          Make the first clip
        </a>
      </p>
    </EmptyState>
  );
}

function NothingFound({ query }: { query: string }) {
  return (
    <EmptyState title="Nothing found">
      <p>
        No clip has <strong dir="auto">{query}</strong> in its name or its SQL.
      </p>
      <p>
        <a class="button" href="/">
          Show all clips
        </a>
      </p>
    </EmptyState>
  );
}

function Search({ query }: { query: string }) {
  return (
    <search>
      <form class="search" method="get" action="/">
        <label class="unseen" for="q">
          Search names and SQL
        </label>
        <input
          id="q"
          name="q"
          type="search"
          value={query}
          placeholder="Search names and SQL"
          autocomplete="off"
          data-search
        />
        <button type="submit">Search</button>
      </form>
    </search>
  );
}

function nextHref(cursor: string, query: string): string {
  return `/?${new URLSearchParams(query ? { q: query, cursor } : { cursor })}`;
}

/** `/`; searches with `?q=` and pages with `?cursor=`. */
export function ClipsPage({ clips, query, next, paged, ...context }: ClipsProps) {
  const untouched = clips.length === 0 && !query && !paged;
  return (
    <Layout {...context} title={query ? `${query}: clips` : 'Clips'} section="clips">
      <div class="page-head">
        <h1>Clips</h1>
        {untouched ? null : <Search query={query} />}
        {untouched ? null : (
          <a class="button primary" href="/clips/new">
            New clip
          </a>
        )}
      </div>
      {untouched ? <NothingYet /> : null}
      {clips.length === 0 && query ? <NothingFound query={query} /> : null}
      {clips.length === 0 && !query && paged ? <p class="muted">There are no more clips.</p> : null}
      {clips.length > 0 ? (
        <ul class="clips">
          {clips.map((clip) => (
            <ListItem clip={clip} />
          ))}
        </ul>
      ) : null}
      {next || paged ? (
        <nav class="paging" aria-label="Pages">
          {paged ? (
            <a class="button" href={query ? `/?${new URLSearchParams({ q: query })}` : '/'}>
              Newest
            </a>
          ) : null}
          {next ? (
            <a class="button" rel="next" href={nextHref(next, query)}>
              Older
            </a>
          ) : null}
        </nav>
      ) : null}
    </Layout>
  );
}
