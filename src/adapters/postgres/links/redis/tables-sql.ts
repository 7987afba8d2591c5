/**
 * SQL of the tables of a linked Redis: foreign tables in a schema that only the owner may use, and the views over them
 * that everyone reads. What stands here decides which conditions postgres_fdw sends: equality, `= ANY` and `^@` on text.
 */
import { escapeIdentifier } from 'pg';
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

/**
 * CREATE OR REPLACE VIEW. It is a security barrier, so that a condition which could tell rows apart by its errors is not
 * asked before the view's own; and a cast from text is done here and not sent.
 */
export function viewSql(link: string, table: LinkTable): string {
  const columns = linkTables[table].map(({ name, type }) =>
    type === 'text' ? quote(name) : `${quote(name)}::${type} AS ${quote(name)}`,
  );
  return `CREATE OR REPLACE VIEW ${viewName(link, table)} WITH (security_barrier = true) AS
    SELECT ${columns.join(', ')} FROM ${rawName(link, table)}`;
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

/** Its variables have no collation of their own, or conditions on them would not be sent. */
function triggerBody(link: string, table: LinkTable): string {
  const raw = rawName(link, table);
  const columns = linkTables[table].map(({ name }) => name);
  const identity = columns.slice(0, identities[table]);
  const where = identity.map((column) => `${quote(column)} = o_${column}`).join(' AND ');
  const sets = columns.map((column) => `${quote(column)} = n_${column}`);
  const update = (some: readonly string[]) => `UPDATE ${raw} SET ${some.join(', ')} WHERE ${where};`;
  // A time to live that nobody changed goes on as it is; written anew, it would begin again.
  const updates = columns.includes('ttl' as never)
    ? `IF new.ttl IS NOT DISTINCT FROM old.ttl THEN ${update(sets.slice(0, -1))} ELSE ${update(sets)} END IF;`
    : update(sets);
  return `
DECLARE ${columns.map((column) => `n_${column} text; o_${column} text;`).join(' ')}
BEGIN
  IF tg_op <> 'INSERT' THEN ${identity.map((column) => `o_${column} := old.${quote(column)};`).join(' ')} END IF;
  IF tg_op = 'DELETE' THEN
    DELETE FROM ${raw} WHERE ${where};
    IF NOT FOUND THEN RETURN NULL; END IF;
    RETURN old;
  END IF;
  ${columns.map((column) => `n_${column} := new.${quote(column)}::text;`).join(' ')}
  IF tg_op = 'INSERT' THEN
    INSERT INTO ${raw} (${columns.map(quote).join(', ')}) VALUES (${columns.map((column) => `n_${column}`).join(', ')});
    RETURN new;
  END IF;
  ${updates}
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN new;
END `;
}
