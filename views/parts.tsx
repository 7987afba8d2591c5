/** Small parts that several pages share: mode badge, times, what can be copied, notes. No page of its own. */
import type { Child, PropsWithChildren } from 'hono/jsx';
import { raw } from 'hono/utils/html';
import type { ClipMode } from '../src/domain/clip.ts';
import type { Column, Row } from '../src/domain/result-set.ts';
import { sqlHtml } from './sql.ts';
import { rowsHtml, tableEnd, tableStart } from './table.ts';
import { formatMoment } from './text.ts';

const modes: Record<ClipMode, { label: string; title: string }> = {
  live: { label: 'Live', title: 'The query runs when the clip is asked for' },
  frozen: { label: 'Frozen', title: 'The clip shows one snapshot' },
};

/** The badge that tells live from frozen. */
export function ModeBadge({ mode }: { mode: ClipMode }) {
  return (
    <span class={`badge ${mode}`} title={modes[mode].title}>
      {modes[mode].label}
    </span>
  );
}

/** A moment to the minute. `iso` is ISO 8601 in UTC. */
export function Moment({ iso }: { iso: string }) {
  return <time datetime={iso}>{formatMoment(iso)}</time>;
}

/** Copies what the nearest `.copyable` holds; not shown where scripts don't run. */
export function CopyButton({ what }: { what: string }) {
  return (
    <button type="button" class="copy scripted" data-copy aria-label={`Copy ${what}`}>
      Copy
    </button>
  );
}

/** A few lines to paste elsewhere, with a copy button. `what` names them for the button. */
export function Snippet({ what, text }: { what: string; text: string }) {
  return (
    <div class="copyable snippet">
      <pre>
        <code data-copy-source>{text}</code>
      </pre>
      <CopyButton what={what} />
    </div>
  );
}

/** A SQL text, coloured. */
export function SqlText({ sql }: { sql: string }) {
  return (
    <pre class="sql">
      <code data-copy-source>{raw(sqlHtml(sql))}</code>
    </pre>
  );
}

/** A note with a tone; `alert` is announced at once by screen readers, `bad` is as red and stays silent. */
export function Note({ tone, children }: PropsWithChildren<{ tone: 'info' | 'warn' | 'bad' | 'alert' }>) {
  return (
    <div class={`note ${tone}`} role={tone === 'alert' ? 'alert' : 'note'}>
      {children}
    </div>
  );
}

/** What a page shows instead of a list that is empty: a heading, a sentence and a way on. */
export function EmptyState({ title, children }: PropsWithChildren<{ title: string }>) {
  return (
    <div class="empty-state">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Rows that are all here already, as a table. A page of streamed rows uses table.ts itself. */
export function ResultTable(props: {
  columns: readonly Column[];
  rows: readonly Row[];
  label: string;
}): Child {
  const { columns, rows, label } = props;
  return <>{raw(tableStart(columns, label) + rowsHtml(rows, columns, 1) + tableEnd)}</>;
}
