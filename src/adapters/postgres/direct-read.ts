/**
 * Reads linked tables from the remote itself, past the database's own server, where that is worth it: postgres_fdw
 * fetches, converts and writes rows one after the other, and through a cursor, for which the remote uses one processor
 * alone. Only where the bytes are the same; the database still proves and plans the query, and so says what the clip
 * login may read.
 */
import type pg from 'pg';
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
  /** Tables of it, as a transaction saw them that has them locked now. */
  readonly tables: readonly ServedTable[];
}

/** What the entries give a database for this. */
export interface DirectWay {
  /**
   * The remote's connections, with the login of its config var; null when the foreign server leads elsewhere or with
   * another login, or the tables are not what they were. Throws what its connections throw, and when it is aborted.
   */
  findRemote(server: LinkServer, signal: AbortSignal): Promise<Connector | null>;
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
  /** Aborted: nobody wants it any more. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A remote that is ready to be asked. */
export interface DirectRead {
  /** A session of the remote, in a read-only transaction; aborted by the signal. Whoever has it ends it. */
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
  const tables = await readTables(session.client, oids);
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
  const server = { database: options.database, oid: serverOid, remote: marker.remote, tables };
  try {
    const remote = await openRemote(remoteQuery, server, session.statementTimeoutMs, options);
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
  deadlineMs: number,
  { way, fields, signal, log }: DirectReadOptions,
): Promise<Session | null> {
  const connector = await way.findRemote(server, signal);
  if (!connector) return null;
  const session = await openSession(connector, { deadlineMs, signal, log });
  abortWith(signal, session);
  try {
    // postgres_fdw asks for some rows at a time, which may take less than the login is given for all of them.
    const patient = session.statementTimeoutMs >= deadlineMs;
    if (patient && (await setAsForeignServer(session)) && isSame(await prove(session, query), fields))
      return session;
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

/** Aborts the session with the signal, also while it waits for a server that never answers. */
export function abortWith(signal: AbortSignal, session: Session): void {
  if (signal.aborted) session.abort();
  else signal.addEventListener('abort', () => session.abort(), { once: true });
}

/**
 * Sets what postgres_fdw sets. False when a query might tell this session from one of postgres_fdw: a run has its own
 * way to write some values, which views of the remote turn into text of theirs.
 */
async function setAsForeignServer({ client }: Session): Promise<boolean> {
  const results = await client.query<string[]>({
    text: `SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'GMT'; SET LOCAL extra_float_digits = 3;
      SELECT current_setting('server_encoding') <> 'SQL_ASCII' AND (SELECT bool_and(setting = reset_val) FROM pg_settings
        WHERE name IN ('bytea_output', 'xmlbinary', 'standard_conforming_strings'))`,
    rowMode: 'array',
    types: rawText,
  });
  return (results as unknown as { rows: string[][] }[]).at(-1)?.rows[0]?.[0] === 't';
}

/** A foreign table, its server and what of the session matters for its values. */
export interface ServedTable extends LinkedTable {
  /** All that a query for the remote is made from, to be compared. */
  readonly description: string;
  readonly serverOid: number;
  readonly marker: ReturnType<typeof parseMarker>;
  readonly estimatedRows: number;
  readonly encoding: string;
  readonly timeZone: string;
}

/**
 * Each as JSON, in two parts. An option that a column or a table lacks has the local name as its value. Columns whose
 * values the database checks are left out: the protocol tells of a domain as of the type that it is of.
 */
const tablesQuery = `SELECT pg_catalog.json_build_object('serverOid', f.ftserver::int8,
  'comment', pg_catalog.obj_description(f.ftserver, 'pg_foreign_server'), 'estimatedRows', c.reltuples,
  'encoding', pg_catalog.current_setting('server_encoding'), 'timeZone', pg_catalog.current_setting('TimeZone')),
  pg_catalog.json_build_object('oid', c.oid::int8, 'schema', n.nspname, 'name', c.relname,
  'remoteSchema', coalesce(o.schema, n.nspname), 'remoteName', coalesce(o.name, c.relname), 'columns', (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object('number', a.attnum, 'name', a.attname, 'remoteName', coalesce(
      (SELECT p.option_value FROM pg_catalog.pg_options_to_table(a.attfdwoptions) AS p WHERE p.option_name = 'column_name'),
      a.attname)) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND (t.typtype <> 'd' OR NOT t.typnotnull
      AND EXISTS (SELECT FROM pg_catalog.pg_type AS b WHERE b.oid = t.typbasetype AND b.typtype <> 'd')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.contypid = t.oid))))
FROM pg_catalog.pg_foreign_table AS f
JOIN pg_catalog.pg_class AS c ON c.oid = f.ftrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'schema_name') AS schema,
    pg_catalog.max(p.option_value) FILTER (WHERE p.option_name = 'table_name') AS name
  FROM pg_catalog.pg_options_to_table(f.ftoptions) AS p) AS o
WHERE f.ftrelid = ANY($1::pg_catalog.oid[])`;

/** Those of the tables that are foreign, as the transaction sees them. Throws what pg throws. */
export async function readTables(client: pg.ClientBase, oids: readonly number[]): Promise<ServedTable[]> {
  const { rows } = await client.query<[string, string]>({
    text: tablesQuery,
    values: [oids],
    rowMode: 'array',
    types: rawText,
  });
  return rows.map(([served, description]) => {
    const { comment, ...rest } = JSON.parse(served) as Omit<ServedTable, 'marker'> & {
      comment: string | null;
    };
    const { columns, ...table } = JSON.parse(description) as Omit<LinkedTable, 'columns'> & {
      columns: readonly LinkedColumn[] | null;
    };
    return { ...rest, ...table, columns: columns ?? [], description, marker: parseMarker(comment) };
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
