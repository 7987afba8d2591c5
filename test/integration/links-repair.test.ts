/** Links of which something was taken away by hand: it is told, and a refresh repairs it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createLinkPair, hostOf, type LinkPair, queryRows } from '../support/links.ts';
import { createTestDatabase, executeSql, findDebianPostgres } from '../support/postgres.ts';

let pair: LinkPair;

describe.each([
  ['18 to 15', 'postgresUrl', 'postgres15Url'],
  ['15 to 18', 'postgres15Url', 'postgresUrl'],
] as const)('a link from %s', (_, localServer, remoteServer) => {
  beforeAll(async () => {
    pair = await createLinkPair(inject(localServer), inject(remoteServer));
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE TABLE users (id bigint, name text)',
      "INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob')",
      'CREATE TABLE events (user_id bigint, at date)',
    );
    await pair.host.create({ name: 'warehouse', schema: 'public', reader: pair.reader }, pair.address);
  });
  afterAll(() => pair.drop());

  it.each<[string, string[], string | RegExp]>([
    ['its schema dropped', ['DROP SCHEMA warehouse CASCADE'], 'The schema warehouse is gone'],
    [
      'its server dropped',
      ['DROP SERVER warehouse_server CASCADE'],
      'The foreign server warehouse_server is gone',
    ],
    [
      'its login dropped',
      ['DROP USER MAPPING FOR PUBLIC SERVER warehouse_server'],
      'The login that warehouse_server uses on the remote is gone',
    ],
    ['a table dropped', ['DROP FOREIGN TABLE warehouse.users'], /^$/],
    [
      'its schema renamed',
      ['ALTER SCHEMA warehouse RENAME TO other'],
      'The schema of the link is called other',
    ],
    [
      'its server renamed',
      ['ALTER SERVER warehouse_server RENAME TO other'],
      "The link's foreign server is called other",
    ],
    [
      'rights taken away',
      ['REVOKE ALL ON SCHEMA warehouse FROM READER'],
      'The clip login may not use the schema warehouse',
    ],
    [
      'rights to a table taken away',
      ['REVOKE ALL ON warehouse.users FROM READER'],
      'The clip login may not read 1 of the 2 tables',
    ],
    [
      'its server opened',
      ['GRANT USAGE ON FOREIGN SERVER warehouse_server TO READER'],
      'The clip login may use the foreign server warehouse_server',
    ],
  ])('is repaired after %s', async (_, statements, message) => {
    await onLocal(...statements.map((each) => each.replace('READER', pair.reader)));
    const [link] = await pair.host.list();
    const problems = (link?.problems ?? []).map((problem) => problem.message).join(' ');
    if (typeof message === 'string') expect(problems).toContain(message);
    else expect(problems).toMatch(message);
    expect(await pair.host.compare('warehouse', pair.address, pair.reader)).not.toEqual([]);
    const { changes } = await refresh();
    expect(changes.length).toBeGreaterThan(0);
    expect((await pair.host.list())[0]?.problems).toEqual([]);
    expect(await read('SELECT name FROM warehouse.users ORDER BY 1')).toEqual([['Ann'], ['Bob']]);
    expect(await pair.host.compare('warehouse', pair.address, pair.reader)).toEqual([]);
  });

  it.each([
    ['schema', 'SCHEMA warehouse'],
    ['foreign server', 'SERVER warehouse_server'],
  ])('says how its %s gets back the comment that someone took', async (what, object) => {
    await onLocal(`COMMENT ON ${object} IS NULL`);
    const [link] = await pair.host.list();
    const [problem, ...more] = link?.problems ?? [];
    expect(problem?.message).toContain(`The ${what} warehouse`);
    expect(more).toEqual([]);
    const refused = { code: 'link_name_taken', message: problem?.message };
    await expect(pair.host.compare('warehouse', pair.address, pair.reader)).rejects.toMatchObject(refused);
    await expect(refresh()).rejects.toMatchObject(refused);
    await expect(pair.host.destroy('warehouse')).rejects.toMatchObject(refused);
    expect(await read('SELECT name FROM warehouse.users ORDER BY 1')).toEqual([['Ann'], ['Bob']]);
    await onLocal(/COMMENT ON .*?';/.exec(problem?.message ?? '')?.[0] ?? '');
    expect((await refresh()).changes).toEqual([]);
    expect((await pair.host.list())[0]?.problems).toEqual([]);
  });

  it('is closed again after a role of the clip login was let into its server', async () => {
    const group = `${pair.local.name}_group`;
    await executeSql(pair.local.superuserUrl, `CREATE ROLE ${group}`, `GRANT ${group} TO ${pair.reader}`);
    try {
      await onLocal(`GRANT USAGE ON FOREIGN SERVER warehouse_server TO ${group}`);
      expect((await pair.host.list())[0]?.problems).toMatchObject([
        { level: 'warn', message: expect.stringContaining('may use the foreign server') },
      ]);
      expect((await refresh()).changes).toMatchObject([
        { kind: 'rights', detail: 'may use the foreign server' },
      ]);
      expect((await pair.host.list())[0]?.problems).toEqual([]);
      expect(await read("SELECT has_server_privilege('warehouse_server', 'USAGE')")).toEqual([[false]]);
    } finally {
      await executeSql(pair.local.superuserUrl, `DROP OWNED BY ${group}`, `DROP ROLE ${group}`);
    }
  });

  it('says who has to give it parts that belong to another', async () => {
    await executeSql(pair.local.superuserUrl, 'ALTER FOREIGN TABLE warehouse.users OWNER TO postgres');
    expect((await pair.host.list())[0]?.problems).toMatchObject([
      { level: 'warn', message: expect.stringContaining('"postgres"') },
    ]);
    const error = await refresh().catch((each) => each);
    expect(error.code).toBe('owner_lacks_rights');
    await executeSql(pair.local.superuserUrl, error.message.split('\n')[1] ?? '');
    await refresh();
  });
});

describe('a link in a dump', () => {
  it('works where it is restored, and is repaired by a refresh', async () => {
    const { bin = '' } = await findDebianPostgres();
    const source = await createLinkPair(inject('postgres15Url'), inject('postgresUrl'));
    const target = await createTestDatabase(inject('postgres15Url'));
    try {
      await executeSql(
        source.remote.ownerUrl,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        'CREATE TABLE users (id bigint, mood mood)',
        "INSERT INTO users VALUES (1, 'ok')",
      );
      await source.host.create(
        { name: 'warehouse', schema: 'public', reader: source.reader },
        source.address,
      );
      await executeSql(source.local.ownerUrl, 'CREATE VIEW oks AS SELECT id FROM warehouse.users');
      const run = promisify(execFile);
      const file = join(await mkdtemp(join(tmpdir(), 'pgclip-test-dump-')), 'dump.sql');
      await run(join(bin, 'pg_dump'), [
        '--no-owner',
        '--no-privileges',
        '--file',
        file,
        source.local.superuserUrl,
      ]);
      await executeSql(
        target.superuserUrl,
        `ALTER DEFAULT PRIVILEGES REVOKE USAGE ON SCHEMAS FROM ${target.name}_reader`,
        `ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM ${target.name}_reader`,
      );
      await run(join(bin, 'psql'), ['--quiet', '--no-psqlrc', '--file', file, target.superuserUrl]);
      await rm(dirname(file), { recursive: true });

      // Whoever restored it owns it, and the clip login has no rights.
      const host = hostOf(target, target.superuserUrl);
      const [link] = await host.list();
      expect(link).toMatchObject({ name: 'warehouse', remote: 'WAREHOUSE_URL', tables: 1 });
      expect(link?.problems.map(({ level }) => level)).toEqual(['broken']);
      const reader = `${target.name}_reader`;
      const { changes } = await host.refresh('warehouse', source.address, reader);
      expect(changes.map(({ kind }) => kind)).toEqual(['rights', 'rights']);
      expect((await host.list())[0]?.problems).toEqual([]);
      expect(await queryRows(target.readerUrl, 'SELECT * FROM warehouse.users')).toEqual([['1', 'ok']]);
    } finally {
      await target.drop();
      await source.drop();
    }
  });
});

const onLocal = (...statements: string[]) => executeSql(pair.local.ownerUrl, ...statements);
const read = (sql: string) => queryRows(pair.local.readerUrl, sql);
const refresh = () => pair.host.refresh('warehouse', pair.address, pair.reader);
