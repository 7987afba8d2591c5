/** The login check: every way in which a login may do more than read, on a real server. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { LoginProblem } from '../../src/domain/ports.ts';
import { createTestDatabase, executeSql, type TestDatabase } from '../support/postgres.ts';
import { openReader, runValue } from '../support/runs.ts';

let database: TestDatabase;
/** A login of its own for each test, a plain reader, and roles that it may be given. */
let login: string;
const roles: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  await executeSql(
    database.ownerUrl,
    'CREATE TABLE t (id int, name text)',
    'CREATE SEQUENCE s',
    'CREATE VIEW v AS TABLE t',
  );
});

afterAll(() => database.drop());

beforeEach(async () => {
  login = await makeRole('login', 'LOGIN');
  await admin(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${login}`);
});

afterEach(async () => {
  for (const role of roles.splice(0).reverse()) {
    await admin(`REASSIGN OWNED BY ${role} TO postgres`, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
  }
});

const admin = (...statements: string[]) => executeSql(database.superuserUrl, ...statements);

async function makeRole(name: string, options = ''): Promise<string> {
  const role = `${database.name}_${name}`;
  await admin(`CREATE ROLE ${role} ${options} PASSWORD '${role}'`);
  roles.push(role);
  return role;
}

function urlOf(role: string): string {
  const url = new URL(database.readerUrl);
  [url.username, url.password] = [role, role];
  return url.href;
}

async function inspect(url = urlOf(login)) {
  const reader = openReader(url);
  try {
    return await reader.inspect();
  } finally {
    await reader.close();
  }
}

const refusals = (problems: readonly LoginProblem[]) =>
  problems.filter((problem) => problem.level === 'refuse').map((problem) => problem.message);

describe('a login that only reads', () => {
  it('is safe, and there is nothing to say of it', async () => {
    expect(await inspect()).toMatchObject({
      name: 'DATABASE_URL',
      reachable: true,
      serverVersion: expect.stringMatching(/^\d+\.\d+$/),
      databaseName: database.name,
      login,
      safe: true,
      problems: [],
      error: null,
    });
  });

  it('is safe as a member of roles that only read', async () => {
    await admin(`GRANT pg_read_all_data, pg_monitor TO ${login}`);
    expect(await inspect()).toMatchObject({ safe: true, problems: [] });
  });
});

describe('a login that may do more', () => {
  it.each<[string, (role: string) => string[], string]>([
    ['make roles', (role) => [`ALTER ROLE ${role} CREATEROLE`], 'It may make roles'],
    ['make databases', (role) => [`ALTER ROLE ${role} CREATEDB`], 'It may make databases.'],
    ['replicate', (role) => [`ALTER ROLE ${role} REPLICATION`], 'It may replicate'],
    ['insert into one table', (role) => [`GRANT INSERT ON t TO ${role}`], 'It may write to tables.'],
    ['truncate one table', (role) => [`GRANT TRUNCATE ON t TO ${role}`], 'It may write to tables.'],
    ['write to a view', (role) => [`GRANT DELETE ON v TO ${role}`], 'It may write to tables.'],
    ['update one column', (role) => [`GRANT UPDATE (name) ON t TO ${role}`], 'It may write to tables.'],
    ['insert into one column', (role) => [`GRANT INSERT (id) ON t TO ${role}`], 'It may write to tables.'],
    [
      'write everywhere',
      (role) => [`GRANT pg_write_all_data TO ${role}`],
      'It is a member of pg_write_all_data.',
    ],
    [
      'run programs of the server',
      (role) => [`GRANT pg_execute_server_program TO ${role}`],
      'It is a member of pg_execute_server_program.',
    ],
    [
      'read files of the server',
      (role) => [`GRANT pg_read_server_files TO ${role}`],
      'It is a member of pg_read_server_files.',
    ],
    [
      'change a table that it owns',
      (role) => ['CREATE TABLE mine (id int)', `ALTER TABLE mine OWNER TO ${role}`],
      'It owns tables',
    ],
    [
      'change a schema that it owns',
      (role) => [`CREATE SCHEMA mine_${role} AUTHORIZATION ${role}`],
      'It owns a schema.',
    ],
  ])('is refused: it may %s', async (_, grants, message) => {
    await admin(...grants(login));
    const status = await inspect();
    expect(status.safe).toBe(false);
    expect(refusals(status.problems)).toContainEqual(expect.stringContaining(message));
  });

  it.each<[string, (role: string) => string[], string]>([
    ['write', (role) => [`GRANT UPDATE ON t TO ${role}`], 'It may write to tables.'],
    ['make roles', (role) => [`ALTER ROLE ${role} CREATEROLE`], 'It may make roles'],
    [
      'change a table',
      (role) => ['CREATE TABLE theirs (id int)', `ALTER TABLE theirs OWNER TO ${role}`],
      'It owns tables',
    ],
  ])('is refused: it can become a role that may %s, inherited or not', async (_, grants, message) => {
    const other = await makeRole('other');
    await admin(...grants(other));
    for (const options of ['INHERIT TRUE', 'INHERIT FALSE', 'INHERIT FALSE, SET FALSE']) {
      await admin(`GRANT ${other} TO ${login} WITH ${options}`);
      const status = await inspect();
      expect(status.safe, options).toBe(false);
      expect(refusals(status.problems), options).toContainEqual(expect.stringContaining(message));
    }
  });

  it('is refused as the owner of the database, and as a superuser', async () => {
    const owner = await inspect(database.ownerUrl);
    expect(owner.safe).toBe(false);
    expect(refusals(owner.problems)).toContain('It owns the database.');
    const superuser = await inspect(database.superuserUrl);
    expect(superuser).toMatchObject({ safe: false, login: 'postgres' });
    expect(refusals(superuser.problems)[0]).toMatch(/^It is a superuser/);
  });

  it('is refused although it comes in as a role that only reads, since a query can undo that', async () => {
    const mask = await makeRole('mask');
    await admin(
      `GRANT ${mask} TO ${login}`,
      `GRANT UPDATE ON t TO ${login}`,
      `ALTER ROLE ${login} SET role TO ${mask}`,
    );
    const open = openReader(urlOf(login));
    expect(await runValue(open, 'SELECT current_user')).toBe(mask);
    expect(await runValue(open, `SELECT set_config('role', 'none', true)`)).toBe('none');
    await open.close();
    expect(await inspect()).toMatchObject({ login, safe: false });

    for (const parameter of ['role', 'session_authorization']) {
      const disguised = `${database.superuserUrl}?options=-c%20${parameter}%3D${mask}`;
      expect(await inspect(disguised), parameter).toMatchObject({ login: 'postgres', safe: false });
    }
  });

  it.each<[string, string, string]>([
    ['tables in a schema', 'CREATE ON SCHEMA public', 'It may create objects in public.'],
    ['schemas', 'CREATE ON DATABASE', 'It may create schemas.'],
    ['values of sequences', 'USAGE ON SEQUENCE s', 'It may use sequences.'],
  ])('is warned of: it may make %s', async (_, right, message) => {
    await admin(`GRANT ${right.endsWith('DATABASE') ? `${right} ${database.name}` : right} TO ${login}`);
    const status = await inspect();
    expect(status.safe).toBe(true);
    expect(status.problems).toEqual([{ level: 'warn', message: expect.stringContaining(message) }]);
  });
});

describe('a login that may reach other servers', () => {
  it('is warned of: it may use a foreign server', async () => {
    await admin(
      'CREATE EXTENSION postgres_fdw',
      'CREATE SERVER "Other" FOREIGN DATA WRAPPER postgres_fdw',
      'CREATE SERVER closed FOREIGN DATA WRAPPER postgres_fdw',
      `GRANT USAGE ON FOREIGN SERVER "Other" TO ${login}`,
    );
    const status = await inspect();
    expect(status.safe).toBe(true);
    const message = expect.stringContaining('It may use the foreign server "Other",');
    expect(status.problems).toEqual([{ level: 'warn', message }]);
    await admin('DROP EXTENSION postgres_fdw CASCADE');
  });

  it('is warned of: it may call dblink, until that is taken away', async () => {
    await admin('CREATE SCHEMA elsewhere', 'CREATE EXTENSION dblink SCHEMA elsewhere');
    const message = expect.stringContaining('It may call functions of dblink');
    expect((await inspect()).problems).toEqual([{ level: 'warn', message }]);
    await admin('REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA elsewhere FROM PUBLIC');
    expect((await inspect()).problems).toEqual([]);
    await admin('DROP EXTENSION dblink', 'DROP SCHEMA elsewhere');
  });
});

describe('a login that can not be looked at', () => {
  it.each<[string, (url: URL) => void]>([
    ['a wrong password', (url) => Object.assign(url, { password: 'wrong-secret' })],
    ['a database that is not there', (url) => Object.assign(url, { pathname: '/nowhere' })],
    ['a server that is not there', (url) => Object.assign(url, { port: '1' })],
  ])('says why, without the password: %s', async (_, change) => {
    const url = new URL(urlOf(login));
    change(url);
    const status = await inspect(url.href);
    expect(status).toMatchObject({ reachable: false, safe: null, problems: [], login: null });
    expect(status.error).toMatch(/SQLSTATE|ECONNREFUSED/);
    expect(status.error).not.toContain(url.password);
  });
});
