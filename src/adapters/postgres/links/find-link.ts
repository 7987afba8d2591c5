/**
 * A link of the local database by its name, and whether a name is free for one. What has the name and is not marked as
 * the link's is someone else's.
 */
import type pg from 'pg';
import type { LinkChange } from '../../../domain/data-link.ts';
import { AppError } from '../../../domain/errors.ts';
import { restoreNames } from './apply.ts';
import { describeNames } from './difference.ts';
import { serverNameOf } from './marker.ts';
import { describeUnmarked, type LinkRecord, readRecords } from './records.ts';

/** The link of this name. Throws `link_not_found`. `reader`: as for `readRecords`. */
export async function getRecord(
  client: pg.ClientBase,
  name: string,
  reader: string | null,
): Promise<LinkRecord> {
  const records = await readRecords(client, reader);
  const record = records.find((each) => each.name === name);
  if (record) return record;
  const known =
    records.length === 0 ? 'It has none.' : `It has ${records.map((each) => each.name).join(', ')}.`;
  throw new AppError('link_not_found', `The database has no link of this name. ${known}`);
}

/** As `getRecord`, for changing it: its names are given back to it first. */
export async function getOwnRecord(
  client: pg.ClientBase,
  name: string,
  reader: string | null,
): Promise<{ record: LinkRecord; renamed: readonly LinkChange[] }> {
  const record = await getRecord(client, name, reader);
  await checkNameFree(client, name, record);
  const renamed = describeNames(record);
  if (renamed.length === 0) return { record, renamed };
  await restoreNames(client, record);
  return { record: await getRecord(client, name, reader), renamed };
}

/** Throws `link_name_taken` when schema or server of the name are there and not known as the link's. */
export async function checkNameFree(
  client: pg.ClientBase,
  name: string,
  record: LinkRecord | null,
): Promise<void> {
  const [unmarked] = record?.unmarked ?? [];
  if (record && unmarked) throw new AppError('link_name_taken', describeUnmarked(record, unmarked));
  const advice = record ? 'give it another name, then try again' : 'choose another name';
  const taken = (what: string) => new AppError('link_name_taken', `${what} It is left alone; ${advice}.`);
  if (record === null && (await readRecords(client, null)).some((each) => each.name === name))
    throw new AppError(
      'link_name_taken',
      `There is a link ${name} already. Refresh or destroy that one, or choose another name.`,
    );
  const server = serverNameOf(name);
  const { rows } = await client.query<{ schema: number | null; server: number | null }>(
    `SELECT (SELECT oid FROM pg_namespace WHERE nspname = $1) AS schema,
       (SELECT oid FROM pg_foreign_server WHERE srvname = $2) AS server`,
    [name, server],
  );
  const found = rows[0];
  if (found?.schema && found.schema !== record?.schema?.oid)
    throw taken(`The database has a schema ${name} that pgclip did not make.`);
  if (found?.server && found.server !== record?.server?.oid)
    throw taken(`The database has a foreign server ${server} that pgclip did not make.`);
}
