/** The end of links: everything that pgclip made goes, and nothing else. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startPostgres } from '../../src/demo/postgres.ts';
import { createLinkPair, hostOf, type LinkPair, queryRows } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';

let pair: LinkPair;
const stateSql = `SELECT 'schema', nspname FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL SELECT 'server', srvname FROM pg_foreign_server UNION ALL SELECT 'mapping', srvname FROM pg_user_mappings
  UNION ALL SELECT 'type', typname FROM pg_type WHERE typtype IN ('e', 'd') AND typnamespace > 16000
  UNION ALL SELECT 'relation', relname FROM pg_class WHERE relnamespace > 16000 OR relnamespace = 'public'::regnamespace
  ORDER BY 1, 2`;
let before: unknown[][];

beforeEach(async () => {
  pair = await createLinkPair(inject('postgres15Url'), inject('postgresUrl'));
  await executeSql(
    pair.remote.ownerUrl,
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    'CREATE TYPE pair AS (a mood, b int)',
    'CREATE TABLE users (id bigint, mood mood, p pair)',
    "INSERT INTO users VALUES (1, 'ok', NULL)",
  );
  before = await queryRows(pair.local.superuserUrl, stateSql);
  await pair.host.create({ name: 'warehouse', schema: 'public', reader: pair.reader }, pair.address);
});
afterEach(() => pair.drop());

const onLocal = (...statements: string[]) => executeSql(pair.local.ownerUrl, ...statements);
const state = () => queryRows(pair.local.superuserUrl, stateSql);

describe('destroy', () => {
  it('leaves the database as it was before the link', async () => {
    await pair.host.destroy('warehouse');
    expect(await state()).toEqual(before);
    await expect(pair.host.destroy('warehouse')).rejects.toMatchObject({ code: 'link_not_found' });
    expect(await pair.host.list()).toEqual([]);
  });

  it('takes the views with it that `uses` names, and no others', async () => {
    await onLocal(
      'CREATE VIEW ok AS SELECT id FROM warehouse.users',
      'CREATE MATERIALIZED VIEW "Stored" AS SELECT count(*) FROM ok',
      "CREATE VIEW moods AS SELECT 'sad'::warehouse.mood AS mood",
      'CREATE VIEW unrelated AS SELECT 1 AS n',
      'CREATE VIEW three AS SELECT * FROM moods, "Stored", unrelated',
    );
    const { dependents } = await hostOf(pair.local, null).uses('warehouse');
    expect(dependents).toEqual([
      'materialized view public."Stored"',
      'view public.moods',
      'view public.ok',
      'view public.three',
    ]);
    await pair.host.destroy('warehouse');
    await onLocal('DROP VIEW unrelated');
    expect(await state()).toEqual(before);
  });

  it.each([
    [
      'a table in its schema',
      'CREATE TABLE warehouse.mine (n int)',
      'table warehouse.mine',
      'DROP TABLE warehouse.mine',
    ],
    [
      'a view in its schema',
      'CREATE VIEW warehouse.v AS SELECT 1 AS n',
      'view warehouse.v',
      'DROP VIEW warehouse.v',
    ],
    [
      'a type in its schema',
      'CREATE DOMAIN warehouse.d AS int',
      'type warehouse.d',
      'DROP DOMAIN warehouse.d',
    ],
    [
      'a function that reads it',
      'CREATE FUNCTION f() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT id FROM warehouse.users; END',
      'function public.f()',
      'DROP FUNCTION f',
    ],
    [
      'a table with one of its types',
      'CREATE TABLE feelings (mood warehouse.mood)',
      'table column public.feelings.mood',
      'DROP TABLE feelings',
    ],
    [
      'a foreign table of its server elsewhere',
      'CREATE FOREIGN TABLE mine (id bigint) SERVER warehouse_server',
      'foreign table public.mine',
      'DROP FOREIGN TABLE mine',
    ],
    [
      'a login of its server',
      'CREATE USER MAPPING FOR CURRENT_USER SERVER warehouse_server',
      'on server warehouse_server',
      'DROP USER MAPPING FOR CURRENT_USER SERVER warehouse_server',
    ],
  ])('touches nothing while there is %s', async (_, make, name, drop) => {
    await onLocal(make);
    const whole = await state();
    await expect(pair.host.destroy('warehouse')).rejects.toMatchObject({
      code: 'link_in_use',
      message: expect.stringContaining(name),
    });
    expect(await state()).toEqual(whole);
    await onLocal(drop);
    await pair.host.destroy('warehouse');
    expect(await state()).toEqual(before);
  });

  it.each([
    'DROP SCHEMA warehouse CASCADE',
    'DROP SERVER warehouse_server CASCADE',
    'DROP USER MAPPING FOR PUBLIC SERVER warehouse_server',
    'ALTER SERVER warehouse_server RENAME TO other',
    'ALTER SCHEMA warehouse RENAME TO other',
  ])('removes what is left after %s', async (statement) => {
    await onLocal(statement);
    await pair.host.destroy('warehouse');
    expect(await state()).toEqual(before);
  });

  it('needs the owner', async () => {
    await expect(hostOf(pair.local, null).destroy('warehouse')).rejects.toMatchObject({
      code: 'links_read_only',
    });
    await expect(hostOf(pair.local, pair.local.readerUrl).destroy('warehouse')).rejects.toMatchObject({
      code: 'owner_lacks_rights',
    });
  });
});

describe('the end of a link of many tables', () => {
  it('comes in several transactions where there is no room for the locks of one', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pgclip-test-locks-'));
    const options = { fsync: 'off', max_connections: '10', max_locks_per_transaction: '10' };
    const server = await startPostgres({
      dir,
      options: { ...options, autovacuum_worker_slots: '1', max_wal_senders: '0', max_worker_processes: '0' },
    });
    try {
      const many = await createLinkPair(server.superuserUrl('postgres'), inject('postgres15Url'));
      await executeSql(
        many.remote.ownerUrl,
        `DO $$ BEGIN FOR i IN 1..80 LOOP
           EXECUTE 'CREATE TABLE t' || i || ' (' ||
             (SELECT string_agg('c' || n || ' int NOT NULL', ', ') FROM generate_series(1, 50) n) || ')';
         END LOOP; END $$`,
      );
      await many.host.create({ name: 'many', schema: 'public', reader: many.reader }, many.address);
      const whole = 'BEGIN; DROP SERVER many_server CASCADE; ROLLBACK';
      await expect(executeSql(many.local.ownerUrl, whole)).rejects.toMatchObject({ code: '53200' });
      await many.host.destroy('many');
      expect(await many.host.list()).toEqual([]);
      expect(await queryRows(many.local.ownerUrl, "SELECT FROM pg_class WHERE relkind = 'f'")).toEqual([]);
      await many.drop();
    } finally {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
