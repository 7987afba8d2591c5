/** Which tables and columns of a remote are in a link, under which names, and what is said of them. */
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { readRemoteCatalog } from '../../src/adapters/postgres/links/remote-catalog.ts';
import { type LinkedSchema, openLinkedSchema } from '../support/linked-schema.ts';

let site: LinkedSchema;
beforeEach(async () => {
  site = await openLinkedSchema({
    localServer: inject('postgres15Url'),
    remoteServer: inject('postgresUrl'),
    link: 'select',
  });
});
afterEach(() => site?.close());

const quote = pg.escapeIdentifier;
const tableNames = async () => (await site.actual()).tables.map(({ name }) => name);

describe('a linked schema', () => {
  it('has all that can be read like a table, but no partitions and what is no table', async () => {
    await site.remote.query(`CREATE TABLE plain (id serial PRIMARY KEY); CREATE VIEW viewed AS SELECT 1 AS one;
      CREATE MATERIALIZED VIEW kept AS SELECT 2 AS two; CREATE INDEX named ON plain (id);
      CREATE TABLE parted (k int) PARTITION BY LIST (k);
      CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1); CREATE TABLE heir () INHERITS (plain);
      CREATE TYPE row AS (id int); CREATE SCHEMA other; CREATE TABLE other.elsewhere (id int)`);
    await site.refresh();
    expect(await tableNames()).toEqual(['heir', 'kept', 'parted', 'plain', 'viewed']);
  });

  it('has what the reading login may read, and tells what it may not', async () => {
    await site.remote.query(`CREATE TABLE hidden (id int); REVOKE SELECT ON hidden FROM ${site.reader};
      CREATE TABLE partly (id int, secret text, "Shown" text); REVOKE SELECT ON partly FROM ${site.reader};
      GRANT SELECT (id, "Shown") ON partly TO ${site.reader}; ALTER TABLE partly DROP COLUMN id`);
    const changes = await site.refresh();
    expect(changes.map(({ name }) => name)).toEqual(['partly']);
    expect((await site.actual()).tables[0]?.columns.map(({ name }) => name)).toEqual(['Shown']);
    await site.local.query('SELECT * FROM "select".partly');
  });

  it('keeps odd names, and the values under them', async () => {
    const long = 'ü'.repeat(31);
    const names = [
      'Upper',
      'a b',
      'quo"te',
      "it's",
      'back\\slash',
      'select',
      'user',
      long,
      '%s',
      'a.b',
      '中文',
      '; --',
    ];
    for (const name of names) {
      const columns = names.map(
        (column) => `${quote(column)} text NOT NULL DEFAULT ${pg.escapeLiteral(column)}`,
      );
      await site.remote.query(`CREATE TABLE ${quote(name)} (${columns.join(', ')});
        COMMENT ON TABLE ${quote(name)} IS ${pg.escapeLiteral(name)};
        COMMENT ON COLUMN ${quote(name)}.${quote(name)} IS ${pg.escapeLiteral(`${name} '`)};
        CREATE TYPE ${quote(`${name} t`)} AS ENUM (${names.map((label) => pg.escapeLiteral(label)).join(', ')});
        ALTER TABLE ${quote(name)} ADD typed ${quote(`${name} t`)} DEFAULT ${pg.escapeLiteral(name)};
        INSERT INTO ${quote(name)} DEFAULT VALUES`);
    }
    await site.refresh();
    expect((await tableNames()).toSorted()).toEqual(names.toSorted());
    expect(await site.compare()).toEqual({ steps: [], changes: [] });
    for (const name of names) {
      const { rows } = await site.local.query(`SELECT * FROM "select".${quote(name)}`);
      expect(rows).toEqual([{ ...Object.fromEntries(names.map((each) => [each, each])), typed: name }]);
    }
    const table = (await site.actual()).tables.find(({ name }) => name === 'back\\slash');
    expect(table?.comment).toBe('back\\slash');
    expect(table?.columns.find(({ name }) => name === 'back\\slash')).toMatchObject({
      comment: "back\\slash '",
      notNull: true,
    });
  });

  it('gives no type a name that a table or another type has', async () => {
    await site.remote.query(`CREATE SCHEMA other; CREATE TYPE other.users AS ENUM ('a');
      CREATE TYPE other.mood AS ENUM ('b'); CREATE TYPE public.mood AS ENUM ('c'); CREATE TABLE users (id int);
      CREATE TYPE users_row AS ENUM ('d'); CREATE TYPE regclass AS ENUM ('e');
      CREATE TABLE _mood (u users, us users[], ou other.users, om other.mood, pm public.mood, r users_row,
        rc public.regclass, sys pg_catalog.regclass)`);
    await site.refresh();
    const columns = (await site.actual()).tables.find(({ name }) => name === '_mood')?.columns ?? [];
    expect(
      Object.fromEntries(columns.map(({ name, type }) => [name, type.replace('"select".', '')])),
    ).toEqual({
      u: 'public_users_row',
      us: 'public_users_row[]',
      ou: 'other_users',
      om: 'other_mood',
      pm: 'mood',
      r: 'users_row',
      rc: 'regclass',
      sys: 'pg_catalog_regclass',
    });
    expect(await site.compare()).toEqual({ steps: [], changes: [] });
  });

  it('has NOT NULL of tables alone, where it was checked', async () => {
    await site.remote.query(`CREATE TABLE t (a int NOT NULL, b int, c int);
      ALTER TABLE t ADD CONSTRAINT late NOT NULL b NOT VALID; CREATE VIEW v AS SELECT * FROM t`);
    await site.refresh();
    const { tables } = await site.actual();
    expect(tables.map(({ columns }) => columns.map(({ notNull }) => notNull))).toEqual([
      [true, false, false],
      [false, false, false],
    ]);
  });

  it('has tables without columns, and with as many as there can be, whatever becomes of these', async () => {
    const columns = Array.from({ length: 1600 }, (_, i) => `c${i} int`);
    await site.remote.query(`CREATE TABLE none (); INSERT INTO none DEFAULT VALUES;
      CREATE TABLE wide (${columns.join(', ')}); INSERT INTO wide DEFAULT VALUES`);
    await site.refresh();
    await site.remote.query('ALTER TABLE wide RENAME COLUMN c7 TO c7_new');
    const changes = await site.refresh();
    expect(changes.map(({ change, name, detail }) => [change, name, detail])).toEqual([
      ['removed', 'wide.c7', null],
      ['added', 'wide.c7_new', 'integer'],
    ]);
    const { rows, fields } = await site.local.query('SELECT wide.* FROM "select".wide, "select".none');
    expect([rows.length, fields.length]).toEqual([1, 1600]);
    expect(await site.compare()).toEqual({ steps: [], changes: [] });
  });

  it('leaves out columns whose names a foreign table has for itself, and says so', async () => {
    await site.remote.query(
      'CREATE TABLE t (id int); CREATE VIEW v AS SELECT xmin, ctid, id, 1 AS "CTID" FROM t',
    );
    await site.refresh();
    expect((await site.actual()).tables[1]?.columns.map(({ name }) => name)).toEqual(['id', 'CTID']);
    expect((await site.plan()).warnings).toEqual([expect.stringMatching(/left out.*: v\.xmin, v\.ctid\.$/)]);
  });

  it('touches nothing that is not made for it', async () => {
    await site.local.query(`CREATE TABLE "select".mine (id int); CREATE TYPE "select".my_type AS ENUM ('a');
      CREATE SERVER others FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE "select".far (id int) SERVER others`);
    await site.remote.query('CREATE TABLE t (id int)');
    await site.refresh();
    await site.remote.query('DROP TABLE t');
    await site.refresh();
    expect(await site.actual()).toEqual({ types: [], tables: [] });
    const { rows } =
      await site.local.query(`SELECT relname FROM pg_class WHERE relnamespace = '"select"'::regnamespace
      ORDER BY 1`);
    expect(rows).toEqual([{ relname: 'far' }, { relname: 'mine' }]);
    await site.local.query(`SELECT 'a'::"select".my_type`);
  });
});

describe('a schema of the remote', () => {
  it('may be absent, or shut', async () => {
    await site.remote.query('CREATE SCHEMA shut; CREATE TABLE shut.t (id int)');
    const url = new URL(inject('postgresUrl'));
    const { database } = site.remote;
    [url.username, url.password, url.pathname] = [site.reader, site.reader, `/${database}`];
    const reading = new pg.Client({ connectionString: url.href });
    await reading.connect();
    try {
      expect(await readRemoteCatalog(reading, 'absent')).toMatchObject({ schemaExists: false, tables: [] });
      expect(await readRemoteCatalog(reading, 'shut')).toMatchObject({
        schemaExists: true,
        tables: [{ name: 't' }],
      });
      await site.remote.query(`REVOKE USAGE ON SCHEMA shut FROM ${site.reader}`);
      const shut = await readRemoteCatalog(reading, 'shut');
      expect(shut).toMatchObject({ schemaExists: true, tables: [], unreadable: ['t'] });
      expect([shut.types.size, shut.databaseName, shut.encoding]).toEqual([0, database, 'UTF8']);
    } finally {
      await reading.end();
    }
  });
});
