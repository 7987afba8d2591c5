/** Links that change while clips read them: clips wait, and none fails. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { withLocal } from '../../src/adapters/postgres/links/connection.ts';
import { lockTables } from '../../src/adapters/postgres/links/table-locks.ts';
import { createLinkPair, type LinkPair, queryRows } from '../support/links.ts';
import { executeSql } from '../support/postgres.ts';

let pair: LinkPair;
const clients: pg.Client[] = [];

beforeEach(async () => {
  pair = await createLinkPair(inject('postgresUrl'), inject('postgres15Url'));
  await executeSql(
    pair.remote.ownerUrl,
    'CREATE TABLE a AS SELECT i AS id, i AS n FROM generate_series(1, 100) i',
    'CREATE TABLE b AS SELECT i AS id FROM generate_series(1, 100) i',
  );
  await pair.host.create({ name: 'w', schema: 'public', reader: pair.reader }, pair.address);
  await executeSql(pair.local.ownerUrl, 'CREATE VIEW joined AS SELECT n FROM w.b JOIN w.a USING (id)');
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
  await pair.drop();
});

async function openReader(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: pair.local.readerUrl });
  clients.push(client);
  await client.connect();
  return client;
}

const refresh = () => pair.host.refresh('w', pair.address, pair.reader);

/** Waits until a session of the owner waits for a lock that it can't have. */
async function waitForWaiter(): Promise<void> {
  const sql = `SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE NOT l.granted AND a.usename = '${pair.local.name}_owner'`;
  while (!(await queryRows(pair.local.superuserUrl, sql))[0]?.[0]);
}

describe('a refresh', () => {
  it('fails no clip, in whatever order clips read', async () => {
    const failures: unknown[] = [];
    let ended = false;
    let runs = 0;
    const read = async (statement: string) => {
      const client = await openReader();
      while (!ended) {
        try {
          await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
          await client.query(statement);
          runs++;
        } catch (error) {
          failures.push(error);
        }
        await client.query('ROLLBACK');
        // Clips come over HTTP, and so with gaps between them.
        await sleep(Math.random() * 20);
      }
    };
    const reading = [
      read('SELECT count(*) FROM w.a JOIN w.b USING (id)'),
      read('SELECT count(*) FROM w.b JOIN w.a USING (id)'),
      read('SELECT count(n) FROM joined'),
      read('SELECT (SELECT max(id) FROM w.b), (SELECT max(n) FROM joined), (SELECT max(id) FROM w.a)'),
    ];
    try {
      for (const change of ['ADD extra int', 'ALTER n TYPE bigint', 'DROP extra', 'ALTER n TYPE int']) {
        await executeSql(pair.remote.ownerUrl, `ALTER TABLE a ${change}`);
        if (!change.includes('TYPE')) await executeSql(pair.remote.ownerUrl, `ALTER TABLE b ${change}`);
        // Two columns, or one and the view that reads it, which is made again.
        expect((await refresh()).changes).toHaveLength(2);
      }
    } finally {
      ended = true;
      await Promise.all(reading);
    }
    expect(failures).toEqual([]);
    expect(runs).toBeGreaterThan(4);
  }, 180_000);

  it('waits for a clip, which may go on reading', async () => {
    const clip = await openReader();
    await executeSql(pair.remote.ownerUrl, 'ALTER TABLE a ADD extra int', 'ALTER TABLE b ADD extra int');
    await clip.query('BEGIN; SELECT count(id) FROM w.a');
    const refreshed = refresh();
    await waitForWaiter();
    await clip.query('SELECT count(n) FROM joined');
    await clip.query('SELECT count(id) FROM w.b');
    await clip.query('COMMIT');
    expect((await refreshed).changes).toHaveLength(2);
  });

  it('that finds nothing new waits for nobody', async () => {
    const clip = await openReader();
    await clip.query('BEGIN; SELECT count(n) FROM joined');
    expect((await refresh()).changes).toEqual([]);
    await clip.query('COMMIT');
  });

  it('and one of the same link at the same time come one after the other', async () => {
    await executeSql(pair.remote.ownerUrl, 'ALTER TABLE a ADD extra int');
    const reports = await Promise.all([refresh(), refresh()]);
    expect(reports.map(({ changes }) => changes.length).sort()).toEqual([0, 1]);
  });
});

describe('locks', () => {
  it('come when there is always a clip that reads, each for a while', async () => {
    let ended = false;
    let begun = 0;
    const read = async (pauseMs: number) => {
      const clip = await openReader();
      await sleep(pauseMs);
      while (!ended) {
        await clip.query('BEGIN; SELECT count(id) FROM w.a');
        begun++;
        await clip.query('SELECT pg_sleep(0.9); COMMIT');
      }
    };
    const reading = [0, 300, 600].map(read);
    while (begun < 3) await sleep(20);
    const target = { schema: 'w', name: 'a', owner: `${pair.local.name}_owner` };
    try {
      await withLocal({ name: 'DATABASE_OWNER_URL', url: pair.local.ownerUrl }, undefined, async (client) => {
        await client.query('BEGIN');
        await lockTables(client, [target], 15_000);
      });
    } finally {
      ended = true;
      await Promise.all(reading);
    }
  });

  it('are given up when clips read without a pause', async () => {
    const clip = await openReader();
    await clip.query('BEGIN; SELECT count(id) FROM w.a');
    const target = { schema: 'w', name: 'a', owner: `${pair.local.name}_owner` };
    await withLocal({ name: 'DATABASE_OWNER_URL', url: pair.local.ownerUrl }, undefined, async (client) => {
      await client.query('BEGIN');
      await expect(lockTables(client, [target], 0)).rejects.toMatchObject({ code: 'link_busy' });
      // The transaction is as it was, and whoever waited reads on.
      await client.query('SELECT 1');
      await clip.query('SELECT count(id) FROM w.a');
    });
    await clip.query('COMMIT');
  });
});

describe('the end of a link', () => {
  it('waits for clips as well, and fails none that reads something else', async () => {
    const clip = await openReader();
    await clip.query('BEGIN; SELECT count(id) FROM w.a');
    const destroyed = pair.host.destroy('w');
    await waitForWaiter();
    await clip.query('SELECT count(n) FROM joined');
    await clip.query('COMMIT');
    await destroyed;
    await expect(clip.query('TABLE joined')).rejects.toMatchObject({ code: '42P01' });
  });
});
