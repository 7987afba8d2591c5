/** Refreshing links: what the remote changed, what happens to views that read it, and repairs. */
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { changeUrl, createLinkPair, hostOf, type LinkPair, queryRows } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';

let pair: LinkPair;

describe.each([
  ['18 to 15', 'postgresUrl', 'postgres15Url'],
  ['15 to 18', 'postgres15Url', 'postgresUrl'],
] as const)('a link from %s', (_, localServer, remoteServer) => {
  beforeEach(async () => {
    pair = await createLinkPair(inject(localServer), inject(remoteServer));
    await onRemote(
      "CREATE TYPE mood AS ENUM ('sad', 'ok')",
      'CREATE TABLE users (id bigint, name text, plan int, mood mood)',
      "INSERT INTO users VALUES (1, 'Ann', 2, 'ok'), (2, 'Bob', 1, 'sad')",
      'CREATE TABLE events (user_id bigint, at date)',
    );
    await pair.host.create({ name: 'warehouse', schema: 'public', reader: pair.reader }, pair.address);
  });
  afterEach(() => pair.drop());

  it('follows tables, columns and types, and says what it changed', async () => {
    await onRemote(
      'CREATE TABLE plans (id int)',
      'DROP TABLE events',
      'ALTER TABLE users DROP COLUMN name',
      'ALTER TABLE users ALTER plan TYPE numeric(10,2)',
      'ALTER TABLE users ADD born date',
      "ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok'",
    );
    const expected = await pair.host.compare('warehouse', pair.address, pair.reader);
    const { changes, warnings, link } = await refresh();
    expect(changes).toEqual(expected);
    expect(changes.map((each) => `${each.change} ${each.kind} ${each.name}`).sort()).toEqual([
      'added column users.born',
      'added table plans',
      'changed column users.plan',
      'changed type mood',
      'removed column users.name',
      'removed table events',
    ]);
    expect(warnings).toEqual([]);
    expect(link.refreshedAt > link.createdAt).toBe(true);
    expect(await read("SELECT id, plan, mood, born FROM warehouse.users WHERE mood > 'sad'")).toEqual([
      ['1', '2.00', 'ok', null],
    ]);
    expect(await pair.host.compare('warehouse', pair.address, pair.reader)).toEqual([]);
    expect((await refresh()).changes).toEqual([]);
  });

  it('makes views again that read a column of another type, with all that belongs to them', async () => {
    const other = `${pair.local.name}_other`;
    await executeSql(
      pair.local.superuserUrl,
      `CREATE ROLE ${other}`,
      `GRANT ${other} TO ${pair.local.name}_owner`,
    );
    await executeSql(
      pair.local.superuserUrl,
      `GRANT CREATE, USAGE ON SCHEMA public TO ${other}`,
      `GRANT CREATE ON SCHEMA public TO ${pair.local.name}_owner`,
      `GRANT USAGE ON SCHEMA warehouse TO ${other}`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA warehouse TO ${other}`,
    );
    try {
      await onLocal(
        'CREATE VIEW "Paying" WITH (security_barrier, check_option=local) AS SELECT id, plan AS p FROM warehouse.users WHERE plan > 1',
        'ALTER VIEW "Paying" RENAME COLUMN p TO "the plan"',
        'COMMENT ON VIEW "Paying" IS \'who pays\'',
        `COMMENT ON COLUMN "Paying"."the plan" IS 'it''s the plan'`,
        `ALTER VIEW "Paying" ALTER COLUMN id SET DEFAULT 7`,
        `GRANT SELECT ON "Paying" TO ${other} WITH GRANT OPTION`,
        `REVOKE ALL ON "Paying" FROM ${pair.reader}`,
        `GRANT SELECT (id) ON "Paying" TO ${pair.reader}`,
        `CREATE RULE nothing AS ON INSERT TO "Paying" DO INSTEAD NOTHING`,
        'CREATE MATERIALIZED VIEW stored WITH (fillfactor=70) AS SELECT id, "the plan" AS plan FROM "Paying"',
        'CREATE UNIQUE INDEX stored_id ON stored (id)',
        'CREATE MATERIALIZED VIEW unfilled AS SELECT plan FROM warehouse.users WITH NO DATA',
        'CREATE VIEW joined AS SELECT s.plan, p.id FROM stored s JOIN "Paying" p USING (id)',
        `GRANT SELECT ON stored TO ${other}`,
        `ALTER VIEW joined OWNER TO ${other}`,
        'CREATE VIEW untouched AS SELECT id FROM warehouse.users',
      );
      const facts = `SELECT c.relname, c.relkind, c.relowner, c.reloptions, c.relacl::text, c.relispopulated,
        obj_description(c.oid, 'pg_class'), (SELECT json_agg(json_build_array(a.attname, a.attacl::text,
          col_description(c.oid, a.attnum), pg_get_expr(d.adbin, c.oid)) ORDER BY a.attnum) FROM pg_attribute a
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0),
        (SELECT json_agg(pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = c.oid),
        (SELECT json_agg(rulename ORDER BY rulename) FROM pg_rewrite WHERE ev_class = c.oid)
        FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm') ORDER BY 1`;
      const before = await queryRows(pair.local.superuserUrl, facts);
      const oid = `SELECT 'untouched'::regclass::oid`;
      const untouched = await queryRows(pair.local.ownerUrl, oid);
      expect(before).toHaveLength(5);
      await onRemote('ALTER TABLE users ALTER plan TYPE bigint');
      const { changes } = await refresh();
      expect(changes.map((each) => `${each.change} ${each.name} ${each.detail}`)).toEqual([
        'changed users.plan integer → bigint',
        'changed view public."Paying" null',
        'changed materialized view public.stored null',
        'changed materialized view public.unfilled null',
        'changed view public.joined null',
      ]);
      // A grant that says what would hold without it is none: compare what the rights come to.
      const after = await queryRows(pair.local.superuserUrl, facts);
      expect(after.map((row) => row.toSpliced(4, 1))).toEqual(before.map((row) => row.toSpliced(4, 1)));
      const acl = (rows: unknown[][]) => rows.map((row) => row[4]).filter((each) => each !== null);
      for (const each of acl(before)) expect(acl(after)).toContainEqual(each);
      expect(await queryRows(pair.local.ownerUrl, oid)).toEqual(untouched);
      expect(await queryRows(pair.local.ownerUrl, 'TABLE joined')).toEqual([['2', '1']]);
      const type =
        "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attname = 'plan'";
      expect(await read(type)).toEqual([['bigint']]);
    } finally {
      await executeSql(pair.local.superuserUrl, `DROP OWNED BY ${other} CASCADE`, `DROP ROLE ${other}`);
    }
  });

  it('calls what a view’s index calls as its owner, not as the superuser who refreshes', async () => {
    const other = `${pair.local.name}_other`;
    const host = hostOf(pair.local, pair.local.superuserUrl);
    await executeSql(
      pair.local.superuserUrl,
      `CREATE ROLE ${other}`,
      `CREATE SCHEMA theirs AUTHORIZATION ${other}`,
      `GRANT USAGE ON SCHEMA warehouse TO ${other}`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA warehouse TO ${other}`,
      `SET ROLE ${other}`,
      'GRANT USAGE ON SCHEMA theirs TO PUBLIC',
      'CREATE TABLE theirs.calls (login text)',
      'GRANT INSERT ON theirs.calls TO PUBLIC',
      `CREATE FUNCTION theirs.note() RETURNS int LANGUAGE plpgsql AS
         'BEGIN INSERT INTO theirs.calls VALUES (current_user); RETURN 1; END'`,
      `CREATE FUNCTION theirs.one(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
         'BEGIN RETURN theirs.note(); END'`,
      'CREATE MATERIALIZED VIEW theirs.plans AS SELECT plan FROM warehouse.users',
      'CREATE INDEX ON theirs.plans (plan, theirs.one(1))',
      'TRUNCATE theirs.calls',
    );
    try {
      await onRemote('ALTER TABLE users ALTER plan TYPE bigint');
      await host.refresh('warehouse', pair.address, pair.reader);
      expect(await queryRows(pair.local.superuserUrl, 'SELECT DISTINCT login FROM theirs.calls')).toEqual([
        [other],
      ]);
    } finally {
      await executeSql(pair.local.superuserUrl, `DROP OWNED BY ${other} CASCADE`, `DROP ROLE ${other}`);
    }
  });

  it('takes views with it that read what is gone, tells how to make them, and leaves others alone', async () => {
    await onLocal(
      'CREATE VIEW names AS SELECT name FROM warehouse.users',
      'CREATE VIEW more_names AS SELECT upper(name) AS name FROM names',
      'CREATE VIEW ids AS SELECT id FROM warehouse.users',
      'CREATE VIEW sums AS SELECT sum(plan) AS sum FROM warehouse.users',
      // No longer right once the plan is a text.
      'CREATE VIEW next AS SELECT plan + 1 AS plan FROM warehouse.users',
    );
    await onRemote('ALTER TABLE users DROP COLUMN name', 'ALTER TABLE users ALTER plan TYPE text');
    const { changes } = await refresh();
    const removed = changes.filter(({ change, kind }) => change === 'removed' && kind === 'dependent');
    expect(removed.map(({ name }) => name).sort()).toEqual([
      'view public.more_names',
      'view public.names',
      'view public.next',
      'view public.sums',
    ]);
    expect(await read('TABLE ids')).toEqual([['1'], ['2']]);
    await onRemote(
      'ALTER TABLE users ADD name text',
      'ALTER TABLE users ALTER plan TYPE int USING plan::int',
    );
    await refresh();
    for (const { detail } of removed) await onLocal(detail ?? '');
    expect(await read('TABLE sums')).toEqual([['3']]);
    expect(await read('SELECT count(*) FROM more_names')).toEqual([['2']]);
  });

  it('refuses when something else is in the way, and changes nothing', async () => {
    await onLocal(
      'CREATE FUNCTION plans() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT sum(plan) FROM warehouse.users; END',
      "CREATE TABLE feelings (mood warehouse.mood DEFAULT 'sad')",
    );
    await onRemote(
      'ALTER TABLE users DROP COLUMN plan',
      'ALTER TABLE users ALTER mood TYPE text',
      'DROP TYPE mood',
      'CREATE TABLE late ()',
    );
    const error = await refresh().catch((each) => each);
    expect(error).toMatchObject({ code: 'link_in_use' });
    expect(error.message).toContain('function public.plans()');
    expect(error.message).toContain('table column public.feelings.mood');
    expect(await read("SELECT to_regclass('warehouse.late')")).toEqual([[null]]);
    await onLocal('DROP FUNCTION plans', 'DROP TABLE feelings');
    await refresh();
    expect(await read('SELECT mood FROM warehouse.users ORDER BY 1')).toEqual([['ok'], ['sad']]);
  });

  it('refuses when a view belongs to someone whom the owner may not act for', async () => {
    await executeSql(
      pair.local.superuserUrl,
      'CREATE VIEW theirs AS SELECT name FROM warehouse.users',
      'CREATE VIEW also_theirs AS SELECT id FROM warehouse.users',
    );
    await onRemote('ALTER TABLE users DROP COLUMN name');
    await expect(refresh()).rejects.toMatchObject({
      code: 'link_in_use',
      message: expect.stringContaining('view public.theirs belongs to postgres'),
    });
    await executeSql(pair.local.superuserUrl, 'DROP VIEW theirs');
    await refresh();
    expect(await queryRows(pair.local.superuserUrl, 'SELECT count(*) FROM also_theirs')).toEqual([['2']]);
  });

  it('follows a new password, user and host', async () => {
    const login = `${pair.remote.name}_login`;
    await executeSql(
      pair.remote.superuserUrl,
      `CREATE ROLE ${login} LOGIN PASSWORD 'it''s new \\ %é'`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${login}`,
      `ALTER ROLE ${pair.remote.name}_reader PASSWORD 'changed'`,
    );
    try {
      await expect(refresh()).rejects.toMatchObject({ code: 'remote_refused' });
      const changed = changeUrl(pair.address.url, (url) => Object.assign(url, { password: 'changed' }));
      expect(await compare(changed)).toMatchObject([
        { change: 'changed', kind: 'login', detail: 'password' },
      ]);
      // Whoever may not see it can't compare it.
      expect(
        await hostOf(pair.local, null).compare('warehouse', { ...pair.address, url: changed }, pair.reader),
      ).toEqual([]);
      await refresh(changed);
      expect(await read('SELECT count(*) FROM warehouse.users')).toEqual([['2']]);

      const moved = changeUrl(pair.address.url, (url) => {
        Object.assign(url, { hostname: 'localhost', username: login });
        url.password = encodeURIComponent("it's new \\ %é");
      });
      const { changes } = await refresh(moved);
      expect(changes).toMatchObject([
        { kind: 'server', detail: 'host 127.0.0.1 → localhost' },
        { kind: 'login', detail: `user ${pair.remote.name}_reader → ${login}, password` },
      ]);
      expect(await read('SELECT count(*) FROM warehouse.users')).toEqual([['2']]);
      expect(await compare(moved)).toEqual([]);
    } finally {
      await executeSql(pair.remote.superuserUrl, `DROP OWNED BY ${login}`, `DROP ROLE ${login}`);
    }
  });

  it('leaves what an administrator set, and sets right what keeps it read-only', async () => {
    await onLocal(
      "ALTER SERVER warehouse_server OPTIONS (SET fetch_size '77', ADD keepalives '0', SET updatable 'true', DROP options)",
    );
    const { changes } = await refresh();
    expect(changes).toMatchObject([
      {
        kind: 'server',
        detail: expect.stringMatching(
          /^options \(none\) → .*-c default_transaction_read_only=on, updatable true → false$/,
        ),
      },
    ]);
    const options = await read('SELECT srvoptions::text FROM pg_foreign_server');
    expect(String(options)).toContain('fetch_size=77');
    expect(String(options)).toContain('keepalives=0');
  });

  it('keeps the link when the remote has lost everything', async () => {
    await onRemote('DROP TABLE users, events');
    await expect(refresh()).rejects.toMatchObject({ code: 'remote_refused' });
    expect((await pair.host.list())[0]?.tables).toBe(2);
  });

  it('knows no link of another name, and none that pgclip did not make', async () => {
    const times = `"createdAt":"some day","refreshedAt":"some day"`;
    await onLocal(
      'CREATE SCHEMA plain',
      "COMMENT ON SCHEMA plain IS 'pgclip data link {broken'",
      'CREATE SCHEMA forged',
      `COMMENT ON SCHEMA forged IS 'pgclip data link {"link":"forged","remote":"X_URL","schema":"public",${times}}'`,
    );
    await expect(pair.host.refresh('plain', pair.address, pair.reader)).rejects.toMatchObject({
      code: 'link_not_found',
      message: expect.stringContaining('It has warehouse.'),
    });
    expect(await pair.host.list()).toHaveLength(1);
  });

  it('is there in a copy of the database', async () => {
    const copy = `${pair.local.name}_copy`;
    await executeSql(inject(localServer), `CREATE DATABASE ${copy} TEMPLATE ${pair.local.name}`);
    try {
      const at = (url: string) => changeUrl(url, (each) => Object.assign(each, { pathname: `/${copy}` }));
      const host = hostOf({ ...pair.local, readerUrl: at(pair.local.readerUrl) }, at(pair.local.ownerUrl));
      expect(await host.list()).toMatchObject([{ name: 'warehouse', tables: 2, problems: [] }]);
      expect((await host.refresh('warehouse', pair.address, pair.reader)).changes).toEqual([]);
      await host.destroy('warehouse');
      expect(await pair.host.list()).toHaveLength(1);
    } finally {
      await executeSql(inject(localServer), `DROP DATABASE ${copy} WITH (FORCE)`);
    }
  });
});

const onRemote = (...statements: string[]) => executeSql(pair.remote.ownerUrl, ...statements);
const onLocal = (...statements: string[]) => executeSql(pair.local.ownerUrl, ...statements);
const read = (sql: string) => queryRows(pair.local.readerUrl, sql);
const refresh = (url = pair.address.url) =>
  pair.host.refresh('warehouse', { ...pair.address, url }, pair.reader);
const compare = (url: string) => pair.host.compare('warehouse', { ...pair.address, url }, pair.reader);
