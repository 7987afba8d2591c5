/** What the local catalogue has of a linked Redis: its views and triggers, and what is behind them. Reads only. */
import type pg from 'pg';
import { AppError } from '../../../../domain/errors.ts';
import type { LinkTable } from '../../../../domain/redis-link.ts';
import type { FdwOptions } from '../address.ts';
import { rawSchemaOf, serverNameOf } from '../marker.ts';
import {
  findSource,
  type RowSource,
  redisTables,
  refusalBody,
  refusalName,
  triggerBody,
  triggerName,
} from './tables-sql.ts';

/** How one table stands. */
export interface TableState {
  readonly table: LinkTable;
  /** The foreign table. `wrong`: other columns, or it leads elsewhere; `other`: it is no foreign table. */
  readonly raw: 'right' | 'wrong' | 'other' | 'missing';
  /** `fits`: it has the right columns, so it can be replaced as it stands; `other`: it is no view. */
  readonly view: 'fits' | 'wrong' | 'other' | 'missing';
  /** Where a view as pgclip made it takes its rows from; null: somebody has changed it. */
  readonly source: RowSource | null;
  readonly viewOid: number | null;
  readonly rawOid: number | null;
  readonly hasTrigger: boolean;
}

export interface RedisState {
  /** Whether there is a hidden schema that pgclip made. */
  readonly hasRawSchema: boolean;
  /** The function behind the views of a link without a gateway. */
  readonly refusal: 'right' | 'wrong' | 'missing';
  readonly tables: readonly TableState[];
}

/** Whether the table is as it should be, but for its trigger. */
export function isRight({ view, source, raw }: TableState, wanted: RowSource): boolean {
  return view === 'fits' && source === wanted && (wanted === 'pgclip' || raw === 'right');
}

interface Row {
  readonly oid: number;
  readonly name: string;
  readonly kind: string;
  readonly raw: boolean;
  /** `name type collation` of each. */
  readonly columns: readonly string[];
  readonly options: FdwOptions;
  readonly server: string | null;
  /** Whether that is the only option. */
  readonly barrier: boolean;
  /** Of a view. */
  readonly definition: string | null;
  /** Of a view that takes changes: what its trigger does. */
  readonly trigger: string | null;
}

const relationsQuery = `SELECT c.oid, c.relname::text AS name, c.relkind::text AS kind, n.nspname = $2 AS raw,
    ARRAY(SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || coalesce(
        (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation), '')
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
    (SELECT coalesce(json_object_agg(option_name, option_value), '{}') FROM pg_options_to_table(f.ftoptions)) AS options,
    (SELECT s.srvname::text FROM pg_foreign_server s WHERE s.oid = f.ftserver) AS server,
    coalesce(c.reloptions = '{security_barrier=true}', false) AS barrier,
    CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END AS definition,
    (SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
      WHERE t.tgrelid = c.oid AND t.tgname = $4 AND t.tgenabled = 'O') AS trigger
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
  WHERE n.nspname IN ($1, $2) AND c.relname = ANY($3)`;

const refusalQuery = `SELECT p.prosrc = $3 AND l.lanname = 'plpgsql' AND NOT p.prosecdef AND p.proconfig IS NULL
    AND has_function_privilege('public', p.oid, 'EXECUTE') AS right
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  WHERE n.nspname = $1 AND p.proname = $2 AND p.pronargs = 0`;

/** Looks at the tables of the link of this name, which has its names. `search_path` is empty. */
export async function readState(client: pg.ClientBase, link: string): Promise<RedisState> {
  const raw = rawSchemaOf(link);
  const { rows } = await client.query<Row>(relationsQuery, [
    link,
    raw,
    redisTables.map(([table]) => table),
    triggerName,
  ]);
  const { rows: refusals } = await client.query<{ right: boolean }>(refusalQuery, [
    link,
    refusalName,
    refusalBody(link),
  ]);
  const [refusal] = refusals;
  const hasRawSchema = (await readRawSchemaComment(client, raw)) === rawSchemaComment(link);
  // What is in a schema of others is none of the link's, whatever it is called.
  const own = rows.filter((row) => hasRawSchema || !row.raw);
  return {
    hasRawSchema,
    refusal: refusal ? (refusal.right ? 'right' : 'wrong') : 'missing',
    tables: redisTables.map(([table]) => {
      const find = (inRaw: boolean) => own.find((row) => row.name === table && row.raw === inRaw);
      return toTableState(link, table, find(true), find(false));
    }),
  };
}

function toTableState(
  link: string,
  table: LinkTable,
  below: Row | undefined,
  view: Row | undefined,
): TableState {
  return {
    table,
    raw: below ? judgeForeignTable(link, table, below) : 'missing',
    view: view ? judgeView(table, view) : 'missing',
    source: view?.barrier && view.definition !== null ? findSource(link, table, view.definition) : null,
    viewOid: view?.oid ?? null,
    rawOid: below?.oid ?? null,
    hasTrigger: view?.trigger === triggerBody(link, table),
  };
}

function judgeForeignTable(link: string, table: LinkTable, row: Row): TableState['raw'] {
  if (row.kind !== 'f') return 'other';
  const { server, options } = row;
  const leads =
    server === serverNameOf(link) && options.schema_name === 'public' && options.table_name === table;
  return leads && hasColumns(row, table, () => 'text') ? 'right' : 'wrong';
}

function judgeView(table: LinkTable, row: Row): TableState['view'] {
  if (row.kind !== 'v') return 'other';
  return hasColumns(row, table, (type) => type) ? 'fits' : 'wrong';
}

function hasColumns(row: Row, table: LinkTable, typeOf: (type: string) => string): boolean {
  const [, columns] = redisTables.find(([name]) => name === table) ?? [];
  const wanted = (columns ?? []).map(
    ({ name, type }) => `${name} ${typeOf(type)} ${typeOf(type) === 'text' ? 'C' : ''}`,
  );
  return row.columns.join('\n') === wanted.join('\n');
}

/** The comment on the hidden schema, which tells it from those of others. */
export function rawSchemaComment(link: string): string {
  return `pgclip foreign tables of the data link ${link}`;
}

/** Undefined: there is no schema of this name. */
async function readRawSchemaComment(client: pg.ClientBase, name: string): Promise<string | null | undefined> {
  const { rows } = await client.query<{ comment: string | null }>(
    "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1",
    [name],
  );
  return rows[0]?.comment;
}

/** Throws `link_name_taken` when the hidden schema's name is someone else's. */
export async function checkRawSchemaFree(client: pg.ClientBase, link: string): Promise<void> {
  const name = rawSchemaOf(link);
  const comment = await readRawSchemaComment(client, name);
  if (comment === undefined || comment === rawSchemaComment(link)) return;
  throw new AppError(
    'link_name_taken',
    `The database has a schema ${name} that pgclip did not make. It is left alone; choose another name with "as".`,
  );
}

/** Throws `link_name_taken` when a table's name in one of the schemas is someone else's. */
export function checkTablesFree(link: string, { tables }: RedisState): void {
  const taken = tables.flatMap(({ table, view, raw }) => [
    ...(view === 'other' ? [`${link}.${table}`] : []),
    ...(raw === 'other' ? [`${rawSchemaOf(link)}.${table}`] : []),
  ]);
  if (taken.length === 0) return;
  throw new AppError(
    'link_name_taken',
    `The schema of the link has something that pgclip did not make in the place of a table: ${taken.join(', ')}. It is left alone; give it another name, then try again.`,
  );
}
