/**
 * The end of a link, in the connection's transaction: everything that pgclip made goes, with the views that read it.
 * What others put into its schema, or made over its server, is not pgclip's to drop.
 */
import type pg from 'pg';
import { escapeIdentifier } from 'pg';
import { AppError } from '../../../domain/errors.ts';
import { dropViews, lockParts } from './apply.ts';
import { compareShapes } from './compare-shapes.ts';
import { checkMovable, findAllDependents } from './dependents.ts';
import { readActualShape } from './local-catalog.ts';
import type { LinkRecord } from './records.ts';
import { checkOwnership, readOwner } from './rights.ts';
import { madeTypeComment, stepSql } from './shape-sql.ts';

const strangersQuery = `SELECT i.type || ' ' || i.identity AS name
  FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.deptype = 'n' AND d.refclassid = 'pg_namespace'::regclass AND d.refobjid = $1
    AND NOT EXISTS (SELECT FROM pg_class c LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
      WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid
        AND (c.relkind = 'f' AND f.ftserver = $2 OR obj_description(c.reltype, 'pg_type') = $3))
    AND NOT EXISTS (SELECT FROM pg_type t
      WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND obj_description(t.oid, 'pg_type') = $3)
  UNION
  SELECT i.type || ' ' || i.identity
  FROM pg_depend d CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
  WHERE d.deptype = 'n' AND d.refclassid = 'pg_foreign_server'::regclass AND d.refobjid = $2
    AND NOT EXISTS (SELECT FROM pg_class c
      WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relnamespace = $1)
    AND NOT EXISTS (SELECT FROM pg_user_mappings m
      WHERE d.classid = 'pg_user_mapping'::regclass AND m.umid = d.objid AND m.umuser = 0)
  ORDER BY 1`;

async function checkNoStrangers(client: pg.ClientBase, { schema, server }: LinkRecord): Promise<void> {
  const { rows } = await client.query<{ name: string }>(strangersQuery, [
    schema?.oid ?? null,
    server?.oid ?? null,
    madeTypeComment,
  ]);
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name).join(', ');
  throw new AppError(
    'link_in_use',
    `The link's schema or server has things that pgclip did not make: ${names}. Move or drop them, then try again.`,
  );
}

/**
 * Drops the link, or the half that is left of it; of its tables `most` at most. Returns whether that was all. Throws
 * `link_in_use`, `link_busy`, `owner_lacks_rights`.
 */
export async function destroyLink(
  client: pg.ClientBase,
  record: LinkRecord,
  most = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const { schema, server } = record;
  const owner = await readOwner(client);
  await checkOwnership(client, { schema: schema?.oid ?? null, server: server?.oid ?? null });
  await checkNoStrangers(client, record);
  if (schema) {
    const { steps } = compareShapes(await readActualShape(client, schema.name), { types: [], tables: [] });
    const tables = steps.filter(({ kind }) => kind === 'drop table');
    const some = tables.length > most ? tables.slice(0, most) : steps;
    const { views, others } = await findAllDependents(client, schema.name);
    checkMovable(views, others, owner.login);
    await lockParts(client, schema.name, some, views);
    await dropViews(client, views);
    const place = { schema: schema.name, server: server?.name ?? '', remoteSchema: record.marker.schema };
    const statements = some.flatMap((step) => stepSql(step, place));
    if (statements.length > 0) await client.query(statements.join(';\n'));
    if (some !== steps) return false;
    await client.query(`DROP SCHEMA ${escapeIdentifier(schema.name)}`);
  }
  if (server) {
    const name = escapeIdentifier(server.name);
    await client.query(`DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER ${name}; DROP SERVER ${name}`);
  }
  return true;
}
