/**
 * Views and materialized views of others that read a link: all that there is to them, and the SQL that makes them again
 * as they were: owner, options, defaults, rules, triggers, indexes, comments and rights.
 * Source: PostgreSQL manual, "System Catalogs", CREATE VIEW, CREATE MATERIALIZED VIEW.
 */
import pg, { escapeIdentifier, escapeLiteral } from 'pg';

/** A right as aclexplode tells it; `grantee` is null for PUBLIC, `column` for the whole view. */
interface Grant {
  readonly grantee: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
  readonly column: string | null;
}

export interface SavedView {
  readonly oid: number;
  readonly kind: 'view' | 'materialized view';
  readonly schema: string;
  readonly name: string;
  /** Of its row type and the array of it: what functions may depend on. */
  readonly types: readonly number[];
  readonly owner: string;
  /** Whether the connection's login may act for the owner. */
  readonly actable: boolean;
  readonly query: string;
  /** `security_barrier=true` */
  readonly options: readonly string[];
  readonly tablespace: string | null;
  readonly populated: boolean;
  readonly comment: string | null;
  /** Column and its comment. */
  readonly columnComments: readonly (readonly [string, string])[];
  /** Column and its default, as SQL. */
  readonly defaults: readonly (readonly [string, string])[];
  /** CREATE INDEX, CREATE RULE, CREATE TRIGGER. */
  readonly parts: readonly string[];
  readonly grants: readonly Grant[];
}

const grantFields = `'grantee', (SELECT rolname FROM pg_roles r WHERE r.oid = g.grantee),
  'privilege', g.privilege_type, 'grantable', g.is_grantable`;

const viewsQuery = `SELECT c.oid, CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind,
    n.nspname::text AS schema, c.relname::text AS name, ARRAY[t.oid, t.typarray] AS types,
    pg_get_userbyid(c.relowner)::text AS owner, pg_has_role(c.relowner, 'USAGE') AS actable,
    pg_get_viewdef(c.oid) AS query, coalesce(c.reloptions, '{}') AS options,
    (SELECT spcname::text FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
    c.relispopulated AS populated, obj_description(c.oid, 'pg_class') AS comment,
    (SELECT coalesce(json_agg(json_build_array(a.attname, d.description) ORDER BY a.attnum), '[]')
       FROM pg_attribute a JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
         AND d.objsubid = a.attnum WHERE a.attrelid = c.oid) AS "columnComments",
    (SELECT coalesce(json_agg(json_build_array(a.attname, pg_get_expr(d.adbin, c.oid))), '[]')
       FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
       WHERE d.adrelid = c.oid) AS defaults,
    (SELECT coalesce(json_agg(sql), '[]') FROM (
       SELECT pg_get_indexdef(indexrelid) AS sql FROM pg_index WHERE indrelid = c.oid
       UNION ALL SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = c.oid AND rulename <> '_RETURN'
       UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal
     ) part) AS parts,
    (SELECT coalesce(json_agg(entry), '[]') FROM (
       SELECT json_build_object(${grantFields}, 'column', NULL) AS entry
         FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
       UNION ALL SELECT json_build_object(${grantFields}, 'column', a.attname)
         FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL
     ) entries) AS grants
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = c.reltype
  WHERE c.oid = ANY($1::oid[])`;

/** Reads the views with these OIDs, in no order. With an empty `search_path` all names in their SQL are whole. */
export async function readViews(
  client: pg.ClientBase,
  oids: readonly number[],
): Promise<readonly SavedView[]> {
  if (oids.length === 0) return [];
  return (await client.query<SavedView>(viewsQuery, [oids])).rows;
}

/** As SQL and people name it: `public.paying`. */
export function qualifiedName({ schema, name }: Pick<SavedView, 'schema' | 'name'>): string {
  return `${quoteIfNeeded(schema)}.${quoteIfNeeded(name)}`;
}

function quoteIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : escapeIdentifier(name);
}

