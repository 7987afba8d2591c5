/** What the local catalogue has of a linked Redis: its hidden schema, foreign tables, views and triggers. Reads only. */
import type pg from 'pg';
import { AppError } from '../../../../domain/errors.ts';
import type { LinkTable } from '../../../../domain/redis-link.ts';
import type { FdwOptions } from '../address.ts';
import { rawSchemaOf, serverNameOf } from '../marker.ts';
import { redisTables, triggerName } from './tables-sql.ts';

/** How one table stands. */
export interface TableState {
  readonly table: LinkTable;
  /** `wrong`: other columns, or it leads elsewhere. */
  readonly raw: 'right' | 'wrong' | 'missing';
  /** `stale`: it can be replaced as it stands; `wrong`: something else has its name, or it has other columns. */
  readonly view: 'right' | 'stale' | 'wrong' | 'missing';
  readonly viewOid: number | null;
  readonly rawOid: number | null;
  readonly hasTrigger: boolean;
}

export interface RedisState {
  /** Whether the hidden schema is there. */
  readonly hasRawSchema: boolean;
  readonly tables: readonly TableState[];
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
  readonly barrier: boolean;
  /** Foreign tables that the view reads, by OID. */
  readonly reads: readonly number[];
  readonly trigger: boolean;
}

const relationsQuery = `SELECT c.oid, c.relname::text AS name, c.relkind::text AS kind, n.nspname = $2 AS raw,
    ARRAY(SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || coalesce(
        (SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation), '')
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
    (SELECT coalesce(json_object_agg(option_name, option_value), '{}') FROM pg_options_to_table(f.ftoptions)) AS options,
    (SELECT s.srvname::text FROM pg_foreign_server s WHERE s.oid = f.ftserver) AS server,
    coalesce('security_barrier=true' = ANY(c.reloptions), false) AS barrier,
    ARRAY(SELECT DISTINCT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
      AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid WHERE r.ev_class = c.oid) AS reads,
    EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = $4 AND t.tgenabled = 'O') AS trigger
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
  WHERE n.nspname IN ($1, $2) AND c.relname = ANY($3)`;

/** Looks at the tables of the link of this name, which has its names. */
export async function readState(client: pg.ClientBase, link: string): Promise<RedisState> {
  const raw = rawSchemaOf(link);
  const { rows } = await client.query<Row>(relationsQuery, [
    link,
    raw,
    redisTables.map(([table]) => table),
    triggerName,
  ]);
  const { rowCount } = await client.query('SELECT FROM pg_namespace WHERE nspname = $1', [raw]);
  const tables = redisTables.map(([table, columns]): TableState => {
    const find = (inRaw: boolean) => rows.find(({ name, raw: each }) => name === table && each === inRaw);
    const [below, view] = [find(true), find(false)];
    const wanted = (type: (each: string) => string) =>
      columns.map(({ name, type: own }) => `${name} ${type(own)} ${type(own) === 'text' ? 'C' : ''}`);
    const same = (row: Row, texts: readonly string[]) => row.columns.join('\n') === texts.join('\n');
    const rawRight =
      below?.kind === 'f' &&
      below.server === serverNameOf(link) &&
      below.options.schema_name === 'public' &&
      below.options.table_name === table &&
      same(
        below,
        wanted(() => 'text'),
      );
    const viewFits =
      view?.kind === 'v' &&
      same(
        view,
        wanted((type) => type),
      );
    const viewRight = view?.barrier && below && view.reads.length === 1 && view.reads[0] === below.oid;
    return {
      table,
      raw: below ? (rawRight ? 'right' : 'wrong') : 'missing',
      view: view ? (viewFits ? (viewRight && rawRight ? 'right' : 'stale') : 'wrong') : 'missing',
      viewOid: view?.oid ?? null,
      rawOid: below?.oid ?? null,
      hasTrigger: view?.trigger ?? false,
    };
  });
  return { hasRawSchema: rowCount === 1, tables };
}

/** The comment on the hidden schema, which tells it from those of others. */
export function rawSchemaComment(link: string): string {
  return `pgclip foreign tables of the data link ${link}`;
}

/** Throws `link_name_taken` when the hidden schema's name is someone else's. */
export async function checkRawSchemaFree(client: pg.ClientBase, link: string): Promise<void> {
  const name = rawSchemaOf(link);
  const { rows } = await client.query<{ comment: string | null }>(
    "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1",
    [name],
  );
  if (rows.length === 0 || rows[0]?.comment === rawSchemaComment(link)) return;
  throw new AppError(
    'link_name_taken',
    `The database has a schema ${name} that pgclip did not make. It is left alone; choose another name with "as".`,
  );
}
