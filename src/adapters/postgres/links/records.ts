/**
 * Links as the local catalogue has them: schemas and foreign servers with a marker, put together by the link's name.
 * Any login may read this; nothing of it is secret.
 */
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import { type DataLink, findLinkNameProblem, type LinkProblem } from '../../../domain/data-link.ts';
import { linkTables } from '../../../domain/redis-link.ts';
import type { FdwOptions } from './address.ts';
import {
  encodeMarker,
  hasNoServer,
  type LinkMarker,
  markerPattern,
  parseMarker,
  serverNameOf,
} from './marker.ts';
import { openersSql } from './reader-rights.ts';

/** A schema or a foreign server that has a link's marker. */
export interface MarkedObject {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
  readonly marker: LinkMarker;
  /** Whether the reader may use it; of a server, by a right that can be taken away. */
  readonly usable: boolean;
}

export interface MarkedServer extends MarkedObject {
  readonly options: FdwOptions;
  /** Whether it has its mapping: for everyone, or for its owner where views stand before the tables. */
  readonly mapped: boolean;
}

/** What has a marker. */
export type LinkPart = 'schema' | 'server';

/** One link; of schema and server at least one is there. Names may differ from the link's when someone changed them. */
export interface LinkRecord {
  readonly name: string;
  readonly marker: LinkMarker;
  readonly schema: MarkedObject | null;
  readonly server: MarkedServer | null;
  /** Of these two what is missing while something without a marker has its name. */
  readonly unmarked: readonly LinkPart[];
  /** Foreign tables in the schema, or a Redis's views; how many of them the reader may not read, and owners of any. */
  readonly tables: number;
  readonly unreadable: number;
  readonly owners: readonly string[];
}

const schemasQuery = `SELECT n.oid, n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner,
    d.description AS comment, has_schema_privilege(coalesce($2, current_user), n.oid, 'USAGE') AS usable
  FROM pg_namespace n JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass
  WHERE d.description LIKE $1 ORDER BY 2`;

const serversQuery = `SELECT s.oid, s.srvname::text AS name, pg_get_userbyid(s.srvowner)::text AS owner,
    d.description AS comment, cardinality(${openersSql('coalesce($2, current_user)')}) > 0 AS usable,
    (SELECT coalesce(json_object_agg(option_name, option_value), '{}') FROM pg_options_to_table(s.srvoptions)) AS options,
    EXISTS (SELECT FROM pg_user_mappings m WHERE m.srvid = s.oid
      AND m.umuser = CASE WHEN d.description LIKE '%"redis":{%' THEN s.srvowner ELSE 0 END) AS mapped
  FROM pg_foreign_server s JOIN pg_description d ON d.objoid = s.oid AND d.classoid = 'pg_foreign_server'::regclass
  WHERE d.description LIKE $1 ORDER BY 2`;

const tablesQuery = `SELECT c.relnamespace AS schema, count(*)::int AS tables,
    (count(*) FILTER (WHERE NOT has_table_privilege(coalesce($2, current_user), c.oid, 'SELECT')))::int AS unreadable,
    array_agg(DISTINCT pg_get_userbyid(c.relowner)::text) AS owners
  FROM pg_class c WHERE c.relnamespace = ANY($1::oid[]) AND c.relkind = 'f'
    OR c.relnamespace = ANY($3::oid[]) AND c.relkind = 'v' AND c.relname = ANY($4) GROUP BY 1`;

const namesQuery = `SELECT 'schema' AS part, nspname::text AS name FROM pg_namespace WHERE nspname = ANY($1)
  UNION ALL SELECT 'server', srvname::text FROM pg_foreign_server WHERE srvname = ANY($2)`;

type Row = Omit<MarkedServer, 'marker'> & { readonly comment: string };
type Counts = { schema: number; tables: number; unreadable: number; owners: string[] };

/** The links of the connection's database, by name. `reader`: the login that clips run with; null: the connection's. */
export async function readRecords(
  client: pg.ClientBase,
  reader: string | null,
): Promise<readonly LinkRecord[]> {
  const schemas = marked(await client.query<Row>(schemasQuery, [markerPattern, reader]), (link) => link);
  const servers = marked(await client.query<Row>(serversQuery, [markerPattern, reader]), serverNameOf);
  const oids = (redis: boolean) =>
    [...schemas.values()].flatMap(({ oid, marker }) => ((marker.redis !== undefined) === redis ? [oid] : []));
  const views = Object.keys(linkTables);
  const { rows: counts } = await client.query<Counts>(tablesQuery, [oids(false), reader, oids(true), views]);
  const names = [...new Set([...schemas.keys(), ...servers.keys()])].sort();
  const lacking = (found: ReadonlyMap<string, unknown>) => names.filter((name) => !found.has(name));
  const { rows: taken } = await client.query<{ part: LinkPart; name: string }>(namesQuery, [
    lacking(schemas),
    lacking(servers).map(serverNameOf),
  ]);
  return names.flatMap((name) => {
    const schema = schemas.get(name) ?? null;
    const server = servers.get(name) ?? null;
    const marker = schema?.marker ?? server?.marker;
    const count = counts.find((each) => each.schema === schema?.oid);
    const { tables = 0, unreadable = 0, owners = [] } = count ?? {};
    if (!marker) return [];
    const unmarked = taken
      .filter((each) => each.name === (each.part === 'schema' ? name : serverNameOf(name)))
      .map(({ part }) => part)
      .filter((part) => part === 'schema' || !hasNoServer(marker));
    return [{ name, marker, schema, server, unmarked, tables, unreadable, owners }];
  });
}

