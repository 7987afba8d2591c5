/**
 * The foreign server of a link and its user mapping: what differs from the remote's URL, and the statements that make
 * it the same. The mapping's values never stand in a statement.
 */
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { escapeIdentifier, escapeLiteral } from 'pg';
import type { FdwOptions } from './address.ts';
import { CopyIn } from './copy-in.ts';

/** One option that is not as it should be. `value` is null when it has to go. */
export interface OptionChange {
  readonly action: 'ADD' | 'SET' | 'DROP';
  readonly name: string;
  readonly value: string | null;
  /** What it was, or null. */
  readonly was: string | null;
}

/** The changes that make `actual` what is desired, of the options that are managed. */
export function compareOptions(
  actual: FdwOptions,
  desired: FdwOptions,
  managed: readonly string[],
): readonly OptionChange[] {
  return managed.flatMap((name): OptionChange[] => {
    const was = actual[name] ?? null;
    const value = desired[name] ?? null;
    if (was === value) return [];
    return [{ action: value === null ? 'DROP' : was === null ? 'ADD' : 'SET', name, value, was }];
  });
}

/** CREATE SERVER. */
export function createServerSql(name: string, options: FdwOptions): string {
  const list = Object.entries(options).map(
    ([key, value]) => `${escapeIdentifier(key)} ${escapeLiteral(value)}`,
  );
  return `CREATE SERVER ${escapeIdentifier(name)} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${list.join(', ')})`;
}

/** ALTER SERVER. There must be changes. */
export function alterServerSql(name: string, changes: readonly OptionChange[]): string {
  const list = changes.map(
    ({ action, name: key, value }) =>
      `${action} ${escapeIdentifier(key)}${value === null ? '' : ` ${escapeLiteral(value)}`}`,
  );
  return `ALTER SERVER ${escapeIdentifier(name)} OPTIONS (${list.join(', ')})`;
}

/**
 * The options of the server's mapping for everyone, secret; null when there is none or the connection's login may not
 * see them. Throws what pg throws.
 */
export async function readMapping(client: pg.ClientBase, server: number): Promise<FdwOptions | null> {
  const { rows } = await client.query<{ options: FdwOptions }>(
    `SELECT coalesce((SELECT json_object_agg(option_name, option_value)
       FROM pg_options_to_table(m.umoptions)), '{}') AS options
     FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid
     WHERE m.srvid = $1 AND m.umuser = 0 AND pg_has_role(s.srvowner, 'USAGE')`,
    [server],
  );
  return rows[0]?.options ?? null;
}

/**
 * Makes the mapping (`exists` false) or changes it. What goes wrong is thrown without the values: the
 * block catches it, so that neither the server's log nor pg's error has them. What an event trigger of the database
 * itself writes into the log meanwhile, below an error, has the statement as its context; only a superuser, with
 * `quietSettings`, can keep that out.
 */
export async function putMapping(
  client: pg.ClientBase,
  place: {
    readonly schema: string;
    readonly server: string;
    readonly exists: boolean;
    /** Whose mapping it is, as SQL. Default: everyone's. */
    readonly role?: string;
  },
  changes: readonly OptionChange[],
): Promise<void> {
  // Not a temporary table, since the right to make those may be missing; the transaction that made it drops it.
  const table = `${escapeIdentifier(place.schema)}.${escapeIdentifier(`pgclip_${randomBytes(8).toString('hex')}`)}`;
  const options = changes.map(({ action, name, value }) => [place.exists ? action : '', name, value]);
  // Hexadecimal, so that no encoding of the database and no escape of COPY stands between.
  const data = Buffer.from(JSON.stringify(options)).toString('hex');
  const head = `${place.exists ? 'ALTER' : 'CREATE'} USER MAPPING FOR ${place.role ?? 'PUBLIC'} SERVER ${escapeIdentifier(place.server)}`;
  const block = `DECLARE
    options text;
  BEGIN
    SELECT string_agg(concat_ws(' ', o->>0, quote_ident(o->>1), quote_literal(o->>2)), ', ')
      INTO options FROM ${table} t, json_array_elements(convert_from(decode(t.v, 'hex'), 'UTF8')::json) o;
    EXECUTE ${escapeLiteral(head)} || ' OPTIONS (' || options || ')';
  EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = 'the login of the remote could not be stored';
  END`;
  await client.query(`CREATE UNLOGGED TABLE ${table} (v text)`);
  const copy = new CopyIn(`COPY ${table} FROM STDIN`, `${data}\n`);
  client.query(copy);
  await copy.done;
  await client.query(`DO ${escapeLiteral(block)}`);
  await client.query(`DROP TABLE ${table}`);
}

/** For a superuser: settings that keep what the block executes out of the log and of extensions that record it. */
export const quietSettings = `SET LOCAL log_error_verbosity = terse; SET LOCAL log_statement = 'none'; SET LOCAL log_min_duration_statement = -1;
  SET LOCAL pg_stat_statements.track = 'none'; SET LOCAL pgaudit.log = 'none'`;
