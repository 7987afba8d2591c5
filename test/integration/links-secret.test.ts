/**
 * Where the remote's password must not come: into the log of a server that logs everything. And remotes that ask for
 * none, or that the local server takes for another.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openLinkHost } from '../../src/adapters/postgres/links/host.ts';
import { type Postgres, startPostgres } from '../../src/demo/postgres.ts';
import { changeUrl, createLinkPair, hostOf, type LinkPair, queryRows } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';

let dir: string;
let server: Postgres;
/** From the server that logs to the shared one of another version. */
let pair: LinkPair;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pgclip-test-log-'));
  server = await startPostgres({
    dir,
    options: {
      fsync: 'off',
      logging_collector: 'on',
      log_statement: 'all',
      log_min_duration_statement: '0',
      log_parameter_max_length: '-1',
      log_parameter_max_length_on_error: '-1',
      log_error_verbosity: 'verbose',
      log_min_messages: 'info',
      shared_preload_libraries: 'pg_stat_statements',
    },
  });
  pair = await createLinkPair(server.superuserUrl('postgres'), inject('postgres15Url'));
  await executeSql(pair.remote.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n');
});

afterAll(async () => {
  await pair?.drop();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

/** A new password for the remote's login. `core` is the part of it that no escape changes, as text and in hexadecimal. */
async function newPassword(): Promise<{ password: string; core: readonly string[]; url: string }> {
  const random = randomBytes(8).toString('hex');
  const password = `s3cret'${random}\\%`;
  const quoted = password.replaceAll("'", "''");
  await executeSql(pair.remote.superuserUrl, `ALTER ROLE ${pair.remote.name}_reader PASSWORD '${quoted}'`);
  const url = changeUrl(pair.address.url, (each) => {
    each.password = encodeURIComponent(password);
  });
  return { password, core: [random, Buffer.from(random).toString('hex')], url };
}

const readLog = async () => {
  const rows = await queryRows(server.superuserUrl('postgres'), 'SELECT pg_read_file(pg_current_logfile())');
  return String(rows[0]?.[0]);
};

const link = () => ({ name: 'w', schema: 'public', reader: pair.reader });

describe("the remote's password", () => {
  it.each([
    ['owner', () => pair.local.ownerUrl],
    ['superuser', () => pair.local.superuserUrl],
  ])('is in no log and no error, when the login is an %s', async (_, ownerUrl) => {
    const host = hostOf(pair.local, ownerUrl());
    const secrets: string[] = [];
    const texts: string[] = [];
    const first = await newPassword();
    secrets.push(...first.core);

    // Made to fail just when the password is stored.
    await executeSql(
      pair.local.superuserUrl,
      `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no %'', tg_tag; END'`,
      `CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE USER MAPPING') EXECUTE FUNCTION refuse()`,
    );
    const error = await host.create(link(), { name: 'WAREHOUSE_URL', url: first.url }).catch((each) => each);
    expect(error.sql).toMatchObject({ sqlstate: 'P0001' });
    texts.push(`${error.message} ${error.cause} ${error.stack} ${JSON.stringify(error)}`);
    await executeSql(pair.local.superuserUrl, 'DROP EVENT TRIGGER refuse', 'DROP FUNCTION refuse');

    const report = await host.create(link(), { name: 'WAREHOUSE_URL', url: first.url });
    const second = await newPassword();
    secrets.push(...second.core);
    const changed = { name: 'WAREHOUSE_URL', url: second.url };
    const changes = await host.compare('w', changed, pair.reader);
    expect(changes).toMatchObject([{ kind: 'login', detail: 'password' }]);
    const refreshed = await host.refresh('w', changed, pair.reader);
    texts.push(JSON.stringify([report, changes, refreshed, await host.list()]));
    expect(await queryRows(pair.local.readerUrl, 'TABLE w.t')).toEqual([[1]]);
    await host.destroy('w');

    // The log is written by a process of its own: its last line is there when this one is.
    const mark = randomBytes(8).toString('hex');
    await executeSql(server.superuserUrl('postgres'), `SELECT '${mark}'`);
    let log = '';
    while (!log.includes(`'${mark}'`)) log = await readLog();
    expect(log).toContain('USER MAPPING FOR PUBLIC');
    for (const text of [log, ...texts])
      for (const secret of secrets) expect(text.includes(secret), 'a secret shows').toBe(false);
  });

  it('is in nothing that an extension records of a superuser', async () => {
    const { core, url } = await newPassword();
    await executeSql(
      pair.local.superuserUrl,
      'CREATE EXTENSION pg_stat_statements',
      "ALTER SYSTEM SET pg_stat_statements.track = 'all'",
      'SELECT pg_reload_conf()',
    );
    const host = hostOf(pair.local, pair.local.superuserUrl);
    await host.create(link(), { name: 'WAREHOUSE_URL', url });
    const rows = await queryRows(pair.local.superuserUrl, 'SELECT query FROM pg_stat_statements');
    expect(rows.length).toBeGreaterThan(0);
    for (const secret of core) expect(JSON.stringify(rows)).not.toContain(secret);
    await host.destroy('w');
  });
});

describe('a remote that asks for no password', () => {
  it('is refused, or linked by a superuser with a warning', async () => {
    const trusting = await createLinkPair(inject('postgresUrl'), server.superuserUrl('postgres'));
    const { local, remote, reader } = trusting;
    const [[file]] = (await queryRows(remote.superuserUrl, 'SHOW hba_file')) as [[string]];
    const rules = await readFile(file, 'utf8');
    try {
      await writeFile(file, `host ${remote.name} ${remote.name}_reader all trust\n${rules}`);
      await executeSql(remote.superuserUrl, 'SELECT pg_reload_conf()', 'CREATE TABLE t AS SELECT 1 AS n');
      const address = {
        name: 'WAREHOUSE_URL',
        url: changeUrl(remote.readerUrl, (url) => Object.assign(url, { password: 'any' })),
      };
      await executeSql(
        remote.superuserUrl,
        `GRANT SELECT ON t TO ${reader.replace(local.name, remote.name)}`,
      );
      await expect(
        trusting.host.create({ name: 'w', schema: 'public', reader }, address),
      ).rejects.toMatchObject({ code: 'remote_refused', message: expect.stringContaining('scram-sha-256') });
      const host = hostOf(local, local.superuserUrl);
      const { warnings } = await host.create({ name: 'w', schema: 'public', reader }, address);
      expect(warnings).toEqual([expect.stringContaining('without asking for its password')]);
      expect(await queryRows(local.readerUrl, 'TABLE w.t')).toEqual([[1]]);
      expect(await host.compare('w', address, reader)).toEqual([]);
    } finally {
      await writeFile(file, rules);
      await executeSql(remote.superuserUrl, 'SELECT pg_reload_conf()');
      await trusting.drop();
    }
  });
});

describe('an address that means another server to the database', () => {
  /** pgclip's way to a port leads to another one, as a name may mean another machine. */
  const redirecting = (from: number, to: number) => () => {
    const socket = new Socket();
    const connect = socket.connect.bind(socket) as (port: number, host: string) => Socket;
    return Object.assign(socket, {
      connect: (port: number, host: string) => connect(port === from ? to : port, host),
    });
  };

  it('is refused', async () => {
    const { local, remote } = pair;
    const { password, url } = await newPassword();
    const remotePort = Number(new URL(url).port);
    const create = (port: number) =>
      openLinkHost({
        name: 'DATABASE_URL',
        ownerUrl: local.ownerUrl,
        clipUrl: local.readerUrl,
        socket: redirecting(port, remotePort),
        log: () => {},
      }).create(link(), {
        name: 'WAREHOUSE_URL',
        url: changeUrl(url, (each) => Object.assign(each, { port: String(port) })),
      });
    // Nobody there, and a database of the same name with the same login.
    await expect(create(1)).rejects.toMatchObject({
      code: 'remote_refused',
      message: expect.stringMatching(/the database's server does not: .*refused/s),
    });
    const decoy = inject('postgresUrl');
    const login = `${remote.name}_reader`;
    await executeSql(
      decoy,
      `CREATE ROLE ${login} LOGIN PASSWORD '${password.replaceAll("'", "''")}'`,
      `CREATE DATABASE ${remote.name}`,
    );
    await expect(create(Number(new URL(decoy).port))).rejects.toMatchObject({
      code: 'remote_refused',
      message: expect.stringContaining('means another machine there'),
    });
    await executeSql(decoy, `DROP DATABASE ${remote.name}`, `DROP ROLE ${login}`);
    expect(await hostOf(local).list()).toEqual([]);
  });
});
