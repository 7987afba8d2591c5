/**
 * Data links: clips over a linked database beside the same clips run on the remote directly, by one pgclip, and how
 * long it takes to link many tables. Two clusters of their own. BENCH_LINK_ROWS and BENCH_LINK_TABLES make it smaller.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Postgres, startPostgres } from '../src/demo/postgres.ts';
import { createTableSql, execute, loginUrl, makeClustersDir, makeLocal } from './database.ts';
import { api, callApi, download, token } from './pgclip.ts';
import { type Server, startServer } from './processes.ts';
import { inTurn, median, report, runsOf } from './report.ts';

const rows = Number(process.env.BENCH_LINK_ROWS ?? 1_000_000);
const tables = Number(process.env.BENCH_LINK_TABLES ?? 1_000);
const pgclip = join(import.meta.dirname, '../bin/pgclip.js');
const links = '/databases/DATABASE_URL/links';

/** What runs on both sides; `$` stands for the schema. */
const queries = [
  { what: 'linked csv', sql: 'SELECT * FROM $.events', target: 2, pushed: false },
  { what: 'linked count(*)', sql: 'SELECT count(*) FROM $.events', target: 1.2, pushed: true },
  {
    what: 'linked join with a filter',
    sql: `SELECT e.id, e.note, p.plan FROM $.events e JOIN $.plans p ON p.event = e.id
      WHERE p.plan = 7 AND e.ok`,
    target: 1.2,
    pushed: true,
  },
] as const;

/** Measures all of it. Needs a built pgclip. */
export async function benchLinks(): Promise<void> {
  const dir = await makeClustersDir('pgclip-bench-links-');
  const clusters: Postgres[] = [];
  const start = async (name: string) => {
    const options = { fsync: 'off', shared_buffers: '512MB' };
    const cluster = await startPostgres({ dir: join(dir, name), options });
    clusters.push(cluster);
    return cluster;
  };
  try {
    const [local, remote] = [await start('local'), await start('remote')];
    const server = await startServer(pgclip, ['serve'], {
      ...(await makeLocal(local, 'DATABASE')),
      ...(await makeRemotes(remote)),
      API_TOKEN: token,
      PGCLIP_DIR: join(dir, 'store'),
      PORT: '0',
    });
    try {
      await callApi(server, links, { method: 'POST', body: { remote: 'WAREHOUSE_URL', as: 'warehouse' } });
      for (const query of queries) await benchQuery(server, query);
      await benchLinking(server);
    } finally {
      await server.stop();
    }
  } finally {
    for (const cluster of clusters) await cluster.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Config vars of the remotes: one with much in two tables, one with many tables. */
async function makeRemotes(cluster: Postgres): Promise<Record<string, string>> {
  await execute(
    cluster.superuserUrl('postgres'),
    `CREATE ROLE reader LOGIN PASSWORD 'reader'`,
    'CREATE DATABASE warehouse',
    'CREATE DATABASE many',
  );
  const allow = 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader';
  await execute(
    cluster.superuserUrl('warehouse'),
    createTableSql('events', rows),
    `CREATE TABLE plans AS SELECT g AS event, g % 1000 AS plan FROM generate_series(1, ${rows}) AS g`,
    allow,
    'VACUUM ANALYZE',
  );
  await execute(
    cluster.superuserUrl('many'),
    ...Array.from({ length: tables }, (_, index) => createTableSql(`table_${index}`, 10)),
    allow,
    'ANALYZE',
  );
  return {
    WAREHOUSE_URL: loginUrl(cluster, 'warehouse', 'reader'),
    MANY_URL: loginUrl(cluster, 'many', 'reader'),
  };
}

async function benchQuery(
  server: Server,
  { what, sql, target, pushed }: (typeof queries)[number],
): Promise<void> {
  const create = async (schema: string, database: string) => {
    const name = `${what} ${database}`;
    return api(server, '/clips', { name, sql: sql.replaceAll('$', schema), database });
  };
  const linked = await create('warehouse', 'DATABASE_URL');
  const direct = await create('public', 'WAREHOUSE_URL');
  if (pushed) await checkPushed(server, linked.id);
  const [seconds = 0, referenceSeconds = 0] = await inTurn(
    // Those that are pushed down are over in a moment.
    runsOf(pushed ? 1 : rows),
    [linked, direct].map(
      ({ slug }) =>
        () =>
          download(`${server.url}/c/${slug}.csv`),
    ),
  );
  report({
    what,
    rows,
    seconds,
    reference: 'on the remote directly',
    referenceSeconds,
    ratio: seconds / referenceSeconds,
    note: `target ${target}`,
  });
}

/** Throws unless the clip is one foreign scan and nothing else. */
async function checkPushed(server: Server, clip: string): Promise<void> {
  const { plan, remoteParts } = (await callApi(server, `/clips/${clip}/explain`, { method: 'GET' })) as {
    plan: string;
    remoteParts: readonly unknown[];
  };
  if (!plan.startsWith('Foreign Scan ') || remoteParts.length !== 1 || plan.includes('->  ')) {
    throw new Error(`This is more than one foreign scan:\n${plan}`);
  }
}

async function benchLinking(server: Server): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    await callApi(server, links, { method: 'POST', body: { remote: 'MANY_URL', as: 'many' } });
    times.push((performance.now() - start) / 1000);
    await callApi(server, `${links}/many?confirm=many`, { method: 'DELETE' });
  }
  report({ what: `linking ${tables} tables`, rows: tables, seconds: median(times), note: 'target 10 s' });
}