function targetOf({ schema, name }: SavedView): string {
  return `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
}

/** DROP of it alone: it fails when something depends on it. */
export function dropViewSql(view: SavedView): string {
  return `DROP ${view.kind.toUpperCase()} ${targetOf(view)}`;
}

/** The statements that make it, without its rows and rights. `login` is who runs them. */
function createViewSql(view: SavedView, login: string): string[] {
  const { kind, options, owner, tablespace } = view;
  const target = targetOf(view);
  const what = kind.toUpperCase();
  const pairs = options.map((option) => {
    const at = option.indexOf('=');
    return `${escapeIdentifier(option.slice(0, at))} = ${escapeLiteral(option.slice(at + 1))}`;
  });
  const withOptions = pairs.length > 0 ? ` WITH (${pairs.join(', ')})` : '';
  const space = tablespace === null ? '' : ` TABLESPACE ${escapeIdentifier(tablespace)}`;
  const query = view.query.replace(/;\s*$/, '');
  const end = kind === 'view' ? '' : '\n  WITH NO DATA';
  return [
    `CREATE ${what} ${target}${withOptions}${space} AS\n${query}${end}`,
    // Before its indexes: Postgres calls the functions in those when they are made, as whoever owns the view.
    ...(owner === login ? [] : [`ALTER ${what} ${target} OWNER TO ${escapeIdentifier(owner)}`]),
    ...view.defaults.map(
      ([column, value]) =>
        `ALTER VIEW ${target} ALTER COLUMN ${escapeIdentifier(column)} SET DEFAULT ${value}`,
    ),
    ...view.parts,
    ...(view.comment === null ? [] : [`COMMENT ON ${what} ${target} IS ${escapeLiteral(view.comment)}`]),
    ...view.columnComments.map(
      ([column, comment]) =>
        `COMMENT ON COLUMN ${target}.${escapeIdentifier(column)} IS ${escapeLiteral(comment)}`,
    ),
  ];
}

function grantSql(view: SavedView): string[] {
  return view.grants.map(({ grantee, privilege, grantable, column }) => {
    const columns = column === null ? '' : ` (${escapeIdentifier(column)})`;
    const option = grantable && grantee !== null && grantee !== view.owner ? ' WITH GRANT OPTION' : '';
    return `GRANT ${privilege}${columns} ON ${targetOf(view)} TO ${roleSql(grantee)}${option}`;
  });
}

const roleSql = (name: string | null) => (name === null ? 'PUBLIC' : escapeIdentifier(name));

/** Everything that makes it, for people to keep. */
export function describeView(view: SavedView): string {
  const ofOthers = { ...view, grants: view.grants.filter(({ grantee }) => grantee !== view.owner) };
  return `${[...createViewSql(view, view.owner), ...grantSql(ofOthers)].join(';\n')};`;
}

/**
 * Makes it again, in the connection's transaction, under a savepoint; `login` is the connection's. Where that does not
 * go, `made` is false and all is as before. A materialized view whose rows can't be had is made without: `filled` is
 * false.
 */
export async function recreateView(
  client: pg.ClientBase,
  view: SavedView,
  login: string,
): Promise<{ readonly made: boolean; readonly filled: boolean }> {
  const made = await attempt(client, async () => {
    for (const statement of createViewSql(view, login)) await client.query(statement);
    // Default privileges may have given rights that the view did not have.
    const { rows } = await client.query<{ grantee: string | null }>(
      `SELECT DISTINCT rolname::text AS grantee FROM pg_class c, aclexplode(c.relacl) g
       LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE c.oid = to_regclass($1)`,
      [targetOf(view)],
    );
    for (const { grantee } of rows)
      await client.query(`REVOKE ALL ON ${targetOf(view)} FROM ${roleSql(grantee)}`);
    for (const statement of grantSql(view)) await client.query(statement);
  });
  if (!made || view.kind === 'view' || !view.populated) return { made, filled: made };
  const fill = async () => void (await client.query(`REFRESH MATERIALIZED VIEW ${targetOf(view)}`));
  return { made, filled: await attempt(client, fill) };
}

async function attempt(client: pg.ClientBase, work: () => Promise<void>): Promise<boolean> {
  await client.query('SAVEPOINT remake');
  try {
    await work();
    await client.query('RELEASE SAVEPOINT remake');
    return true;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT remake');
    return false;
  }
}
