/**
 * SQL of the tables of a linked Redis: views that everyone reads, and what is behind them. With a gateway that is foreign
 * tables in a schema that only the owner may use; what stands here decides which conditions postgres_fdw sends: equality,
 * `= ANY` and `^@` on text. Without one it is a function that refuses: pgclip puts the rows in its place.
 */
import { escapeIdentifier, escapeLiteral } from 'pg';
import { type LinkColumn, type LinkTable, linkTables } from '../../../../domain/redis-link.ts';
import { rawSchemaOf, serverNameOf } from '../marker.ts';

/** The tables by name, in the order in which they are made. */
export const redisTables = Object.entries(linkTables) as unknown as readonly (readonly [
  LinkTable,
  readonly LinkColumn[],
])[];

/** How many columns tell one row of a writable table from another. */
const identities: Partial<Readonly<Record<LinkTable, number>>> = { redis: 1, hashes: 2, sets: 2, zsets: 2 };

/** Whether a writable link takes changes of this table. */
export function isWritableTable(table: LinkTable): boolean {
  return identities[table] !== undefined;
}

const quote = escapeIdentifier;

/** The foreign table of this name, as SQL. */
export function rawName(link: string, table: string): string {
  return `${quote(rawSchemaOf(link))}.${quote(table)}`;
}

/** The view of this name, as SQL. */
export function viewName(link: string, table: string): string {
  return `${quote(link)}.${quote(table)}`;
}

/** CREATE FOREIGN TABLE. Its columns are texts that sort by bytes, whatever the table shows them as. */
export function foreignTableSql(link: string, table: LinkTable): string {
  const columns = linkTables[table].map(({ name }) => `${quote(name)} text COLLATE pg_catalog."C"`);
  return `CREATE FOREIGN TABLE ${rawName(link, table)} (${columns.join(', ')})
    SERVER ${quote(serverNameOf(link))} OPTIONS (schema_name 'public', table_name '${table}')`;
}

/** Where the rows of a link come from: the gateway, or pgclip itself, which reads them for the clips that it runs. */
export type RowSource = 'gateway' | 'pgclip';

/**
 * CREATE OR REPLACE VIEW. It is a security barrier, so that a condition which could tell rows apart by its errors is not
 * asked before the view's own; and a cast from text is done here and not sent.
 */
export function viewSql(link: string, table: LinkTable, source: RowSource): string {
  return `CREATE OR REPLACE VIEW ${viewName(link, table)} WITH (security_barrier = true) AS ${viewQuery(link, table, source)}`;
}

/** As Postgres writes it again. `prefix` stands before each column. */
function viewQuery(link: string, table: LinkTable, source: RowSource, prefix = ''): string {
  const columns = linkTables[table].map(({ name, type }) => {
    const column = `${prefix}${quote(name)}`;
    return source === 'pgclip' || type === 'text' ? column : `(${column})::${type} AS ${quote(name)}`;
  });
  const typed = linkTables[table].map(
    ({ name, type }) => `${quote(name)} ${type}${type === 'text' ? ' COLLATE "C"' : ''}`,
  );
  const from =
    source === 'gateway' ? rawName(link, table) : `${refusalOf(link)}() ${quote(table)}(${typed.join(', ')})`;
  return `SELECT ${columns.join(', ')} FROM ${from}`;
}

/** Which view has this definition, as `pg_get_viewdef` tells it with an empty search path; null: somebody has changed it. */
export function findSource(link: string, table: LinkTable, definition: string): RowSource | null {
  const plain = (sql: string) => sql.replaceAll('"', '').replaceAll(/\s+/g, ' ').replace(/;$/, '').trim();
  const sources: readonly RowSource[] = ['gateway', 'pgclip'];
  // Up to 15 each column has the name of its table before it.
  const found = sources.find((source) =>
    ['', `${table}.`].some((prefix) => plain(viewQuery(link, table, source, prefix)) === plain(definition)),
  );
  return found ?? null;
}

/** Name of the function behind the views of a link that pgclip reads itself. Such links are found by it. */
export const refusalName = 'read_by_pgclip';

/** SQLSTATE of its error, which nothing else has. */
export const refusalState = 'PGC01';

const refusalOf = (link: string) => `${quote(link)}.${refusalName}`;

/** What the function does: nobody is to take rows that can't be had for none. */
export function refusalBody(link: string): string {
  return `BEGIN RAISE EXCEPTION USING ERRCODE = ${escapeLiteral(refusalState)},
  MESSAGE = ${escapeLiteral(`the data link ${link} can be read by pgclip alone, for clips`)},
  HINT = 'Save the query as a clip that names the tables of the link, or views over them, or configure a gateway (GATEWAY_PORT) and refresh the link.'; END`;
}

