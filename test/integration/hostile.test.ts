/**
 * SQL that strangers wrote, against a real server. Each text runs as the reader and, to see the wall that pgclip itself
 * is, as the owner of the tables, who could do all of it. What counts is that nothing has changed afterwards.
 */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunOptions } from '../../src/domain/ports.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { Observer, openReader, runAll } from '../support/runs.ts';

let database: TestDatabase;
let observer: Observer;
let before: unknown;
/** One connection each, so that every run meets what the last one left behind. */
let logins: Record<'reader' | 'owner', ReturnType<typeof openReader>>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.ownerUrl,
    'CREATE TABLE t (id int PRIMARY KEY, name text)',
    `INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')`,
    'CREATE SEQUENCE s',
    'CREATE TYPE pair AS (a int, b text)',
    // An author's function may do whatever its caller may.
    `CREATE FUNCTION do_sql(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE $1; RETURN 1; END'`,
  );
  observer = await Observer.open(database.superuserUrl);
  logins = { reader: openReader(database.readerUrl), owner: openReader(database.ownerUrl) };
  before = await effects();
});

afterEach(async () => {
  expect(await effects()).toEqual(before);
  for (const login of Object.values(logins)) await expect.poll(() => login.leased).toBe(0);
  expect(await observer.busy()).toBe(0);
});

afterAll(async () => {
  for (const login of Object.values(logins)) await login.close();
  await observer.end();
  await database.drop();
});

/** Everything that a run could have changed in the database. */
async function effects(): Promise<unknown> {
  const looks = [
    'SELECT * FROM t ORDER BY id',
    'SELECT last_value, is_called FROM s',
    `SELECT relname FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace ORDER BY 1`,
    'SELECT nspname FROM pg_namespace ORDER BY 1',
    'SELECT proname FROM pg_proc WHERE oid >= 16384 ORDER BY 1',
    `SELECT rolname, rolsuper FROM pg_roles WHERE rolname ^@ '${database.name}' ORDER BY 1`,
    'SELECT count(*) FROM pg_largeobject_metadata',
    `SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
     WHERE datname = current_database()`,
  ];
  const seen: unknown[] = [];
  for (const sql of looks) seen.push(await observer.rows(sql));
  return seen;
}

/** Every way in which a text is put into a COPY. */
const ways: RunOptions[] = [{}, { limit: 100, offset: 0 }, { nestedJson: true }];

describe('refuses', () => {
  it.each([
    ['several statements', 'select 1; drop table t', '42601'],
    ['a commit between statements', 'select 1; commit; drop table t', '42601'],
    ['a rollback between statements', 'select 1; rollback; drop table t; select 2', '42601'],
    ['a commit alone', 'commit', '42601'],
    ['a rollback alone', 'rollback', '42601'],
    ['a savepoint', 'savepoint a', '42601'],
    ['the end of a COPY and more', 'select 1) to stdout; drop table t; --', '42601'],
    ['the end of a COPY alone', 'select 1) to stdout --', '42601'],
    ['the end of a COPY to a program', `select 1) to program 'touch /tmp/pgclip-was-here' --`, '42601'],
    ['the end of a subquery', 'select 1) as q; drop table t; --', '42601'],
    ['a comment that is not closed', 'select 1 /*', '42601'],
    ['a nested comment that is not closed', 'select 1 /* /* */', '42601'],
    ['a comment that closes too often', 'select 1 /* */ */ ) to stdout; drop table t', '42601'],
    ['a text that is not closed', `select 'a`, '42601'],
    ['a name that is not closed', 'select 1 as "a', '42601'],
    ['a dollar quote that is not closed', 'select $a$ $b$', '42601'],
    ['a statement behind a dollar quote', 'select $$a$$; drop table t', '42601'],
    ['a statement behind a backslash', `select '\\'; drop table t; --'`, '42601'],
    ['a statement behind a carriage return', 'select 1; --\rdrop table t', '42601'],
    ['a statement behind a Unicode escape', `select U&'\\0027'; drop table t; --'`, '42601'],
    ['insert', `insert into t values (4, 'four') returning *`, '42601'],
    ['update', `update t set name = 'x' returning *`, '42601'],
    ['delete', 'delete from t returning *', '42601'],
    ['merge', 'merge into t using t u on false when not matched then do nothing', '42601'],
    ['a CTE that inserts', `with n as (insert into t values (4, 'x') returning *) table n`, '0A000'],
    ['a CTE that deletes', 'with gone as (delete from t returning *) select * from gone', '0A000'],
    [
      'a CTE that changes, hidden deep',
      'select * from (with n as (delete from t returning 1) table n) q',
      '0A000',
    ],
    ['select into', 'select * into copied from t', '42601'],
    ['create table as', 'create table copied as table t', '42601'],
    ['copy to stdout', 'copy t to stdout', '42601'],
    ['copy from a program', `copy t from program 'echo 9'`, '42601'],
    ['do', `do 'begin drop table t; end'`, '42601'],
    ['call', 'call x()', '42601'],
    ['explain analyze', 'explain analyze delete from t', '42601'],
    ['show', 'show all', '42601'],
    ['set', 'set statement_timeout = 0', '42601'],
    ['set transaction', 'set transaction read write', '42601'],
    ['reset', 'reset all', '42601'],
    ['prepare', 'prepare p as select 1', '42601'],
    ['execute', 'execute p', '42601'],
    ['listen', 'listen c', '42601'],
    ['notify', 'notify c', '42601'],
    ['lock', 'lock table t', '42601'],
    ['declare', 'declare c cursor for select 1', '42601'],
    ['vacuum', 'vacuum', '42601'],
    ['drop', 'drop table t', '42601'],
    ['rows for update', 'select * from t for update', '25006'],
    ['rows for share', 'select * from (select * from t for key share) q', '25006'],
    ['a parameter', 'select $1', '42P02'],
    ['nothing', ' ', '42601'],
    ['nothing but a comment', '-- select 1', '42601'],
    ['a semicolon', ';', '42601'],
  ])('%s', async (_, sql, sqlstate) => {
    for (const [name, login] of Object.entries(logins)) {
      for (const options of ways) {
        await expect(login.run(sql, options), name).rejects.toMatchObject({
          code: 'sql_refused',
          sql: { sqlstate },
        });
      }
      await expect(login.describe(sql), name).rejects.toMatchObject({ code: 'sql_refused' });
    }
  });

  it('a NUL character', async () => {
    await expect(logins.reader.run('select 1\0; drop table t')).rejects.toMatchObject({
      code: 'sql_refused',
    });
  });
});

