import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { hardenDatabase } from '../../src/adapters/postgres/harden.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';

let database: TestDatabase;
const roles = new Set<string>();

beforeEach(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
});

afterEach(async () => {
  for (const role of roles)
    await executeSql(database.superuserUrl, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  roles.clear();
  await database.drop();
});

async function harden(url = database.superuserUrl) {
  const result = await hardenDatabase(url);
  roles.add(`"${result.role}"`);
  return result;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

describe('hardenDatabase', () => {
  it('makes a login that reads what there is and what is made later, in every schema', async () => {
    await executeSql(
      database.ownerUrl,
      'CREATE SCHEMA "Sales Data"',
      'CREATE TABLE "Sales Data"."T 1" AS SELECT 1 AS n',
      'CREATE VIEW v AS SELECT 2 AS n',
      'CREATE MATERIALIZED VIEW m AS SELECT 3 AS n',
    );
    const { url, role } = await harden();
    await executeSql(
      database.ownerUrl,
      'CREATE TABLE later AS SELECT 4 AS n',
      'CREATE SCHEMA next',
      'CREATE TABLE next.t AS SELECT 5 AS n',
    );
    const sql =
      'SELECT n FROM "Sales Data"."T 1" UNION TABLE v UNION TABLE m UNION TABLE later UNION TABLE next.t ORDER BY n';
    expect(await query(url, sql)).toEqual([1, 2, 3, 4, 5]);
    expect(role).toBe(`pgclip_reader_${database.name}`);
    expect(await query(url, 'SELECT current_user')).toEqual([role]);
    expect(await query(url, 'SHOW default_transaction_read_only')).toEqual(['on']);
  });

  it('lets the login do nothing but read', async () => {
    await executeSql(database.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n', 'CREATE SEQUENCE s');
    const { url } = await harden();
    const writable = 'SET default_transaction_read_only = off';
    for (const sql of [
      'INSERT INTO t VALUES (2)',
      'UPDATE t SET n = 2',
      'DELETE FROM t',
      'TRUNCATE t',
      'CREATE TABLE u (n int)',
      'CREATE SCHEMA u',
      "SELECT nextval('s')",
      "SELECT pg_read_file('/etc/passwd')",
      `SET ROLE ${database.name}_owner`,
      "COPY t TO PROGRAM 'true'",
    ])
      await expect(executeSql(url, writable, sql), sql).rejects.toMatchObject({ code: '42501' });
    await expect(query(url, 'CREATE TEMP TABLE u (n int)')).rejects.toMatchObject({ code: '25006' });
    const attributes =
      'rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin';
    expect(await query(url, `SELECT ${attributes} FROM pg_roles WHERE rolname = current_user`)).toEqual([
      ...Array(6).fill(false),
      true,
    ]);
  });

  it('renews the password of a role that exists, and grants what is new', async () => {
    const first = await harden();
    await executeSql(
      database.superuserUrl,
      'CREATE TABLE t AS SELECT 1 AS n',
      `REVOKE ALL ON t FROM ${first.role}`,
    );
    const second = await harden();
    expect(second.role).toBe(first.role);
    await expect(query(first.url, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(await query(second.url, 'TABLE t')).toEqual([1]);
  });

  it('gives Postgres a verifier, not the password', async () => {
    const { url, role } = await harden();
    const [stored] = await query(
      database.superuserUrl,
      `SELECT rolpassword FROM pg_authid WHERE rolname = '${role}'`,
    );
    expect(stored).toMatch(/^SCRAM-SHA-256\$4096:/);
    expect(stored).not.toContain(new URL(url).password);
  });

  it('works with an owner that may create roles, and says what that one may not grant', async () => {
    await executeSql(
      database.superuserUrl,
      `ALTER ROLE ${database.name}_owner CREATEROLE`,
      'CREATE TABLE foreign_one ()',
    );
    await executeSql(database.ownerUrl, 'CREATE TABLE own AS SELECT 1 AS n');
    for (const attempt of [1, 2]) {
      const { url, warnings } = await harden(database.ownerUrl);
      expect(await query(url, 'TABLE own'), `attempt ${attempt}`).toEqual([1]);
      expect(warnings).toEqual([expect.stringContaining('may not grant on public.foreign_one;')]);
    }
  });

  it('refuses a role of that name that may do more, and leaves it as it is', async () => {
    const role = `pgclip_reader_${database.name}`;
    await executeSql(database.superuserUrl, `CREATE ROLE ${role} CREATEDB`);
    roles.add(role);
    await expect(hardenDatabase(database.superuserUrl)).rejects.toThrow(`The role ${role} exists`);
    expect(
      await query(database.superuserUrl, `SELECT rolcanlogin FROM pg_roles WHERE rolname = '${role}'`),
    ).toEqual([false]);
  });

  it('makes nothing when the login may not create roles', async () => {
    await expect(hardenDatabase(database.ownerUrl)).rejects.toMatchObject({ code: '42501' });
    const sql = `SELECT rolname FROM pg_roles WHERE rolname LIKE 'pgclip_reader_${database.name}%'`;
    expect(await query(database.superuserUrl, sql)).toEqual([]);
  });

  it('warns of what everyone may do', async () => {
    await executeSql(
      database.superuserUrl,
      'CREATE SCHEMA "open"',
      'GRANT CREATE ON SCHEMA "open" TO PUBLIC',
      'GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC',
    );
    expect((await harden()).warnings).toEqual([
      expect.stringContaining('REVOKE CREATE ON SCHEMA "open" FROM PUBLIC'),
      expect.stringContaining('pg_read_file()'),
    ]);
  });

  it('makes a name that fits and is its own from any name of a database', async () => {
    const odd = `${'Ärger "x" '.repeat(5)}${database.name}`.slice(0, 50);
    await executeSql(database.superuserUrl, `CREATE DATABASE ${pg.escapeIdentifier(odd)}`);
    const url = new URL(database.superuserUrl);
    url.pathname = `/${encodeURIComponent(odd)}`;
    try {
      const made = await hardenDatabase(url.href);
      expect(made.role).toMatch(/^pgclip_reader_[a-z0-9_]{40}_[0-9a-f]{8}$/);
      expect(await query(made.url, 'SELECT current_database()')).toEqual([odd]);
      await executeSql(url.href, `DROP OWNED BY "${made.role}"`, `DROP ROLE "${made.role}"`);
    } finally {
      await executeSql(database.superuserUrl, `DROP DATABASE ${pg.escapeIdentifier(odd)}`);
    }
  });
});