/** What makes the function. Postgres calls it with the rights of whoever reads a view. */
export function refusalSql(link: string): readonly string[] {
  return [
    `CREATE OR REPLACE FUNCTION ${refusalOf(link)}() RETURNS SETOF record LANGUAGE plpgsql AS ${escapeLiteral(refusalBody(link))}`,
    `GRANT EXECUTE ON FUNCTION ${refusalOf(link)}() TO PUBLIC`,
  ];
}

/** DROP of the function: it fails when a view still reads it. */
export function dropRefusalSql(link: string): string {
  return `DROP FUNCTION IF EXISTS ${refusalOf(link)}()`;
}

/** Name of the trigger on a view that takes changes. */
export const triggerName = 'pgclip_write';

/** The function of the trigger, as SQL without its arguments. */
export function triggerFunctionName(link: string, table: LinkTable): string {
  return rawName(link, `write_${table}`);
}

/** What makes a view take INSERT, UPDATE and DELETE, row by row. */
export function triggerSql(link: string, table: LinkTable): readonly string[] {
  const name = triggerFunctionName(link, table);
  return [
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres AS $function$${triggerBody(link, table)}$function$`,
    `REVOKE ALL ON FUNCTION ${name}() FROM PUBLIC`,
    `CREATE OR REPLACE TRIGGER ${triggerName} INSTEAD OF INSERT OR UPDATE OR DELETE ON ${viewName(link, table)}
      FOR EACH ROW EXECUTE FUNCTION ${name}()`,
  ];
}

/**
 * What the trigger does. Its variables have no collation of their own, or conditions on them would not be sent. A row is
 * changed only while it is as it was read: between the two someone else may have counted it up.
 */
export function triggerBody(link: string, table: LinkTable): string {
  const raw = rawName(link, table);
  const columns = linkTables[table].map(({ name }) => name);
  const whereSame = (some: readonly string[]) =>
    some.map((column) => `${quote(column)} = o_${column}`).join(' AND ');
  const identity = whereSame(columns.slice(0, identities[table]));
  const texts = linkTables[table].filter(({ type }) => type === 'text').map(({ name }) => name);
  const where = whereSame(texts);
  const conflict = `RAISE EXCEPTION 'a row of ${table} has been changed by someone else meanwhile'
      USING ERRCODE = '40001', HINT = 'Run the transaction again.';`;
  const leaveOut = `IF NOT FOUND THEN
    PERFORM FROM ${raw} WHERE ${identity};
    IF FOUND THEN ${conflict} END IF;
    RETURN NULL;
  END IF;`;
  // A number is no condition that the gateway takes: it is asked for, and stays as it is until the COMMIT.
  const compareScore = columns.includes('score' as never)
    ? `IF tg_op <> 'INSERT' THEN
    UPDATE ${raw} SET "member" = "member" WHERE ${identity} RETURNING "score" INTO o_score;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF o_score::double precision IS DISTINCT FROM old."score" THEN ${conflict} END IF;
  END IF;`
    : '';
  const sets = columns.map((column) => `${quote(column)} = n_${column}`);
  const update = (some: readonly string[]) => `UPDATE ${raw} SET ${some.join(', ')} WHERE ${where};`;
  // A time to live that nobody changed goes on as it is; written anew, it would begin again.
  const updates = columns.includes('ttl' as never)
    ? `IF new.ttl IS NOT DISTINCT FROM old.ttl THEN ${update(sets.slice(0, -1))} ELSE ${update(sets)} END IF;`
    : update(sets);
  return `
DECLARE ${columns.map((column) => `n_${column} text; o_${column} text;`).join(' ')}
BEGIN
  IF tg_op <> 'INSERT' THEN ${texts.map((column) => `o_${column} := old.${quote(column)};`).join(' ')} END IF;
  ${compareScore}
  IF tg_op = 'DELETE' THEN
    DELETE FROM ${raw} WHERE ${where};
    ${leaveOut}
    RETURN old;
  END IF;
  ${columns.map((column) => `n_${column} := new.${quote(column)}::text;`).join(' ')}
  IF tg_op = 'INSERT' THEN
    INSERT INTO ${raw} (${columns.map(quote).join(', ')}) VALUES (${columns.map((column) => `n_${column}`).join(', ')});
    RETURN new;
  END IF;
  ${updates}
  ${leaveOut}
  RETURN new;
END `;
}
