/**
 * The foreign server of a link and its mapping made what they should be, and looked through: a link that leads
 * elsewhere, or nowhere, is not made.
 */
import pg, { escapeIdentifier } from 'pg';
import { AppError } from '../../../domain/errors.ts';
import type { LinkWork } from '../../../domain/link-host.ts';
import type { RemoteConnection } from './connection.ts';
import type { Difference, WantedLink } from './difference.ts';
import { alterServerSql, createServerSql, putMapping, quietSettings } from './foreign-server.ts';
import { serverNameOf } from './marker.ts';
import { checkNotItself, probeServer } from './probe.ts';
import type { LinkRecord } from './records.ts';
import type { OwnerFacts } from './rights.ts';

export interface ApplyContext {
  readonly client: pg.ClientBase;
  readonly owner: OwnerFacts;
  readonly remote: RemoteConnection;
  readonly wanted: WantedLink;
  readonly record: LinkRecord | null;
  readonly work: LinkWork;
  /** ISO 8601 UTC: the time of this. */
  readonly now: string;
}

/**
 * Makes or changes server and mapping, in the connection's transaction; the schema is there. Returns warnings. Throws
 * `remote_refused`, `remote_unavailable`.
 */
export async function putServer(context: ApplyContext, difference: Difference): Promise<readonly string[]> {
  const { client, owner, remote, wanted, record } = context;
  const server = serverNameOf(wanted.name);
  const was = record?.server ?? null;
  if (was && difference.server.length === 0 && difference.mapping.length === 0) return [];
  const { sslcert, sslkey } = wanted.options.mapping;
  if (!owner.superuser && (sslcert ?? sslkey) !== undefined)
    throw new AppError(
      'remote_refused',
      `${remote.name} has sslcert and sslkey, which only a superuser may use in a link. Take them out and let the login use a password.`,
    );
  await checkNotItself(client, remote);
  if (owner.superuser) await client.query(quietSettings);
  await naming(remote.name, async () => {
    if (was === null) await client.query(createServerSql(server, wanted.options.server));
    else if (difference.server.length > 0) await client.query(alterServerSql(server, difference.server));
  });
  if (difference.mapping.length > 0) {
    const place = { schema: wanted.name, server, exists: was?.mapped ?? false };
    await putMapping(client, place, difference.mapping);
  }
  return probe(context, server);
}

async function probe(
  { client, owner, remote, wanted }: ApplyContext,
  server: string,
): Promise<readonly string[]> {
  const reader = owner.superuser ? wanted.reader : null;
  const place = { schema: wanted.name, server, reader };
  if (reader !== null)
    await client.query(
      `GRANT USAGE ON SCHEMA ${escapeIdentifier(wanted.name)} TO ${escapeIdentifier(reader)}`,
    );
  if ((await probeServer(client, place, remote)) === 'reached') return [];
  const trusting = `The server of ${remote.name} lets the login in without asking for its password`;
  if (!owner.superuser)
    throw new AppError(
      'remote_refused',
      `${trusting}, and Postgres allows such a link to superusers alone. Put the password into ${remote.name} and have pg_hba.conf there ask for it (scram-sha-256), or make the owner's login a superuser.`,
    );
  await client.query(
    `ALTER USER MAPPING FOR PUBLIC SERVER ${escapeIdentifier(server)} OPTIONS (ADD password_required 'false')`,
  );
  if ((await probeServer(client, place, remote)) !== 'reached')
    throw new AppError('remote_refused', `${trusting}. Have pg_hba.conf there ask for it (scram-sha-256).`);
  return [`${trusting}. Have pg_hba.conf there ask for it (scram-sha-256), then refresh the link.`];
}

/** Says whose URL it is when the extension does not know one of its options. */
async function naming(remote: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== 'HV00D') throw error;
    throw new AppError(
      'remote_refused',
      `${remote} has a parameter that the database's server does not know: its PostgreSQL is too old for that. Take the parameter out.`,
      { sql: { sqlstate: 'HV00D', message: error.message } },
    );
  }
}
