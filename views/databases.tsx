/**
 * The databases that clips run against: each with its server and login, what is wrong with them, the links that it has,
 * and the form for a new one.
 */
import type { LinkStatus } from '../src/domain/data-link.ts';
import { describeDifference, describeRemote } from '../src/domain/link-words.ts';
import type { DatabaseStatus } from '../src/domain/ports.ts';
import { Layout, type PageContext } from './layout.tsx';
import { LinkForm, type RefusedLink } from './link-form.tsx';
import { LinkBadge, linkPath, Message, ownerVar } from './link-parts.tsx';
import { EmptyState, Note, Snippet } from './parts.tsx';
import { formatCount } from './text.ts';

/** A database with its links. */
export interface ListedDatabase {
  readonly status: DatabaseStatus;
  /** By name; null when they can't be seen now. */
  readonly links: readonly LinkStatus[] | null;
  /** Why not, in words. */
  readonly linksProblem?: string | undefined;
  /** Whether links can be made here. */
  readonly writable: boolean;
  /** Config vars of what could be linked into it. */
  readonly remotes: readonly string[];
  /** Those of them that hold a Redis. */
  readonly redisRemotes?: readonly string[];
  /** A link that was asked for here and refused. */
  readonly refused?: RefusedLink | undefined;
}

export interface DatabasesProps extends PageContext {
  readonly databases: readonly ListedDatabase[];
}

function LoginBadge({ status }: { status: DatabaseStatus }) {
  if (!status.reachable) return <span class="badge broken">Not reachable</span>;
  return status.safe ? (
    <span class="badge live">Safe login</span>
  ) : (
    <span class="badge broken">Unsafe login</span>
  );
}

function StatusProblems({ status }: { status: DatabaseStatus }) {
  const messagesOf = (wanted: 'refuse' | 'warn') =>
    status.problems.filter(({ level }) => level === wanted).map(({ message }) => message);
  const [refused, warned] = [messagesOf('refuse'), messagesOf('warn')];
  return (
    <>
      {status.error === null ? null : (
        <Note tone="bad">
          <p dir="auto">{status.error}</p>
        </Note>
      )}
      {refused.length > 0 ? (
        <Note tone="bad">
          <p>The login may do more than read:</p>
          <Sentences of={refused} />
          <p>This makes one that can only read:</p>
          <Snippet what="the command" text={`npx pgclip databases harden ${status.name}`} />
        </Note>
      ) : null}
      {warned.length > 0 ? (
        <Note tone="warn">
          <Sentences of={warned} />
        </Note>
      ) : null}
    </>
  );
}

function Sentences({ of }: { of: readonly string[] }) {
  return (
    <ul class="sentences">
      {of.map((sentence) => (
        <li>{sentence}</li>
      ))}
    </ul>
  );
}

function ListedLink({ link }: { link: LinkStatus }) {
  const changes = describeDifference(link);
  return (
    <li>
      <div class="what">
        <a class="name" href={linkPath(link.database, link.name)}>
          {link.name}
        </a>
        <LinkBadge link={link} />
      </div>
      <p class="facts">
        <span>
          <code>{link.remote}</code>
          {link.remoteDatabase === null ? null : <span dir="auto"> ({describeRemote(link)})</span>}
        </span>
        <span>{formatCount(link.tables, 'table')}</span>
        {changes ? <span>{changes}</span> : null}
      </p>
      {link.problems.map(({ level, message }) => (
        <div class={`link-problem ${level}`}>
          <Message text={message} />
        </div>
      ))}
    </li>
  );
}

function Links({ database }: { database: ListedDatabase }) {
  const { links, linksProblem } = database;
  if (links === null) return <p class="muted">{linksProblem ?? 'Its links can not be seen now.'}</p>;
  if (links.length === 0) return <p class="muted">Nothing is linked into this database.</p>;
  return (
    <ul class="links">
      {links.map((link) => (
        <ListedLink link={link} />
      ))}
    </ul>
  );
}

function DataLinks({ database, index }: { database: ListedDatabase; index: number }) {
  const { status, links, writable, remotes, redisRemotes, refused } = database;
  const { name } = status;
  return (
    <>
      <h3>Data links</h3>
      <Links database={database} />
      {writable ? null : (
        <p class="muted">
          To make links here, set <code>{ownerVar(name)}</code> to a login that owns the database and start
          pgclip again.
        </p>
      )}
      {/* What was typed stays, whatever has become of the database meanwhile. */}
      {writable && (links !== null || refused) ? (
        <LinkForm database={name} {...{ remotes, redisRemotes, refused }} prefix={`link-${index}`} />
      ) : null}
    </>
  );
}

function Database({ database, index }: { database: ListedDatabase; index: number }) {
  const { status, refused } = database;
  const { name, reachable, databaseName, login, serverVersion } = status;
  return (
    <section class="panel database" id={name} aria-labelledby={`database-${index}`}>
      <div class="what">
        <h2 id={`database-${index}`}>{name}</h2>
        <LoginBadge status={status} />
      </div>
      {reachable ? (
        <ul class="facts">
          <li>PostgreSQL {serverVersion}</li>
          <li>
            database <span dir="auto">{databaseName}</span>
          </li>
          <li>
            login <span dir="auto">{login}</span>
          </li>
        </ul>
      ) : null}
      <StatusProblems status={status} />
      {reachable || refused ? <DataLinks database={database} index={index} /> : null}
    </section>
  );
}

/** `/databases`. */
export function DatabasesPage({ databases, ...context }: DatabasesProps) {
  return (
    <Layout {...context} title="Databases" section="databases">
      <div class="page-head">
        <h1>Databases</h1>
      </div>
      {databases.length === 0 ? (
        <EmptyState title="No database yet">
          <p>
            Set the config var <code>DATABASE_URL</code>, or any other whose name ends in <code>_URL</code>,
            to the <code>postgres://</code> URL of a login that can only read, and start pgclip again.
          </p>
        </EmptyState>
      ) : (
        <div class="databases">
          {databases.map((database, index) => (
            <Database database={database} index={index} />
          ))}
        </div>
      )}
    </Layout>
  );
}
