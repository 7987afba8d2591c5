/**
 * What Postgres said of a SQL text: its message and hint, and the lines around the place with a caret under the
 * column. For signed-in users only: a message may hold values of rows.
 */
import type { SqlProblem } from '../src/domain/errors.ts';
import { SqlText } from './parts.tsx';
import { formatNumber } from './text.ts';

/** Lines shown before and after the one that is marked. */
const around = 3;

/** A line split at the marked character: positions count characters, not UTF-16 units. */
function splitAt(line: string, column: number): readonly [string, string, string] {
  const chars = Array.from(line);
  return [
    chars.slice(0, column - 1).join(''),
    // A column behind the last character still gets its caret.
    chars[column - 1] ?? ' ',
    chars.slice(column).join(''),
  ];
}

function MarkedLine({ line, column }: { line: string; column: number | undefined }) {
  if (column === undefined) return <>{line}</>;
  const [before, at, after] = splitAt(line, column);
  return (
    <>
      {before}
      <mark class="caret">{at}</mark>
      {after}
    </>
  );
}

interface ExcerptProps {
  readonly sql: string;
  readonly line: number;
  readonly column: number | undefined;
}

function Excerpt({ sql, line, column }: ExcerptProps) {
  const lines = sql.split('\n');
  const first = Math.max(1, line - around);
  const shown = lines.slice(first - 1, line + around);
  const label = `Line ${line} of the SQL${column === undefined ? '' : `, column ${column}`}`;
  return (
    <pre class="excerpt">
      <code>
        {shown.map((text, index) => {
          const number = first + index;
          const failed = number === line;
          return (
            <span class={failed ? 'line failed' : 'line'} title={failed ? label : undefined}>
              <span class="number">{formatNumber(number)}</span>
              <span class="source">
                {failed ? <MarkedLine line={text} column={column} /> : text}
                {'\n'}
              </span>
            </span>
          );
        })}
      </code>
    </pre>
  );
}

export interface SqlProblemProps {
  /** The text that the positions of the problem count in. */
  readonly sql: string;
  readonly problem: SqlProblem;
  /** The database that has the data links which it may come from. */
  readonly linksOf?: string | undefined;
}

/** A problem with its place in the SQL. */
export function SqlProblemView({ sql, problem, linksOf }: SqlProblemProps) {
  const { message, hint, line, column, sqlstate, remoteSql } = problem;
  return (
    <div class="sql-problem">
      <p class="message" dir="auto">
        {message}
      </p>
      {hint ? (
        <p class="hint" dir="auto">
          <strong>Hint:</strong> {hint}
        </p>
      ) : null}
      {linksOf === undefined ? null : (
        <p>
          <a href={`/databases#${encodeURIComponent(linksOf)}`}>The data links of {linksOf}</a>
        </p>
      )}
      {line === undefined ? null : <Excerpt sql={sql} line={line} column={column} />}
      {remoteSql === undefined ? null : (
        <>
          <p>The remote was asked:</p>
          <SqlText sql={remoteSql} />
        </>
      )}
      <p class="muted">
        {line === undefined ? '' : `Line ${line}${column === undefined ? '' : `, column ${column}`} · `}
        SQLSTATE <code>{sqlstate}</code>
      </p>
    </div>
  );
}
