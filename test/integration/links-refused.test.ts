/** What can not be linked: each refused with a sentence that says what to do, and the local database as it was. */
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { LinkHost } from '../../src/domain/link-host.ts';
import { changeUrl, createLinkPair, hostOf, type LinkPair, readLinkState } from '../support/links.ts';
import { createTestDatabase, executeSql } from '../support/postgres.ts';

describe('what can not be linked', () => {
  let pair: LinkPair;
  let before: unknown[][];
  beforeAll(async () => {
    pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE TABLE t AS SELECT 1 AS n',
      'CREATE SCHEMA empty',
      'CREATE SCHEMA closed',
      'CREATE TABLE closed.t ()',
      `REVOKE ALL ON SCHEMA closed FROM ${pair.remote.name}_reader`,
      'CREATE SCHEMA hidden',
      'CREATE TABLE hidden.t ()',
      `REVOKE ALL ON hidden.t FROM ${pair.remote.name}_reader`,
    );
    await executeSql(
      pair.local.ownerUrl,
      'CREATE SCHEMA taken',
      'CREATE SERVER served_server FOREIGN DATA WRAPPER postgres_fdw',
    );
    await pair.host.create({ name: 'linked', schema: 'public', reader: pair.reader }, pair.address);
    before = await readLinkState(pair.local);
  });
  afterAll(() => pair.drop());
  afterEach(async () => expect(await readLinkState(pair.local)).toEqual(before));

  const create = (
    change: (url: URL) => void = () => {},
    link: { name?: string; schema?: string } = {},
    host: LinkHost = pair.host,
  ) =>
    host.create(
      { name: 'w', schema: 'public', reader: pair.reader, ...link },
      { name: 'WAREHOUSE_URL', url: changeUrl(pair.address.url, change) },
    );

  it.each([
    [
      'a wrong password',
      'remote_refused',
      'refuses the login',
      (url: URL) => Object.assign(url, { password: 'no' }),
    ],
    [
      'a missing database',
      'remote_refused',
      'no database',
      (url: URL) => Object.assign(url, { pathname: '/none' }),
    ],
    ['a silent port', 'remote_unavailable', 'ECONNREFUSED', (url: URL) => Object.assign(url, { port: '1' })],
    [
      'a parameter that libpq does not take',
      'remote_refused',
      'does not',
      (url: URL) => url.searchParams.set('channel_binding', 'nonsense'),
    ],
  ] as const)('%s', async (_, code, message, change) => {
    await expect(create((url) => void change(url))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['nowhere', 'has no schema nowhere. It has closed, empty, hidden, public'],
    ['empty', 'no tables'],
    ['closed', 'GRANT USAGE ON SCHEMA closed TO'],
    ['hidden', 'GRANT SELECT ON ALL TABLES IN SCHEMA hidden TO'],
  ])('the schema %s', async (schema, message) => {
    await expect(create(undefined, { schema })).rejects.toMatchObject({
      code: 'remote_refused',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['taken', 'a schema taken that pgclip did not make'],
    ['served', 'a foreign server served_server that pgclip did not make'],
    ['linked', 'There is a link linked already'],
  ])('the name %s', async (name, message) => {
    await expect(create(undefined, { name })).rejects.toMatchObject({
      code: 'link_name_taken',
      message: expect.stringContaining(message),
    });
  });

  it('the database itself', async () => {
    const itself = { name: 'SAME_URL', url: pair.local.readerUrl };
    await executeSql(pair.local.ownerUrl, 'CREATE TABLE own ()');
    await expect(
      pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, itself),
    ).rejects.toMatchObject({
      code: 'remote_refused',
      message: expect.stringContaining('this database itself'),
    });
  });

  it('anything without an owner login', async () => {
    await expect(create(undefined, {}, hostOf(pair.local, null))).rejects.toMatchObject({
      code: 'links_read_only',
      message: expect.stringContaining('DATABASE_OWNER_URL'),
    });
  });

  it('anything with an owner login that the database refuses', async () => {
    const wrong = changeUrl(pair.local.ownerUrl, (url) => Object.assign(url, { password: 's3cret' }));
    const error = await create(undefined, {}, hostOf(pair.local, wrong)).catch((each) => each);
    expect(error).toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining(
        `refuses the login ${pair.local.name}_owner. Correct it in DATABASE_OWNER_URL`,
      ),
    });
    expect(`${error.message} ${error.cause}`).not.toContain('s3cret');
  });

  it('anything with an owner login of another database', async () => {
    await expect(create(undefined, {}, hostOf(pair.local, pair.remote.ownerUrl))).rejects.toMatchObject({
      code: 'links_read_only',
      message: expect.stringContaining('DATABASE_OWNER_URL leads to another database than DATABASE_URL'),
    });
  });

  it('with a login that lacks every right, which are told at once', async () => {
    const plain = await createTestDatabase(inject('postgresUrl'));
    try {
      const state = await readLinkState(plain);
      const error = await create(undefined, {}, hostOf(plain, plain.readerUrl)).catch((each) => each);
      expect(error.code).toBe('owner_lacks_rights');
      const lines = [
        `GRANT CREATE ON DATABASE "${plain.name}" TO "${plain.name}_reader";`,
        'CREATE EXTENSION postgres_fdw;',
        `GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO "${plain.name}_reader";`,
      ];
      for (const line of lines) expect(error.message).toContain(line);
      expect(await readLinkState(plain)).toEqual(state);
      // They are what an administrator has to run, and all of it.
      await executeSql(plain.superuserUrl, ...lines);
      const reader = `${plain.name}_reader`;
      const host = hostOf(plain, plain.readerUrl);
      await host.create({ name: 'w', schema: 'public', reader }, pair.address);
    } finally {
      await plain.drop();
    }
  });
});

describe('a parameter of the URL', () => {
  let pair: LinkPair;
  beforeAll(async () => {
    pair = await createLinkPair(inject('postgres15Url'), inject('postgresUrl'));
    await executeSql(pair.remote.ownerUrl, 'CREATE TABLE t AS SELECT 1 AS n');
  });
  afterAll(() => pair.drop());

  it.each([
    ['load_balance_hosts=disable', 'too old for that'],
    ['sslmode=verify-full&sslrootcert=/no/such/file', 'TLS files'],
  ])('that can not be kept is refused: %s', async (parameters, message) => {
    const url = `${pair.address.url}?${parameters}`;
    await expect(
      pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, { name: 'WAREHOUSE_URL', url }),
    ).rejects.toMatchObject({ code: 'remote_refused', message: expect.stringContaining(message) });
    expect(await pair.host.list()).toEqual([]);
  });
});
