/**
 * What a link gets to know of its remote, asked over pgclip's own connection, and whether there is anything to link.
 */
import pg from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { describeStrongLogin } from '../../../domain/link-words.ts';
import { inspectLogin } from '../login.ts';
import type { RemoteConnection } from './connection.ts';
import { type RemoteCatalog, readRemoteCatalog } from './remote-catalog.ts';

export interface RemoteSchema {
  readonly catalog: RemoteCatalog;
  /** Sentences: what the remote's login may do beside reading, and what it can't read. */
  readonly warnings: readonly string[];
  /** Whether its server can be told to look for a cut connection while a query runs. */
  readonly noticesCut: boolean;
}

const oldestVersion = 140_000;

const schemaQuery = `SELECT current_setting('server_version') AS version,
  current_setting('server_version_num')::int AS number, session_user::text AS login,
  (SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1) AS usable,
  quote_ident($1) AS quoted,
  (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname) FROM pg_namespace
     WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') AS schemas`;

interface SchemaFacts {
  readonly version: string;
  readonly number: number;
  readonly login: string;
  readonly usable: boolean | null;
  readonly quoted: string;
  readonly schemas: string | null;
}

/** Reads one schema of the remote. Throws `remote_refused` when there is nothing to link, `remote_unavailable`. */
export async function readRemote(remote: RemoteConnection, schema: string): Promise<RemoteSchema> {
  return remote.ask(async (client) => {
    const { rows } = await client.query<SchemaFacts>(schemaQuery, [schema]);
    const facts = rows[0] as SchemaFacts;
    const refuse = (sentence: string) => new AppError('remote_refused', sentence);
    if (facts.number < oldestVersion)
      throw refuse(`${remote.name} is PostgreSQL ${facts.version}. Links need 14 or later there.`);
    if (facts.usable === null)
      throw refuse(
        `${remote.name} has no schema ${facts.quoted}. It has ${facts.schemas ?? 'none'}; name one of those.`,
      );
    if (!facts.usable)
      throw refuse(
        `The login of ${remote.name} may not use the schema ${facts.quoted}. Run there: GRANT USAGE ON SCHEMA ${facts.quoted} TO "${facts.login}";`,
      );
    const noticesCut = await canNoticeCut(client);
    const login = await inspectLogin(client);
    const catalog = await readRemoteCatalog(client, schema);
    if (catalog.tables.length === 0)
      throw refuse(
        catalog.unreadable.length === 0
          ? `The schema ${facts.quoted} of ${remote.name} has no tables and views, so there is nothing to link.`
          : `The login of ${remote.name} may read none of the ${catalog.unreadable.length} tables in ${facts.quoted}. Run there: GRANT SELECT ON ALL TABLES IN SCHEMA ${facts.quoted} TO "${facts.login}";`,
      );
    const strong = login.problems.filter(({ level }) => level === 'refuse').map(({ message }) => message);
    return {
      catalog,
      noticesCut,
      warnings: [
        ...(strong.length === 0 ? [] : [describeStrongLogin(remote.name, strong)]),
        ...(catalog.unreadable.length === 0
          ? []
          : [
              `The login of ${remote.name} may not read ${summarize(catalog.unreadable)}, so the link has no such ${catalog.unreadable.length === 1 ? 'table' : 'tables'}.`,
            ]),
      ],
    };
  });
}

/** Servers of some systems refuse the setting, and a connection that asks for it with it. */
async function canNoticeCut(client: pg.Client): Promise<boolean> {
  await client.query('SAVEPOINT setting');
  try {
    await client.query('SET LOCAL client_connection_check_interval = 5000');
    return true;
  } catch (error) {
    if (error instanceof pg.DatabaseError && /^(22|42)/.test(error.code ?? '')) return false;
    throw error;
  } finally {
    await client.query('ROLLBACK TO SAVEPOINT setting').catch(() => {});
  }
}

/** A few of the names and how many more there are. */
export function summarize(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
