/**
 * However a remote changes, one refresh makes the link what the remote is, in one transaction, and a second one finds
 * nothing to do.
 */
import pg from 'pg';
import { describe, expect, inject, it } from 'vitest';
import type { LinkShape } from '../../src/adapters/postgres/links/shape.ts';
import { openRandom, type Random } from '../faults/random.ts';
import { type LinkedSchema, openLinkedSchema } from '../support/linked-schema.ts';

const rounds = 150;
const quote = pg.escapeIdentifier;
const tables = ['a', 'b', 'Users', 'mood', 'addr', 'select', 'ü x', 'q"q', 'x'.repeat(63)];
const columns = ['id', 'x', 'Y', 'select', 'ü', 'z"z', 'w;'];
const enums = ['public.mood', 'other.mood', 'public."Big Mood"', 'other.b'];
const labels = ['sad', 'ok', "it's", 'Ünder', 'a\\b'];
const builtIn = [
  ...[
    'integer',
    'bigint',
    'text',
    'varchar(10)',
    'char(4)',
    'numeric(10,2)',
    'timestamptz(3)',
    'jsonb',
    'name',
  ],
  ...['text[]', 'regclass', 'money', 'interval day to second', 'box[]', 'bit(3)', 'int4range'],
];
const userMade = [
  ...enums.flatMap((name) => [name, `${name}[]`]),
  ...['public.addr', 'public.addr', 'other.addr[]', 'public.dom', 'other.dom', 'other.dom[]', 'public.r'],
  ...['public."Users"', 'public.a[]'],
];
const collations = ['"C"', '"POSIX"', '"default"', '"und-x-icu"', 'public.same'];

/** What there is to begin with. */
const setUp = `CREATE SCHEMA other; CREATE COLLATION public.same FROM "C";
${enums.map((name) => `CREATE TYPE ${name} AS ENUM ('sad', 'ok', 'it''s');`).join('\n')}
CREATE TYPE public.addr AS (x public.mood, id integer); CREATE TYPE other.addr AS ("Y" other.b[]);
CREATE DOMAIN public.dom AS public."Big Mood"[]; CREATE DOMAIN other.dom AS text COLLATE "C";
CREATE TABLE a (id bigint NOT NULL, x public.mood, "Y" public.addr[], "ü" other.dom);
CREATE TABLE b (id public.dom, x other.addr, "select" other.mood[]);
CREATE TABLE "Users" (id integer, x text, "Y" a, "z""z" public.addr)`;

/** One change, made up; the remote may refuse it. Now and then something goes, else little would be left to change. */
function makeUpChange(random: Random): string {
  const table = () => `public.${quote(random.pick(tables))}`;
  const column = () => quote(random.pick(columns));
  const label = () => pg.escapeLiteral(random.pick(labels));
  const someUnique = (make: () => string, limit: number) => [
    ...new Set(Array.from({ length: random.below(limit) }, make)),
  ];
  const type = () => {
    const name = random.pick(random.pick([builtIn, userMade]));
    const collate = /^(text|varchar|name|char)/.test(name) && random.below(2) === 0;
    return collate ? `${name} COLLATE ${random.pick(collations)}` : name;
  };
  const body = () =>
    `(${someUnique(column, 5)
      .map((name) => `${name} ${type()}`)
      .join(', ')})`;
  const comment = () => random.pick(['NULL', "'it''s \\ one'", "'two'"]);
  const alter = () => `ALTER TABLE ${table()}`;
  const domain = () => random.pick(['public.dom', 'other.dom']);
  const composite = () => random.pick(['public.addr', 'other.addr']);
  const drops = [
    () => `DROP TABLE ${table()} CASCADE`,
    () => `DROP VIEW ${table()} CASCADE`,
    () => `DROP TYPE ${random.pick(enums)} CASCADE`,
    () => `DROP TYPE ${composite()} CASCADE`,
    () => `DROP DOMAIN ${domain()} CASCADE`,
    () => 'DROP TYPE public.r CASCADE',
  ];
  const others = [
    () => `CREATE TABLE ${table()} ${body()}`,
    () => `${alter()} RENAME TO ${quote(random.pick(tables))}`,
    () => `CREATE VIEW ${table()} AS SELECT * FROM ${table()}`,
    () => `${alter()} ADD COLUMN ${column()} ${type()}`,
    () => `${alter()} ADD COLUMN ${column()} ${type()} NOT NULL`,
    () => `${alter()} DROP COLUMN ${column()} CASCADE`,
    () => `${alter()} RENAME COLUMN ${column()} TO ${column()}`,
    () => retype(alter(), column(), type()),
    () => retype(alter(), column(), type()),
    () => `${alter()} ALTER COLUMN ${column()} ${random.pick(['SET', 'DROP'])} NOT NULL`,
    () => `COMMENT ON TABLE ${table()} IS ${comment()}`,
    () => `COMMENT ON COLUMN ${table()}.${column()} IS ${comment()}`,
    () => `CREATE TYPE ${random.pick(enums)} AS ENUM (${someUnique(label, 5).join(', ')})`,
    () =>
      `ALTER TYPE ${random.pick(enums)} ADD VALUE ${label()} ${random.pick(['BEFORE', 'AFTER'])} ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} ADD VALUE ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} ADD VALUE ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} RENAME VALUE ${label()} TO ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} RENAME VALUE ${label()} TO ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} RENAME VALUE ${label()} TO ${label()}`,
    () => `ALTER TYPE ${random.pick(enums)} SET SCHEMA ${random.pick(['public', 'other'])}`,
    () => `CREATE TYPE ${composite()} AS ${body()}`,
    () => `ALTER TYPE ${composite()} ADD ATTRIBUTE ${column()} ${type()} CASCADE`,
    () => `ALTER TYPE ${composite()} DROP ATTRIBUTE ${column()} CASCADE`,
    () => `CREATE DOMAIN ${domain()} AS ${type()}`,
    () => 'CREATE TYPE public.r AS RANGE (subtype = float8)',
  ];
  return random.pick(random.below(25) === 0 ? drops : others)();
}

