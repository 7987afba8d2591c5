/**
 * What the pages of data links share: how a link is told in few words, its badge, its problems, and messages that hold
 * lines of SQL to be copied. No page of its own.
 */
import type { LinkProblem, LinkStatus } from '../src/domain/data-link.ts';
import { Note, Snippet } from './parts.tsx';
import { formatNumber } from './text.ts';

/** Path of a link's page. */
export function linkPath(database: string, link: string): string {
  return `/databases/${encodeURIComponent(database)}/links/${encodeURIComponent(link)}`;
}

/** Config var that holds the login which makes links. */
export function ownerVar(database: string): string {
  return database.replace(/_URL$/, '_OWNER_URL');
}

/** How the link is, in a word or two. */
export function LinkBadge({ link }: { link: Pick<LinkStatus, 'changes' | 'problems'> }) {
  if (link.problems.some(({ level }) => level === 'broken')) return <span class="badge broken">Broken</span>;
  if (link.changes === null) return <span class="badge warned">Not compared</span>;
  if (link.changes.length > 0) return <span class="badge warned">Changed</span>;
  return <span class="badge live">Up to date</span>;
}

/** SQL for someone to run at the end of a line, as messages for administrators have it. */
const sqlAtEnd = /^(?:(.*?)\s)??((?:ALTER|CREATE|GRANT|REVOKE)\s.*;)$/;

interface Block {
  readonly text: string;
  /** What is to be run, a statement a line. */
  readonly sql: string[];
}

/** The lines of a message; SQL goes with the words before it. */
function blocksOf(message: string): readonly Block[] {
  const blocks: Block[] = [];
  for (const line of message.split('\n')) {
    const [, words = '', sql] = sqlAtEnd.exec(line.trim()) ?? ['', line.trim()];
    if (words !== '' || blocks.length === 0) blocks.push({ text: words, sql: [] });
    if (sql) blocks.at(-1)?.sql.push(sql);
  }
  return blocks;
}

/** A message of one or more lines; those that are SQL can be copied. */
export function Message({ text }: { text: string }) {
  return (
    <>
      {blocksOf(text).map(({ text: words, sql }) => (
        <>
          {words === '' ? null : <p dir="auto">{words}</p>}
          {sql.length > 0 ? <Snippet what="the SQL" text={sql.join('\n')} /> : null}
        </>
      ))}
    </>
  );
}

/** The problems of a link, each a note: what is broken first. */
export function LinkProblems({ problems }: { problems: readonly LinkProblem[] }) {
  const sorted = [...problems].sort((a, b) => Number(a.level === 'warn') - Number(b.level === 'warn'));
  return (
    <>
      {sorted.map(({ level, message }) => (
        <Note tone={level === 'broken' ? 'bad' : 'warn'}>
          <Message text={message} />
        </Note>
      ))}
    </>
  );
}

/** What a form of these pages came to when it was refused. */
export interface RefusedForm {
  readonly title: string;
  /** A sentence, and lines of SQL for an administrator perhaps. */
  readonly detail: string;
}

/** Says it at once to screen readers, too. */
export function Refusal({ refused }: { refused: RefusedForm }) {
  return (
    <Note tone="alert">
      <h2>{refused.title}</h2>
      <Message text={refused.detail} />
    </Note>
  );
}

/** Some names in a sentence: the first ten, and how many more. */
export function SomeNames({ names }: { names: readonly string[] }) {
  const shown = names.slice(0, 10);
  const more = names.length - shown.length;
  return (
    <>
      {shown.map((name, index) => (
        <>
          {index > 0 ? ', ' : ''}
          <span class="quoted" dir="auto">
            {name}
          </span>
        </>
      ))}
      {more > 0 ? ` and ${formatNumber(more)} more` : ''}
    </>
  );
}

/** What stands in place of a form that makes or refreshes a link while that is done (`client/link-work.ts`). */
export function WorkPanel({ id, label }: { id: string; label: string }) {
  return (
    <div class="freezing" id={id} hidden>
      <progress aria-label={label} />
      <p />
      <button type="button">Cancel</button>
    </div>
  );
}
