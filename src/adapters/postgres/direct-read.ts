/**
 * Reads linked tables from the remote itself, past the database's own server, where that is worth it: postgres_fdw
 * fetches, converts and writes rows one after the other, and through a cursor, for which the remote uses one processor
 * alone. Only where the bytes are the same; the database still proves and plans the query, and so says what the clip
 * login may read.
 */
import type { Log } from '../../domain/ports.ts';
import type { Field } from './column-types.ts';
import type { Connector } from './connect.ts';
import {
  findRemoteQuery,
  findTableOids,
  isZoneSteady,
  type LinkedColumn,
  type LinkedTable,
  minRows,
} from './direct-plan.ts';
import { parseMarker } from './links/marker.ts';
import { causeOf } from './pg-error.ts';
import type { Plan } from './plan.ts';
import { prove } from './proof.ts';
import { openSession, rawText, type Session } from './session.ts';

/** A foreign server of a database, by what marks it as a link's. */
export interface LinkServer {
  /** Config var of the database. */
  readonly database: string;
  readonly oid: number;
  /** Config var of the remote, as the marker has it: anybody may have written it. */
  readonly remote: string;
}

/** What the entries give a database for this. */
export interface DirectWay {
  /**
   * The remote's connections, with the login of its config var; null when the foreign server leads elsewhere or with
   * another login. Throws what its connections throw.
   */
  findRemote(server: LinkServer): Promise<Connector | null>;
}

/** What one database has of it. */
export interface DirectReads {
  /** Config var of the database. */
  readonly database: string;
  readonly way: DirectWay;
  /** Tables that are known not to be foreign, by OID; filled here. */
  readonly localTables: Set<number>;
}