/** By link; of several that say they are the same link's, the one that has its name. */
function marked(
  result: pg.QueryResult<Row>,
  nameOf: (link: string) => string,
): ReadonlyMap<string, MarkedServer> {
  const found = new Map<string, MarkedServer>();
  for (const { comment, ...row } of result.rows) {
    const marker = parseMarker(comment);
    if (!marker || findLinkNameProblem(marker.link) !== null) continue;
    if (!found.has(marker.link) || row.name === nameOf(marker.link))
      found.set(marker.link, { ...row, marker });
  }
  return found;
}

/**
 * The link in the domain's words, with what is wrong with it. `owner` is the login that has to own it, or null when
 * none is configured.
 */
export function describeRecord(record: LinkRecord, database: string, owner: string | null): DataLink {
  const { name, marker, server } = record;
  const { redis } = marker;
  return {
    name,
    database,
    remote: marker.remote,
    redis: redis
      ? {
          ...{ prefix: redis.prefix, writable: redis.writable },
          ...{ gateway: redis.readByPgclip === null, missedGateway: redis.missedGateway },
        }
      : null,
    remoteDatabase: server?.options.dbname ?? redis?.readByPgclip?.toString() ?? null,
    remoteSchema: marker.schema,
    server: hasNoServer(marker) ? null : serverNameOf(name),
    createdAt: marker.createdAt,
    refreshedAt: marker.refreshedAt,
    tables: record.tables,
    problems: [...findBreaks(record), ...findOwnerProblems(record, owner)],
  };
}

/** What to do about a schema or a server that has the link's name and may be the link's, whose comment someone took. */
export function describeUnmarked({ name, marker }: LinkRecord, part: LinkPart): string {
  const what = part === 'schema' ? `schema ${name}` : `foreign server ${serverNameOf(name)}`;
  const object = escapeIdentifier(part === 'schema' ? name : serverNameOf(name));
  return `The ${what} lacks the comment that marks it as the link's, and is left alone. If it is the link's, its owner puts it back: COMMENT ON ${part.toUpperCase()} ${object} IS ${escapeLiteral(encodeMarker(marker))}; If it is not, give it another name. Then refresh the link.`;
}

function findBreaks(record: LinkRecord): LinkProblem[] {
  const { name, schema, server, unmarked, unreadable, tables } = record;
  const problems: LinkProblem[] = [];
  const add = (level: LinkProblem['level'], message: string) => problems.push({ level, message });
  const serverName = serverNameOf(name);
  for (const part of unmarked) add('broken', describeUnmarked(record, part));
  if (!schema && !unmarked.includes('schema'))
    add('broken', `The schema ${name} is gone. Refresh the link to make it again.`);
  if (schema && schema.name !== name)
    add(
      'broken',
      `The schema of the link is called ${schema.name} now. Refresh the link to name it ${name}.`,
    );
  if (!server && !hasNoServer(record.marker) && !unmarked.includes('server'))
    add('broken', `The foreign server ${serverName} is gone. Refresh the link to make it again.`);
  if (server && server.name !== serverName)
    add('warn', `The link's foreign server is called ${server.name} now. Refresh the link to name it again.`);
  if (server && !server.mapped)
    add(
      'broken',
      `The login that ${serverName} uses on the remote is gone. Refresh the link to set it again.`,
    );
  if (schema && !schema.usable)
    add('broken', `The clip login may not use the schema ${schema.name}. Refresh the link to grant it.`);
  else if (unreadable > 0)
    add(
      'broken',
      `The clip login may not read ${unreadable} of the ${tables} tables. Refresh the link to grant it.`,
    );
  if (server?.usable)
    add(
      'warn',
      `The clip login may use the foreign server ${server.name}. Refresh the link to take that away.`,
    );
  return problems;
}

function findOwnerProblems({ schema, server, owners }: LinkRecord, owner: string | null): LinkProblem[] {
  const others = new Set([schema?.owner, server?.owner, ...owners].filter((each) => each !== undefined));
  if (owner === null || others.delete(owner) === undefined || others.size === 0) return [];
  const names = [...others].map((each) => escapeIdentifier(each)).join(', ');
  return [
    {
      level: 'warn',
      message: `Parts of the link belong to ${names}, not to ${escapeIdentifier(owner)}, the owner's login: a refresh may be refused. An administrator can give them back with ALTER … OWNER TO ${escapeIdentifier(owner)}.`,
    },
  ];
}
