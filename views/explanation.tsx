/**
 * How a clip's query was run: in a few sentences what was done on which remote, each remote part with its SQL, and
 * Postgres's own plan. For signed-in users only.
 */
import type { Clip } from '../src/domain/clip.ts';
import type { SqlProblem } from '../src/domain/errors.ts';
import type { Explanation, RemotePart } from '../src/domain/explanation.ts';
import { summarize } from '../src/domain/explanation.ts';
import { Layout, type PageContext } from './layout.tsx';
import { Message } from './link-parts.tsx';
import { CopyButton, ModeBadge, Note, SqlText } from './parts.tsx';
import { SqlProblemView } from './sql-problem.tsx';
import { formatCount, formatDuration, formatNumber } from './text.ts';

export type ExplanationOutcome =
  | { readonly kind: 'explained'; readonly explanation: Explanation }
  | {
      readonly kind: 'problem';
      readonly title: string;
      readonly detail: string;
      readonly sql?: SqlProblem | undefined;
      /** The database that has the data links which it may come from; with `sql`. */
      readonly linksOf?: string | undefined;
    };

export interface ExplanationPageProps extends PageContext {
  readonly clip: Pick<Clip, 'id' | 'name' | 'mode' | 'sql' | 'database'>;
  readonly outcome: ExplanationOutcome;
}

const workWords: Readonly<Record<RemotePart['work'][number], string>> = {
  join: 'joined',
  aggregate: 'aggregated',
  sort: 'sorted',
  limit: 'limited',
};

function RemotePartView({ part, index }: { part: RemotePart; index: number }) {
  const { link, server, tables, work, rows, times, sql } = part;
  return (
    <section class="panel remote-part copyable" aria-labelledby={`part-${index}`}>
      <h3 id={`part-${index}`}>
        On <span dir="auto">{link}</span>
      </h3>
      <dl class="link-facts">
        <dt>{tables.length === 1 ? 'Table' : 'Tables'}</dt>
        <dd>
          {tables.map((table, at) => (
            <>
              {at > 0 ? ', ' : ''}
              <code dir="auto">{table}</code>
            </>
          ))}
        </dd>
        <dt>Done there</dt>
        <dd>{['read', ...work.map((each) => workWords[each])].join(', ')}</dd>
        <dt>Fetched</dt>
        <dd>
          {formatCount(rows, 'row')}
          {times === 1 ? '' : times === 0 ? ', never asked' : `, asked ${formatNumber(times)} times`}
        </dd>
        <dt>Foreign server</dt>
        <dd>
          <code dir="auto">{server}</code>
        </dd>
      </dl>
      <SqlText sql={sql} />
      <CopyButton what={`the SQL that ${link} was asked`} />
    </section>
  );
}

function Explained({ explanation, database }: { explanation: Explanation; database: string }) {
  const { remoteParts, rows, durationMs, plan } = explanation;
  return (
    <>
      <ul class="facts">
        <li>{formatCount(rows, 'row')}</li>
        <li>{formatDuration(durationMs)}</li>
        <li>
          <code>{database}</code>
        </li>
      </ul>
      <ul class="explanation-summary">
        {summarize(explanation).map((sentence) => (
          <li>{sentence}</li>
        ))}
      </ul>
      {remoteParts.length > 0 ? (
        <section aria-labelledby="remotes">
          <h2 id="remotes">What the remotes were asked</h2>
          <div class="remote-parts">
            {remoteParts.map((part, index) => (
              <RemotePartView part={part} index={index} />
            ))}
          </div>
        </section>
      ) : null}
      <section class="panel plan-panel copyable" aria-labelledby="plan">
        <h2 id="plan">Plan</h2>
        <pre class="plan">
          <code data-copy-source>{plan}</code>
        </pre>
        <CopyButton what="the plan" />
      </section>
    </>
  );
}

/** `/clips/:id/explain`. */
export function ExplanationPage({ clip, outcome, ...context }: ExplanationPageProps) {
  return (
    <Layout {...context} title={`Explain ${clip.name}`}>
      <div class="page-head">
        <div class="what">
          <h1 dir="auto">Explain {clip.name}</h1>
          <ModeBadge mode={clip.mode} />
        </div>
        <div class="actions">
          <a class="button" href={`/clips/${encodeURIComponent(clip.id)}`}>
            Back to the clip
          </a>
        </div>
      </div>
      {clip.mode === 'frozen' ? (
        <Note tone="info">
          The clip is frozen: whoever opens it gets its snapshot, and nothing is run. This explains a run of
          its SQL now.
        </Note>
      ) : null}
      {outcome.kind === 'problem' ? (
        <Note tone="alert">
          <h2>{outcome.title}</h2>
          {outcome.sql ? (
            <SqlProblemView sql={clip.sql} problem={outcome.sql} linksOf={outcome.linksOf} />
          ) : (
            <Message text={outcome.detail} />
          )}
        </Note>
      ) : (
        <Explained explanation={outcome.explanation} database={clip.database} />
      )}
    </Layout>
  );
}