export interface DirectReadOptions extends DirectReads {
  readonly fields: readonly Field[];
  /** What the COPY will run. It has been proved. */
  readonly query: string;
  readonly deadlineMs: number;
  /** Aborted: nobody wants it any more. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A remote that is ready to be asked. */
export interface DirectRead {
  /** A session of the remote, in a read-only transaction. Whoever has it ends it. */
  readonly session: Session;
  /** One query, proved; its fields are those that were asked for. Not for strangers. */
  readonly query: string;
}

/** More of them are forgotten: a database may make and drop tables without end. */
const maxLocalTables = 10_000;

/** Finds the way, or null where there is none. Throws what pg throws of the session's own database. */
export async function openDirectRead(
  session: Session,
  options: DirectReadOptions,
): Promise<DirectRead | null> {
  const { fields, query, localTables } = options;
  const oids = findTableOids(fields);
  if (oids === null || oids.some((oid) => localTables.has(oid))) return null;
  const tables = await readTables(session, oids);
  const [table] = tables;
  if (!table || tables.length < oids.length) {
    remember(localTables, oids, tables);
    return null;
  }
  const { marker, serverOid, encoding, timeZone } = table;
  if (!marker || marker.redis || tables.some((each) => each.serverOid !== serverOid)) return null;
  // Negative: nobody has counted them yet.
  if (!tables.some(({ estimatedRows: rows }) => rows < 0 || rows >= minRows)) return null;
  if (encoding !== 'UTF8' || !isZoneSteady(fields, timeZone)) return null;
  const remoteQuery = findRemoteQuery(await readPlan(session, query), tables, fields);
  if (remoteQuery === null) return null;
  const server = { database: options.database, oid: serverOid, remote: marker.remote };
  try {
    const remote = await openRemote(remoteQuery, server, options);
    return remote && { session: remote, query: remoteQuery };
  } catch (error) {
    // Whatever it is: the database's own server tells of it better, or gets on with it.
    const { database, remote } = server;
    options.log('info', 'linked tables could not be read directly', {
      database,
      remote,
      cause: causeOf(error),
    });
    return null;
  }
}

/** Remembers which of the tables are not foreign. */
function remember(localTables: Set<number>, oids: readonly number[], foreign: readonly LinkedTable[]): void {
  if (localTables.size >= maxLocalTables) localTables.clear();
  for (const oid of oids) if (!foreign.some((table) => table.oid === oid)) localTables.add(oid);
}

/** A session of the remote in which the query gives just these fields, or null. Throws what its connections throw. */
async function openRemote(
  query: string,
  server: LinkServer,
  { way, fields, deadlineMs, signal, log }: DirectReadOptions,
): Promise<Session | null> {
  const connector = await way.findRemote(server);
  if (!connector) return null;
  const session = await openSession(connector, { deadlineMs, signal, log });
  try {
    const same = (await readEncoding(session)) !== 'SQL_ASCII' && isSame(await prove(session, query), fields);
    if (same) return session;
    session.end();
    return null;
  } catch (error) {
    session.abort();
    throw error;
  }
}

/** Whether values of the one are those of the other: a remote that has changed since is not. */
function isSame(remote: readonly Field[], local: readonly Field[]): boolean {
  return (
    remote.length === local.length &&
    remote.every(({ dataTypeID, dataTypeModifier }, index) => {
      const field = local[index];
      return field?.dataTypeID === dataTypeID && field.dataTypeModifier === dataTypeModifier;
    })
  );
}

/** Sets what postgres_fdw sets, so that names mean the same; tells how the remote keeps text. */
async function readEncoding({ client }: Session): Promise<string | undefined> {
  const results = await client.query<string[]>({
    text: `SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC'; SELECT current_setting('server_encoding')`,
    rowMode: 'array',
    types: rawText,
  });
  return (results as unknown as { rows: string[][] }[]).at(-1)?.rows[0]?.[0];
}

/** A foreign table, its server and what of the session matters for its values. */
interface ServedTable extends LinkedTable {
  readonly serverOid: number;
  readonly marker: ReturnType<typeof parseMarker>;
  readonly estimatedRows: number;
  readonly encoding: string;
  readonly timeZone: string;
}

/** Each as JSON. An option that a column or a table lacks has the local name as its value. */
const tablesQuery = `SELECT pg_catalog.json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname,
  'remoteSchema', coalesce(o.schema, n.nspname), 'remoteName', coalesce(o.name, c.relname),
  'serverOid', f.ftserver::int8, 'comment', pg_catalog.obj_description(f.ftserver, 'pg_foreign_server'),
  'estimatedRows', c.reltuples, 'encoding', pg_catalog.current_setting('server_encoding'),
  'timeZone', pg_catalog.current_setting('TimeZone'), 'columns', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object('number', a.attnum, 'name', a.attname, 'remoteName', coalesce(
      (SELECT p.option_value FROM pg_catalog.pg_options_to_table(a.attfdwoptions) AS p WHERE p.option_name = 'column_name'),
      a.attname)))
    FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_catalog.pg_foreign_table AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.ftrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'schema_name') AS schema,
    pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'table_name') AS name
  FROM pg_catalog.pg_options_to_table(f.ftoptions) AS p) AS o
WHERE f.ftrelid = ANY($1::pg_catalog.oid[])`;

/** Those of the tables that are foreign. */
async function readTables({ client }: Session, oids: readonly number[]): Promise<ServedTable[]> {
  const { rows } = await client.query<[string]>({
    text: tablesQuery,
    values: [oids],
    rowMode: 'array',
    types: rawText,
  });
  return rows.map(([json]) => {
    const { comment, columns, ...table } = JSON.parse(json) as Omit<ServedTable, 'marker' | 'columns'> & {
      comment: string | null;
      columns: readonly LinkedColumn[] | null;
    };
    return { ...table, columns: columns ?? [], marker: parseMarker(comment) };
  });
}

/** What stands before a query of which the plan is asked. */
export const explain = 'EXPLAIN (VERBOSE, FORMAT JSON) ';

async function readPlan({ client }: Session, query: string): Promise<Plan> {
  const { rows } = await client.query<[string]>({
    text: explain + query,
    rowMode: 'array',
    types: rawText,
    queryMode: 'extended',
  } as never);
  return (JSON.parse(rows[0]?.[0] ?? '[{"Plan":{}}]') as [Plan])[0];
}