function retype(alter: string, column: string, type: string): string {
  return `${alter} ALTER COLUMN ${column} TYPE ${type} USING NULL`;
}

/** A change of what the reader may read, or of the types that the local database has itself. */
function makeUpSurroundings(random: Random, { remote, local, reader }: LinkedSchema): Promise<unknown> {
  const table = `public.${quote(random.pick(tables))}`;
  const name = random.pick(enums.slice(0, 2));
  return random.pick([
    () => remote.query(`REVOKE SELECT ON ${table} FROM ${reader}`),
    () => remote.query(`GRANT SELECT ON ${table} TO ${reader}`),
    () => remote.query(`GRANT SELECT (${quote(random.pick(columns))}) ON ${table} TO ${reader}`),
    () => local.query(`CREATE TYPE ${name} AS ENUM ('sad', 'ok')`),
    () => local.query(`DROP TYPE ${name} CASCADE`),
    () => local.query(`CREATE TYPE public.addr AS (id integer)`),
    () => local.query(`DROP TYPE public.addr CASCADE`),
    () => local.query(`DROP FOREIGN TABLE warehouse.${quote(random.pick(tables))} CASCADE`),
  ])();
}

/** The shape without what is no difference. */
function comparable({ types, tables }: LinkShape) {
  const byName = <T extends { readonly name: string }>(items: readonly T[]) =>
    items.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    types: byName(types),
    tables: byName(tables.map(({ name, comment, columns }) => ({ name, comment, columns: byName(columns) }))),
  };
}

const pairs = [
  ['18 of 15', 'postgresUrl', 'postgres15Url'],
  ['15 of 18', 'postgres15Url', 'postgresUrl'],
  ['18 of 18', 'postgresUrl', 'postgresUrl'],
] as const;

describe.concurrent.each(pairs)('a link of %s', (name, localServer, remoteServer) => {
  it('becomes what its remote is, whatever became of that', { timeout: 180_000 }, async () => {
    const random = openRandom(`link shape, ${name}`, 20_261_121);
    const site = await openLinkedSchema({
      localServer: inject(localServer),
      remoteServer: inject(remoteServer),
    });
    try {
      await site.remote.query(setUp);
      await site.local.query(`CREATE SCHEMA other`);
      const done: string[] = [];
      for (let round = 0; round < rounds; round++) {
        for (let made = 0; made < 4; ) {
          const change = makeUpChange(random);
          const taken = await site.remote.query(change).then(
            () => true,
            () => false,
          );
          if (taken) done.push(change);
          if (taken || random.below(10) === 0) made++;
        }
        if (random.below(3) === 0) await makeUpSurroundings(random, site).catch(() => {});
        const plan = await site.plan();
        await site.refresh(plan).catch((error) => {
          throw new Error(`round ${round}: ${done.slice(-6).join(';\n')}`, { cause: error });
        });
        expect(comparable(await site.actual()), done.slice(-6).join(';\n')).toEqual(comparable(plan.shape));
        expect(await site.compare(plan)).toEqual({ steps: [], changes: [] });
        if (round % 10 === 0) await readAllTables(site, plan.shape);
      }
      expect(done.length).toBeGreaterThan(rounds);
    } finally {
      await site.close();
    }
  });
});

/** The foreign tables are what the remote takes for its tables. */
async function readAllTables({ local, link }: LinkedSchema, { tables }: LinkShape): Promise<void> {
  for (const table of tables) await local.query(`SELECT * FROM ${link}.${quote(table.name)}`);
}
