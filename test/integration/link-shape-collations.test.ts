/** Text compares in one way wherever a part of a query runs: on the remote only when that sorts as this database does. */
import { afterEach, describe, expect, inject, it } from 'vitest';
import { type LinkedSchema, type LinkedSchemaOptions, openLinkedSchema } from '../support/linked-schema.ts';

const sites: LinkedSchema[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

const words = ['a', 'B', 'c', 'D', 'é', 'Z', 'a b', 'ab', '_', 'ä'];

async function open(
  remoteLocale?: string,
  servers: Partial<LinkedSchemaOptions> = {},
): Promise<LinkedSchema> {
  const site = await openLinkedSchema({
    localServer: inject('postgresUrl'),
    remoteServer: inject('postgres15Url'),
    ...(remoteLocale === undefined ? {} : { remoteLocale }),
    ...servers,
  });
  sites.push(site);
  await site.remote.query(`CREATE TABLE words (w text PRIMARY KEY, v varchar(10), c char(5), n name, l text[],
    j jsonb, byte text COLLATE "C", icu text COLLATE "und-x-icu")`);
  for (const word of words)
    await site.remote.query(
      'INSERT INTO words VALUES ($1::text, $1, $1, $1, ARRAY[$1], to_jsonb($1::text), $1, $1)',
      [word],
    );
  await site.refresh();
  return site;
}

const icu = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'";
const sorted = ['w', 'v', 'c', 'n', 'l', 'j', 'byte', 'icu'];
const typesOf = async (site: LinkedSchema) =>
  Object.fromEntries(
    (await site.actual()).tables[0]?.columns.map(({ name, type, collation }) => [
      name,
      collation === null ? type : `${type} COLLATE ${collation}`,
    ]) ?? [],
  );

describe('a remote that sorts otherwise', () => {
  it('has its text compared here, and says so', async () => {
    const site = await open(icu);
    expect(await typesOf(site)).toEqual({
      w: 'warehouse.remote_text',
      v: 'warehouse.remote_varchar',
      c: 'warehouse.remote_bpchar',
      n: 'name',
      l: 'warehouse.remote_text_array',
      j: 'warehouse.remote_jsonb',
      byte: 'text COLLATE pg_catalog."C"',
      icu: 'warehouse.remote_text COLLATE pg_catalog."und-x-icu"',
    });
    const { warnings, textIsLocal } = await site.plan();
    expect(textIsLocal).toBe(true);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Text is compared .* C.* \(.*UTF8\) here and en-US \(icu [\d.]+, UTF8\) there\.$/,
      ),
      expect.stringMatching(/^Columns with these collations .*: "und-x-icu" \(icu [\d.]+, UTF8\)\.$/),
    ]);
  });

  it('gives the order of this database, and the right joins', async () => {
    const site = await open(icu);
    await site.local.query('CREATE TABLE here AS SELECT * FROM warehouse.words; ANALYZE here');
    for (const column of sorted) {
      const order = (schema: string) => `SELECT w FROM ${schema}.words ORDER BY ${column}, w COLLATE "C"`;
      const here = await site.local.query(order('warehouse'));
      await site.local.query('CREATE VIEW public.words AS SELECT * FROM here');
      expect([column, here.rows]).toEqual([column, (await site.local.query(order('public'))).rows]);
      await site.local.query('DROP VIEW public.words; SET enable_hashjoin = off; SET enable_nestloop = off');
      const joined = `SELECT count(*)::int AS n FROM here JOIN warehouse.words r USING (${column})`;
      expect(await site.explain(joined)).toContain('Merge Join');
      expect([column, (await site.local.query(joined)).rows]).toEqual([column, [{ n: words.length }]]);
      await site.local.query('RESET enable_hashjoin; RESET enable_nestloop');
    }
    const filter = await site.explain(
      "SELECT * FROM warehouse.words WHERE w > 'b' AND v = 'a' AND byte > 'b'",
    );
    expect(filter).toMatch(/Remote SQL: SELECT .* FROM public.words WHERE \(\(byte > 'b'\)\)$/);
  });

  it('of another encoding has even bytes compared here', async () => {
    const site = await open("ENCODING 'LATIN1' LOCALE 'C'");
    expect(await typesOf(site)).toMatchObject({
      w: 'warehouse.remote_text',
      n: 'warehouse.remote_name',
      byte: 'warehouse.remote_text COLLATE pg_catalog."C"',
    });
    const { rows } = await site.local.query('SELECT w FROM warehouse.words ORDER BY w');
    expect(rows.map(({ w }) => w)).toEqual(words.toSorted());
  });

  it('may come to sort alike', async () => {
    const site = await open(icu);
    await site.remote.query('ALTER TABLE words ALTER w TYPE text COLLATE "C"');
    expect((await site.refresh()).map(({ change, name, detail }) => [change, name, detail])).toEqual([
      ['changed', 'words.w', 'warehouse.remote_text → text COLLATE "C"'],
    ]);
  });
});

describe('a remote that sorts alike', () => {
  it.each([
    ["LOCALE 'C'", 'C', 'letters'],
    ["LOCALE 'C.UTF-8'", 'C.UTF-8', null],
  ])('%s compares text itself', async (locale, _, warned) => {
    const site = await open(locale);
    expect(await typesOf(site)).toMatchObject({
      w: 'text',
      v: 'character varying(10)',
      l: 'text[]',
      j: 'jsonb',
    });
    expect(await site.explain("SELECT w FROM warehouse.words WHERE w > 'b' ORDER BY w")).toMatch(
      /^Foreign Scan.*\n.*\n.*WHERE \(\(w > 'b'\)\) ORDER BY w ASC NULLS LAST$/,
    );
    const { warnings, textIsLocal } = await site.plan();
    expect(textIsLocal).toBe(false);
    expect(warnings.some((warning) => warning.includes('takes other characters for letters'))).toBe(
      warned !== null,
    );
  });

  it('with ICU of the same version too', async () => {
    const site = await open(icu, {
      remoteServer: inject('postgresUrl'),
      localServer: inject('postgresUrl'),
    });
    expect((await site.plan()).textIsLocal).toBe(true);
    expect(await typesOf(site)).toMatchObject({ icu: 'text COLLATE pg_catalog."und-x-icu"' });
  });
});
