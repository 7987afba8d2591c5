/**
 * Errors that postgres_fdw passes on from a remote: they come with the remote's SQLSTATE, and then say nothing of the
 * database that clips run against. Told by the function that raised them and by SQLSTATE, never by a message.
 */
import type pg from 'pg';

/** The functions of postgres_fdw that raise what libpq or the remote told it: on 14 to 18 and, by their head, later. */
const reporter = /^(?:connect_pg_server$|pgfdw_)/;

/** SQLSTATEs and classes (two characters) that tell of the remote, the way to it or its login, not of the SQL. */
const unavailable = new Set(['08', '28', '3D', 'HV', '53300', '57P01', '57P02', '57P03', '57P05', '25P03']);

/** True when it was raised for a remote. */
export function isOfRemote(error: pg.DatabaseError): boolean {
  return reporter.test(error.routine ?? '');
}

/** For an error of a remote: true when the remote could not be asked, or has broken off. */
export function isRemoteUnavailable({ code = '' }: pg.DatabaseError): boolean {
  return unavailable.has(code) || unavailable.has(code.slice(0, 2));
}

/**
 * The label before a command is in the server's language; behind it stands SQL. A remote's own context, which may be
 * of this form when it asked a remote itself, stands before ours.
 */
const command = /^[^\n"]*: (?=(?:DECLARE|SELECT|EXPLAIN|FETCH|CLOSE|MOVE|SET|START|SAVEPOINT|COMMIT)\b)/gm;

/** For an error of a remote: the command that it was asked, as far as the error tells. */
export function findRemoteSql({ where = '' }: pg.DatabaseError): string | undefined {
  const label = [...where.matchAll(command)].at(-1);
  if (!label) return undefined;
  return where.slice(label.index + label[0].length).replace(/^DECLARE \w+ CURSOR FOR\s+/, '');
}
