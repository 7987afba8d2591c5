/**
 * A data link: what it is, what is wrong with it, what a refresh would do or has done, what uses it, and its removal,
 * which takes the link's name to confirm.
 */
import type { LinkReport, LinkStatus } from '../src/domain/data-link.ts';
import { describeRemote } from '../src/domain/link-words.ts';
import { linkTables } from '../src/domain/redis-link.ts';
import { Layout, type PageContext } from './layout.tsx';
import { ChangeLists } from './link-changes.tsx';
import {
  LinkBadge,
  LinkProblems,
  linkPath,
  Message,
  ownerVar,
  Refusal,
  type RefusedForm,
  WorkPanel,
} from './link-parts.tsx';
import { Removal, type ShownUses } from './link-removal.tsx';
import { Moment, Note } from './parts.tsx';
import { formatCount } from './text.ts';

export interface LinkPageProps extends PageContext {
  readonly link: LinkStatus;
  /** Whether the owner's login is configured: else it can only be seen. */
  readonly writable: boolean;
  readonly uses: ShownUses;
  /** What was just done. */
  readonly done?: { readonly what: 'made' | 'refreshed'; readonly report: LinkReport } | undefined;
  /** What was asked for and refused. */
  readonly refused?: RefusedForm | undefined;
  /** What was typed to confirm the removal, when that was refused. */
  readonly typed?: string | undefined;
}

/** How many there are; of a Redis, which are always the same, also their names. */
function Tables({ link: { tables, redis } }: { link: LinkStatus }) {
  const names = redis ? Object.keys(linkTables) : [];
  return (
    <dd>
      {formatCount(tables, 'table')}
      {/* Which of them is gone is not known here. */}
      {names.length === tables
        ? names.map((name, at) => (
            <>
              {at === 0 ? ': ' : ', '}
              <code>{name}</code>
            </>
          ))
        : null}
    </dd>
  );
}

function Facts({ link }: { link: LinkStatus }) {
  return (
    <dl class="link-facts">
      <dt>Database</dt>
      <dd>
        <a href={`/databases#${encodeURIComponent(link.database)}`}>
          <code>{link.database}</code>
        </a>
      </dd>
      <dt>Remote</dt>
      <dd>
        <code>{link.remote}</code>
        {link.remoteDatabase === null ? null : (
          <>
            , {link.redis ? '' : 'database '}
            <span dir="auto">{describeRemote(link)}</span>
          </>
        )}
        {link.redis ? null : (
          <>
            , schema <span dir="auto">{link.remoteSchema}</span>
          </>
        )}
      </dd>
      <dt>Foreign server</dt>
      <dd>{link.server === null ? 'none' : <code>{link.server}</code>}</dd>
      <dt>Tables</dt>
      <Tables link={link} />
      <dt>Created</dt>
      <dd>
        <Moment iso={link.createdAt} />
      </dd>
      <dt>Refreshed</dt>
      <dd>
        <Moment iso={link.refreshedAt} />
      </dd>
    </dl>
  );
}

function Done({ done }: { done: NonNullable<LinkPageProps['done']> }) {
  const { what, report } = done;
  const nothing = what === 'refreshed' && report.changes.length === 0;
  return (
    <section class="panel" aria-labelledby="done">
      <h2 id="done">{what === 'made' ? 'The link is made' : 'The link is refreshed'}</h2>
      {what === 'made' ? (
        <p>
          {formatCount(report.link.tables, 'table')} can be read as <code>{report.link.name}.table</code> from
          now on.
        </p>
      ) : null}
      {nothing ? <p>Nothing had changed.</p> : null}
      {what === 'refreshed' ? <ChangeLists changes={report.changes} /> : null}
      {report.warnings.map((warning) => (
        <Note tone="warn">
          <Message text={warning} />
        </Note>
      ))}
    </section>
  );
}

function Changes({ link, writable }: Pick<LinkPageProps, 'link' | 'writable'>) {
  const { changes } = link;
  return (
    <section class="panel" aria-labelledby="changes">
      <h2 id="changes">What a refresh would do</h2>
      {changes === null ? (
        <p class="muted">That can’t be told now: the remote could not be compared.</p>
      ) : changes.length === 0 ? (
        <p>The link is as its remote.</p>
      ) : (
        <ChangeLists changes={changes} />
      )}
      {writable ? null : (
        <p class="muted">
          To refresh or remove the link, set <code>{ownerVar(link.database)}</code> to a login that owns the
          database and start pgclip again.
        </p>
      )}
    </section>
  );
}

function Uses({ uses: { clips, dependents } }: { uses: ShownUses }) {
  return (
    <section class="panel" aria-labelledby="uses">
      <h2 id="uses">Used by</h2>
      {clips.length + dependents.length === 0 ? <p class="muted">No clip and no view uses it.</p> : null}
      {clips.length > 0 ? (
        <>
          <h3>{formatCount(clips.length, 'clip')}</h3>
          <ul class="uses">
            {clips.map((clip) => (
              <li>
                <a href={`/clips/${encodeURIComponent(clip.id)}`} dir="auto">
                  {clip.name}
                </a>
                {clip.mode === 'frozen' ? <span class="badge frozen">Frozen</span> : null}
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {dependents.length > 0 ? (
        <>
          <h3>In the database</h3>
          <ul class="uses">
            {dependents.map((dependent) => (
              <li>
                <code dir="auto">{dependent}</code>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </section>
  );
}

/** `/databases/:name/links/:link`. */
export function LinkPage(props: LinkPageProps) {
  const { link, writable, uses, done, refused, typed, viewer, warning } = props;
  return (
    <Layout viewer={viewer} warning={warning} title={`${link.name}: data link`} section="databases">
      <div class="page-head">
        <div class="what">
          <h1>{link.name}</h1>
          <LinkBadge link={link} />
        </div>
        <div class="actions">
          <a class="button" href={`/databases#${encodeURIComponent(link.database)}`}>
            All databases
          </a>
          {writable ? (
            <form method="post" action={linkPath(link.database, link.name)} data-work="refreshing">
              <input type="hidden" name="intent" value="refresh" />
              <button type="submit" class="primary">
                Refresh
              </button>
            </form>
          ) : null}
        </div>
        {writable ? <WorkPanel id="refreshing" label="Refreshing the link" /> : null}
      </div>
      <Facts link={link} />
      {refused && typed === undefined ? <Refusal refused={refused} /> : null}
      <LinkProblems problems={link.problems} />
      <div class="link-panels">
        {done ? <Done done={done} /> : null}
        <Changes link={link} writable={writable} />
        <Uses uses={uses} />
        {writable ? <Removal {...props} /> : null}
      </div>
    </Layout>
  );
}
