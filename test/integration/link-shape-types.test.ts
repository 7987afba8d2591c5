/** Values of every kind of type arrive as the remote writes them, and compare as they do there. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type LinkedSchema, openLinkedSchema } from '../support/linked-schema.ts';

/** Column, type, a value as SQL. */
const built: readonly (readonly [name: string, type: string, value: string])[] = [
  ['i2', 'smallint', '-32768'],
  ['i8', 'bigint', '9223372036854775807'],
  ['n', 'numeric', '123456789012345678901234567890.0123456789'],
  ['n2', 'numeric(10,2)', '1.5'],
  ['n3', 'numeric(3,-2)', '12345'],
  ['f8', 'double precision', "'1e-310'"],
  ['f8nan', 'double precision', "'NaN'"],
  ['b', 'boolean', 'true'],
  ['t', 'text', 'E\'tab\\t, "quote" \\\\ ü\''],
  ['ch5', 'char(5)', "'ab'"],
  ['vc', 'varchar(20)', "''"],
  ['cc', '"char"', "'x'"],
  ['nm', 'name', "'a name'"],
  ['bit1', 'bit', "B'1'"],
  ['bit3', 'bit(3)', "B'101'"],
  ['vb', 'bit varying(5)', "B'10'"],
  ['by', 'bytea', "'\\xdeadbeef'"],
  ['d', 'date', "'infinity'"],
  ['ts', 'timestamp(3)', "'2026-11-21 08:15:00.123456 BC'"],
  ['tz', 'timestamptz', "'2026-03-29 02:30:00+01'"],
  ['ti', 'timetz(2)', "'12:00:00.129+02'"],
  ['iv', 'interval', "'-1 year 2 days 03:04:05.6'"],
  ['iv2', 'interval day to second(3)', "'5 days 1.23456 s'"],
  ['u', 'uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
  ['j', 'json', '\'{"b" : 1, "a":1.0}\''],
  ['jb', 'jsonb', '\'{"b" : 1, "a":1.0}\''],
  ['jp', 'jsonpath', "'$.a[*] ? (@ > 1)'"],
  ['x', 'xml', '\'<a b="c">ü</a>\''],
  ['ip', 'inet', "'10.0.0.1/8'"],
  ['mac', 'macaddr8', "'08:00:2b:01:02:03:04:05'"],
  ['pt', 'point', "'(1,2)'"],
  ['bx', 'box[]', "ARRAY['(1,2),(0,0)'::box, '(3,4),(1,1)']"],
  ['i8a', 'bigint[]', "'[0:1][-1:0]={{1,NULL},{3,4}}'"],
  ['ta', 'text[]', "ARRAY['a,b', '\"', NULL, 'NULL', '']"],
  ['vca', 'varchar(3)[]', "'{abc,d}'"],
  ['tsa', 'timestamp(3)[]', "'{2026-01-01 00:00:00.1234}'"],
  ['r', 'numrange', "'(1,2.50]'"],
  ['mr', 'int8multirange', "'{[1,3), [5,8)}'"],
  ['tv', 'tsvector', "'a:1A fat:2 cat:3'"],
  ['tq', 'tsquery', "'a & !b'"],
  ['lsn', 'pg_lsn', "'16/B374D848'"],
  ['x8', 'xid8', "'123456789012'"],
  ['ov', 'oidvector', "'1 2'"],
  ['mon', 'money', "'$1,234.50'"],
];

/** Those that the link's schema has a type for. */
const made: typeof built = [
  ['m', 'mood', "'ok'"],
  ['ma', 'mood[]', "'{happy,NULL,sad}'"],
  ['om', 'other.mood', "'it''s'"],
  ['e', 'email', "'a@b'"],
  ['ea', 'email[]', '\'{a@b,"c,d@e"}\''],
  ['sh', 'short', "'abc'"],
  ['ms', 'moods', "'{sad}'"],
  ['a', 'addr', "ROW('Main \"St\", 1', 12.5, 'happy', '{x@y}', ROW(1, NULL))"],
  ['aa', 'addr[]', "ARRAY[ROW('x', NULL, 'sad', NULL, ROW(NULL, ''))::addr, NULL]"],
  ['urow', 'users', "ROW(1, 'Ann', 'ok')"],
  ['fr', 'floats', "'[1.5,2]'"],
  ['h', 'hstore', '\'a=>1, "b c"=>NULL\''],
  ['ha', 'hstore[]', "ARRAY['a=>1'::hstore]"],
  ['ci', 'citext', "'AbC'"],
  ['cu', 'cube', "'(1,2),(3,4)'"],
  ['rc', 'regclass', "'users'"],
  ['rca', 'regtype[]', "'{int4,mood}'"],
  ['ac', 'aclitem', 'NULL'],
];

const setUp = `CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION cube; CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TYPE other.mood AS ENUM ('it''s', 'b');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%'); CREATE DOMAIN short AS varchar(10) NOT NULL;
CREATE DOMAIN moods AS mood[]; CREATE TYPE inner_part AS (id int, "Zip Code" text);
CREATE TYPE addr AS (street text, zip numeric(10,2), m mood, mails email[], part inner_part);
CREATE TYPE floats AS RANGE (subtype = float8);
CREATE TABLE users (id int PRIMARY KEY, name text, plan mood);
CREATE TABLE vals (${[...built, ...made].map(([name, type]) => `${name} ${type}`).join(', ')});
INSERT INTO vals VALUES (${[...built, ...made].map(([, , value]) => value).join(', ')});
CREATE TABLE moods_of (id int, m mood, e email, a addr, c citext);
INSERT INTO moods_of SELECT n, (enum_range(NULL::mood))[1 + n % 3], 'x' || n || '@y',
  ROW('s', n % 2, (enum_range(NULL::mood))[3 - n % 3], NULL, NULL)::addr, 'C' || n FROM generate_series(1, 12) n`;

describe.each([
  ['18 of 15', 'postgresUrl', 'postgres15Url'],
  ['15 of 18', 'postgres15Url', 'postgresUrl'],
] as const)('types in a link of %s', (_, localServer, remoteServer) => {
  let site: LinkedSchema;
  beforeAll(async () => {
    site = await openLinkedSchema({ localServer: inject(localServer), remoteServer: inject(remoteServer) });
    await site.remote.query(setUp);
    await site.remote.query("SET search_path = ''; SET timezone = 'UTC'");
    await site.local.query("SET timezone = 'UTC'");
    await site.refresh();
  });
  afterAll(() => site?.close());

  const typesOf = async (table: string) => {
    const { shape } = await site.plan();
    const columns = shape.tables.find(({ name }) => name === table)?.columns ?? [];
    return Object.fromEntries(columns.map(({ name, type }) => [name, type]));
  };

  it('show every value as the remote writes it', async () => {
    const all = [...built, ...made].map(([name]) => `${name}::text`).join(', ');
    const here = await site.local.query(`SELECT ${all} FROM warehouse.vals`);
    const there = await site.remote.query(`SELECT ${all} FROM public.vals`);
    expect(here.rows).toEqual(there.rows);
  });

  it("are the server's own where that has them, as the remote's", async () => {
    const types = await typesOf('vals');
    const { rows } = await site.remote.query(
      "SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'public.vals'::regclass AND attnum > 0",
    );
    for (const { attname, type } of rows.filter(({ attname }) => built.some(([name]) => name === attname)))
      expect([attname, types[attname]]).toEqual([attname, type]);
  });

  it('are made where the local database lacks them', async () => {
    const types = await typesOf('vals');
    expect(Object.fromEntries(made.map(([name]) => [name, types[name]?.replace('warehouse.', '')]))).toEqual({
      ...{ m: 'mood', ma: 'mood[]', om: 'other_mood', e: 'email', ea: 'email[]', sh: 'short', ms: 'moods' },
      ...{
        a: 'addr',
        aa: 'addr[]',
        urow: 'users_row',
        fr: 'floats',
        h: 'hstore',
        ha: 'hstore[]',
        ci: 'citext',
      },
      ...{ cu: 'cube', rc: 'regclass', rca: 'regtype[]', ac: 'aclitem' },
    });
    const { warnings } = await site.plan();
    expect(warnings).toEqual([
      expect.stringMatching(
        /as text.*: citext of the extension citext, cube of .*, hstore of .*, public\.floats\.$/,
      ),
    ]);
  });

  it('compare as they do on the remote', async () => {
    for (const tail of [
      "WHERE m > 'sad' ORDER BY m DESC, id",
      "WHERE m IN ('sad', 'happy') ORDER BY id",
      'WHERE m = (SELECT max(m) FROM SCHEMA.moods_of) ORDER BY id',
      "WHERE e < 'x2' ORDER BY e",
      'ORDER BY a, id',
      "WHERE (a).m = 'ok' ORDER BY id",
    ]) {
      const sql = (schema: string) => `SELECT id FROM ${schema}.moods_of ${tail.replace('SCHEMA', schema)}`;
      const here = await site.local.query(sql('warehouse'));
      const there = await site.remote.query(sql('public'));
      expect([tail, here.rows]).toEqual([tail, there.rows]);
      expect(here.rows.length).toBeGreaterThan(0);
    }
  });

  it('are never compared on the remote when they are made', async () => {
    const { rows } = await site.local.query({ text: 'SELECT * FROM warehouse.vals', rowMode: 'array' });
    expect(rows).toHaveLength(1);
    for (const [name] of made) {
      const plan = await site.explain(
        `SELECT 1 FROM warehouse.vals WHERE ${name} IS DISTINCT FROM NULL AND ${name}::text = 'x' ORDER BY ${name}::text`,
      );
      expect(plan).toMatch(/Remote SQL: SELECT (?!.*(WHERE|ORDER BY))/);
    }
    expect(
      await site.explain("SELECT 1 FROM warehouse.moods_of WHERE m = 'ok' OR e = 'x' OR c = 'c'"),
    ).toMatch(/Filter: .*\n.*Remote SQL: SELECT m, e, c FROM public.moods_of$/);
  });

  it('are compared there when both servers have them', async () => {
    const plan = await site.explain(
      "SELECT count(*), max(t) FROM warehouse.vals WHERE i8 > 5 AND t = 'x' AND tz < '2026-01-01' AND ta @> '{a}'",
    );
    expect(plan).toMatch(
      /Remote SQL: .* WHERE .*i8 > 5.*tz < '2026-01-01 00:00:00\+00'.*ta @> '\{a\}'.*t = 'x'/,
    );
  });

  it("are the local database's own where those are defined alike", async () => {
    await site.local.query(`CREATE TYPE public.mood AS ENUM ('sad', 'ok', 'happy'); CREATE EXTENSION citext;
      CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM ('b', 'it''s');
      CREATE TYPE public.inner_part AS (id int, "Zip Code" text);
      CREATE DOMAIN public.email AS text CHECK (VALUE LIKE '%@%');
      CREATE DOMAIN public.short AS varchar(10)`);
    try {
      await site.refresh();
      const { m, ma, om, e, sh, a, ci } = await typesOf('vals');
      expect({ m, ma, om, e, sh, a, ci }).toEqual({
        ...{ m: 'public.mood', ma: 'public.mood[]', om: 'warehouse.mood', e: 'public.email' },
        ...{ sh: 'warehouse.short', a: 'warehouse.addr', ci: 'public.citext' },
      });
      expect((await site.compare()).steps).toEqual([]);
      const { types } = await site.actual();
      expect(types.find(({ name }) => name === 'addr')).toMatchObject({
        attributes: [
          { name: 'street', type: 'text' },
          { name: 'zip', type: 'numeric(10,2)' },
          { name: 'm', type: 'public.mood' },
          { name: 'mails', type: 'public.email[]' },
          { name: 'part', type: 'public.inner_part' },
        ],
      });
      const { rows } = await site.local.query(
        "SELECT id FROM warehouse.moods_of WHERE c = 'c3' AND m = 'sad'",
      );
      expect(rows).toEqual([{ id: 3 }]);
    } finally {
      await site.local.query(`DROP SCHEMA other CASCADE; DROP TYPE public.mood, public.inner_part CASCADE;
        DROP DOMAIN public.email, public.short CASCADE; DROP EXTENSION citext CASCADE`);
      await site.refresh();
    }
    expect((await typesOf('vals')).m).toBe('warehouse.mood');
  });

  it('are none of the domains and composites that another login may change', async () => {
    const other = `${site.reader}_other`;
    await site.local.query(`CREATE ROLE ${other}; CREATE DOMAIN public.email AS text CHECK (VALUE LIKE '%@%');
      ALTER DOMAIN public.email OWNER TO ${other}; CREATE TYPE public.inner_part AS (id int, "Zip Code" text);
      ALTER TYPE public.inner_part OWNER TO ${other}`);
    try {
      const { shape } = await site.plan();
      const made = shape.types.map(({ name }) => name);
      expect(made).toContain('email');
      expect(made).toContain('inner_part');
      await site.local.query(`ALTER DOMAIN public.email OWNER TO CURRENT_USER`);
      expect((await site.plan()).shape.types.map(({ name }) => name)).not.toContain('email');
    } finally {
      await site.local.query(`DROP DOMAIN public.email; DROP TYPE public.inner_part; DROP ROLE ${other}`);
    }
  });
});
