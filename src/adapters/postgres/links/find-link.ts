/**
 * A link of the local database by its name, and whether a name is free for one. What has the name and is not marked as
 * the link's is someone else's.
 */
import type pg from 'pg';
import type { LinkChange } from '../../../domain/data-link.ts';
import { AppError } from '../../../domain/errors.ts';
import { restoreNames } from './apply.ts';
import { describeNames } from './difference.ts';
import { hasNoServer, serverNameOf } from './marker.ts';
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

/** Throws `link_name_taken` when schema or server of the name are there and not known as the link's, which may need no server. */
export async function checkNameFree(
  client: pg.ClientBase,
  name: string,
  record: LinkRecord | null,
): Promise<void> {
  const [unmarked] = record?.unmarked ?? [];
  if (record && unmarked) throw new AppError('link_name_taken', describeUnmarked(record, unmarked));
  if (record === null && (await readRecords(client, null)).some((each) => each.name === name))
    throw new AppError(
      'link_name_taken',
      `There is a link ${name} already. Refresh or destroy that one, or choose another name.`,
    );
  const { rows } = await client.query<{ oid: number }>('SELECT oid FROM pg_namespace WHERE nspname = $1', [
    name,
  ]);
  if (rows[0] && rows[0].oid !== record?.schema?.oid) throw taken(`schema ${name}`, record);
  if (record === null || !hasNoServer(record.marker)) await checkServerNameFree(client, name, record);
}

/** Throws `link_name_taken` when the server of the name is there and not known as the link's. */
export async function checkServerNameFree(
  client: pg.ClientBase,
  name: string,
  record: LinkRecord | null,
): Promise<void> {
  const server = serverNameOf(name);
  const { rows } = await client.query<{ oid: number }>(
    'SELECT oid FROM pg_foreign_server WHERE srvname = $1',
    [server],
  );
  if (rows[0] && rows[0].oid !== record?.server?.oid) throw taken(`foreign server ${server}`, record);
}

function taken(what: string, record: LinkRecord | null): AppError {
  const advice = record ? 'give it another name, then try again' : 'choose another name';
  return new AppError(
    'link_name_taken',
    `The database has a ${what} that pgclip did not make. It is left alone; ${advice}.`,
  );
}