describe('takes for what it is', () => {
  it.each([
    ['a comment at the end', 'select 1 -- ) to stdout; drop table t', '1'],
    ['comments with an end of COPY in them', 'select /* ) to stdout; drop table t; */ 1 /* /* ; */ */', '1'],
    [
      'a text that looks like an end',
      `select ') to stdout; drop table t; --'`,
      ') to stdout; drop table t; --',
    ],
    ['a backslash in a plain text', `select '\\'`, '\\'],
    [
      'a quote in an escaped text',
      `select E'\\') to stdout; drop table t; --'`,
      "') to stdout; drop table t; --",
    ],
    ['a dollar quote with a quote in it', `select $a$ $$ ' " ; drop table t $a$`, ` $$ ' " ; drop table t `],
    ['a Unicode escape', `select U&'\\0027) to stdout; drop table t; --'`, "') to stdout; drop table t; --"],
    ['a Unicode name', 'select U&"d\\0061t" from (select 1 as dat) q', '1'],
    ['semicolons and comments at the end', 'select 1 ; ; -- ;\n /* ; */ ;\n', '1'],
    ['a comment first', '-- )\r\n/* ; */ select 1', '1'],
    ['lines that end as on Windows', 'select 1 -- one\r\n + 1\r\n', '2'],
    ['lines that end in a carriage return alone', 'select 1 -- one\r + 1 -- two\r', '2'],
    ['parentheses around it', '((select 1))', '1'],
    ['WITH', 'with q as (select 1) table q', '1'],
    ['VALUES', 'values (1), (2)', '1'],
    ['an order and a limit of its own', 'select id from t order by id desc limit 1', '3'],
    ['a text over lines', `select 'a'\n'b'`, 'ab'],
  ])('%s', async (_, sql, value) => {
    for (const login of Object.values(logins)) {
      for (const options of ways) expect((await runAll(login, sql, options)).rows[0]?.[0]).toBe(value);
    }
  });
});

describe('can not be made to write', () => {
  it.each([
    ['a sequence', `select nextval('s')`, '25006'],
    ['a sequence set', `select setval('s', 99)`, '25006'],
    ['a large object', 'select lo_create(0)', '25006'],
    ['a function that writes', `select do_sql('delete from t')`, '25006'],
    ['a function that drops', `select do_sql('drop table t')`, '25006'],
    ['a function that makes a temporary table', `select do_sql('create temp table x (a int)')`, '25006'],
    ['a function that commits', `select do_sql('commit')`, '0A000'],
    ['read-write for this transaction', `select set_config('transaction_read_only', 'off', false)`, '25001'],
    ['read-write by a function', `select do_sql('set transaction read write')`, '25001'],
    ['a query in XML', `select query_to_xml('delete from t returning *', true, true, '')`, '0A000'],
  ])('%s', async (_, sql, sqlstate) => {
    for (const [name, login] of Object.entries(logins)) {
      const error = await runAll(login, sql).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      // The reader has no right to it to begin with.
      const states = name === 'owner' ? [sqlstate] : [sqlstate, '42501'];
      expect(error, name).toMatchObject({ code: 'sql_failed' });
      expect(states, name).toContain((error as { sql?: { sqlstate: string } }).sql?.sqlstate);
    }
  });

  it.each([
    ['read a file of the server', `select pg_read_file('postgresql.conf')`, '42501'],
    ['list a directory of the server', `select * from pg_ls_dir('.')`, '42501'],
    ['look at a file of the server', `select * from pg_stat_file('postgresql.conf')`, '42501'],
    ['import a file of the server', `select lo_import('/etc/passwd')`, '42501'],
    ['read the passwords', 'select rolpassword from pg_authid', '42501'],
    ['become the superuser', `select set_config('role', 'postgres', false)`, '42501'],
    ['log in anew', `select set_config('session_authorization', 'postgres', false)`, '42501'],
    ['reload the server', 'select pg_reload_conf()', '42501'],
    [
      'end the backend of another',
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'observer'`,
      '42501',
    ],
  ])('nor to %s', async (_, sql, sqlstate) => {
    for (const login of Object.values(logins)) {
      await expect(runAll(login, sql)).rejects.toMatchObject({ sql: { sqlstate } });
    }
  });

  it('nor to reach another server: dblink is not there', async () => {
    await expect(logins.owner.run(`select * from dblink('', 'select 1') as x(a int)`)).rejects.toMatchObject({
      code: 'sql_refused',
      sql: { sqlstate: '42883' },
    });
  });
});
