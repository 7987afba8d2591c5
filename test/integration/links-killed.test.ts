/** The remote, or the local connection, taken away in the middle: the local database is then as it was. */
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { LinkProgress } from '../../src/domain/data-link.ts';
import type { RemoteAddress } from '../../src/domain/link-host.ts';
import { changeUrl, createLinkPair, type LinkPair, queryRows } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';
import { openRelay, type Relay } from '../support/relay.ts';

const stateSql = `SELECT 'schema', nspname, obj_description(oid, 'pg_namespace') FROM pg_namespace
  UNION ALL SELECT 'server', srvname, srvoptions::text FROM pg_foreign_server
  UNION ALL SELECT 'mapping', srvname, umoptions::text FROM pg_user_mappings
  UNION ALL SELECT 'column', attrelid::regclass::text, attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE relkind = 'f' AND attnum > 0 ORDER BY 1, 2, 3`;

describe.each([
  ['18 to 15', 'postgresUrl', 'postgres15Url'],
  ['15 to 18', 'postgres15Url', 'postgresUrl'],
] as const)('from %s', (_, localServer, remoteServer) => {
  let pair: LinkPair;
  let relay: Relay;
  /** The remote by way of the relay. */
  let address: RemoteAddress;

  beforeEach(async () => {
    pair = await createLinkPair(inject(localServer), inject(remoteServer));
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE TABLE a AS SELECT 1 AS n',
      'CREATE TABLE b AS SELECT 1 AS n',
    );
    relay = await openRelay(Number(new URL(pair.remote.readerUrl).port));
    address = {
      name: 'WAREHOUSE_URL',
      url: changeUrl(pair.remote.readerUrl, (url) => Object.assign(url, { port: String(relay.port) })),
    };
  });
  afterEach(async () => {
    await relay.close();
    await pair.drop();
  });

  const state = () => queryRows(pair.local.superuserUrl, stateSql);
  const link = () => ({ name: 'w', schema: 'public', reader: pair.reader });
  /** Does something once, when the work is so far; `onProgress` itself does not wait. */
  const when = (step: LinkProgress['step'], done: number, kill: () => Promise<void>) => {
    let killed: Promise<void> | undefined;
    return {
      work: {
        onProgress: (progress: LinkProgress) => {
          if (progress.step === step && progress.done === done) killed ??= kill();
        },
      },
      killed: async () => expect(await killed).toBeUndefined(),
    };
  };

  it('a remote whose connection is cut ends the query that nobody waits for', async () => {
    await executeSql(
      pair.remote.ownerUrl,
      'CREATE VIEW slow AS SELECT n FROM a, pg_sleep(600) OFFSET 0',
      `GRANT SELECT ON slow TO ${pair.remote.name}_reader`,
    );
    await pair.host.create(link(), address);
    const running = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = '${pair.remote.name}'
      AND usename = '${pair.remote.name}_reader' AND wait_event = 'PgSleep'`;
    const slept = async () => (await queryRows(pair.remote.superuserUrl, running))[0]?.[0];
    const run = queryRows(pair.local.readerUrl, 'SELECT n FROM w.slow').catch((error) => error);
    while ((await slept()) !== 1);
    await relay.stop();
    expect(await run).toBeInstanceOf(Error);
    while ((await slept()) !== 0);
  });

  it.each([
    ['while its catalogue is read', 0],
    ['before the server is looked through', 2],
  ])('a remote that goes away %s', async (_, done) => {
    const before = await state();
    const killing = when('reading the remote', done, () => relay.stop());
    await expect(pair.host.create(link(), address, killing.work)).rejects.toMatchObject({
      code: 'remote_unavailable',
    });
    await killing.killed();
    expect(await state()).toEqual(before);
    await relay.start();
    await pair.host.create(link(), address);
    expect(await queryRows(pair.local.readerUrl, 'SELECT a.n FROM w.a JOIN w.b USING (n)')).toEqual([[1]]);
  });

  it('a remote that ends its sessions', async () => {
    const before = await state();
    const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${pair.remote.name}' AND pid <> pg_backend_pid()`;
    const killing = when('reading the remote', 2, () => executeSql(pair.remote.superuserUrl, end));
    const created = pair.host.create(link(), address, {
      onProgress: (progress) => killing.work.onProgress(progress),
    });
    // It may come too late for the create, which then is whole.
    const result = await created.catch((error) => error);
    await killing.killed();
    if (result.code) {
      expect(result.code).toBe('remote_unavailable');
      expect(await state()).toEqual(before);
    } else expect(await pair.host.compare('w', address, pair.reader)).toEqual([]);
  });

  it('a remote that goes away before the statistics', async () => {
    const killing = when('taking statistics', 0, () => relay.stop());
    const { link: made } = await pair.host.create(link(), address, killing.work);
    expect(made).toMatchObject({ tables: 2, problems: [] });
    await expect(pair.host.compare('w', address, pair.reader)).rejects.toMatchObject({
      code: 'remote_unavailable',
    });
    await relay.start();
    expect(await pair.host.compare('w', address, pair.reader)).toEqual([]);
  });

  it.each([
    ['while its catalogue is read', 0],
    ['before the server is looked through', 3],
  ])('a remote that goes away in a refresh, %s', async (_, done) => {
    await pair.host.create(link(), pair.address);
    await executeSql(
      pair.remote.ownerUrl,
      'ALTER TABLE a ADD extra int',
      'CREATE TABLE c ()',
      'ALTER TABLE c ADD n int',
    );
    await executeSql(pair.local.ownerUrl, 'CREATE VIEW v AS SELECT n FROM w.a');
    const before = await state();
    const killing = when('reading the remote', done, () => relay.stop());
    await expect(pair.host.refresh('w', address, pair.reader, killing.work)).rejects.toMatchObject({
      code: 'remote_unavailable',
    });
    await killing.killed();
    expect(await state()).toEqual(before);
    await relay.start();
    const { changes } = await pair.host.refresh('w', address, pair.reader);
    expect(changes.map(({ name }) => name).sort()).toEqual(['a.extra', 'c', 'w_server']);
    expect(await queryRows(pair.local.ownerUrl, 'TABLE v')).toEqual([[1]]);
  });

  it('a local connection that is ended', async () => {
    const before = await state();
    const end = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '${pair.local.name}_owner'`;
    const killing = when('reading the remote', 0, () => executeSql(pair.local.superuserUrl, end));
    await expect(pair.host.create(link(), address, killing.work)).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    await killing.killed();
    expect(await state()).toEqual(before);
  });
});
