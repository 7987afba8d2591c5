import { describe, expect, it } from 'vitest';
import { parseSettings, SettingsError, settingsTable } from '../../src/config/settings.ts';
import { settingsMarkdown } from '../../src/config/settings-markdown.ts';

const secret = 'hunter2-hunter2%';

function problemsOf(env: Record<string, string>, platform: 'node' | 'workers' = 'node'): readonly string[] {
  try {
    parseSettings(env, platform);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseSettings', () => {
  it('has a default for everything on Node', () => {
    expect(parseSettings({}, 'node')).toEqual({
      host: '127.0.0.1',
      port: 3000,
      gateway: { port: null, host: '127.0.0.1', address: null, certFile: null, keyFile: null },
      publicUrl: null,
      queryDeadlineMs: 600_000,
      poolSize: 10,
      queueDeadlineMs: 10_000,
      snapshotMaxBytes: 1_073_741_824,
      dir: '.pgclip',
      apiToken: null,
      redisUrl: null,
      redisDurability: 'memory',
      allowUnsafeLogin: false,
      databases: [],
      ownerUrls: {},
      remotes: [],
    });
  });

  it('takes an empty value for an absent one', () => {
    const empty = Object.fromEntries(settingsTable.map((row) => [row.name, '']));
    expect(parseSettings({ ...empty, DATABASE_URL: '' }, 'node')).toEqual(parseSettings({}, 'node'));
  });

  it('reads every var', () => {
    const settings = parseSettings(
      {
        HOST: '0.0.0.0',
        PORT: '0',
        PUBLIC_URL: 'https://clips.example.com/',
        QUERY_DEADLINE_MS: '5000',
        POOL_SIZE: '3',
        QUEUE_DEADLINE_MS: '1',
        SNAPSHOT_MAX_BYTES: '5000000000',
        PGCLIP_DIR: '/var/lib/pgclip',
        API_TOKEN: '0123456789abcdef',
        REDIS_URL: 'rediss://:pw@cache:6380/2',
        REDIS_DURABILITY: 'fsync',
        PGCLIP_ALLOW_UNSAFE_LOGIN: '1',
      },
      'workers',
    );
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      port: 0,
      publicUrl: 'https://clips.example.com',
      queryDeadlineMs: 5000,
      poolSize: 3,
      queueDeadlineMs: 1,
      snapshotMaxBytes: 5_000_000_000,
      dir: '/var/lib/pgclip',
      apiToken: '0123456789abcdef',
      redisUrl: 'rediss://:pw@cache:6380/2',
      redisDurability: 'fsync',
      allowUnsafeLogin: true,
    });
  });

  it('sorts URLs into databases, owners and remotes', () => {
    const settings = parseSettings(
      {
        WAREHOUSE_URL: 'postgresql://reader:pw@warehouse/main',
        WAREHOUSE_OWNER_URL: 'postgres://owner:pw@warehouse/main',
        DATABASE_URL: 'postgres:///app?host=/run/postgresql',
        CACHE_URL: 'redis://cache/1',
        REDIS_URL: 'redis://cache/0',
        HOMEPAGE_URL: 'https://example.com',
      },
      'node',
    );
    expect(settings.databases).toEqual([
      { name: 'DATABASE_URL', url: 'postgres:///app?host=/run/postgresql' },
      { name: 'WAREHOUSE_URL', url: 'postgresql://reader:pw@warehouse/main' },
    ]);
    expect(settings.ownerUrls).toEqual({ WAREHOUSE_URL: 'postgres://owner:pw@warehouse/main' });
    expect(settings.remotes).toEqual([{ name: 'CACHE_URL', url: 'redis://cache/1' }]);
  });

  it('reports every problem at once, one line each, without a secret', () => {
    const problems = problemsOf({
      PORT: '70000',
      PUBLIC_URL: 'https://example.com/clips',
      POOL_SIZE: 'many',
      QUERY_DEADLINE_MS: '-1',
      SNAPSHOT_MAX_BYTES: '1e9',
      API_TOKEN: 'hunter2-short',
      REDIS_URL: `http://:${secret}@host`,
      PGCLIP_ALLOW_UNSAFE_LOGIN: 'yes',
      DATABASE_URL: `postgres://me:${secret}@host/app`,
      WAREHOUSE_URL: 'postgres://me:hunter2@host:notaport/app',
      CACHE_URL: `redis://:${secret}@host`,
      LOST_OWNER_URL: 'postgres://owner:hunter2@host/app',
    });
    const names = problems.map((line) => line.split(' ')[0]);
    expect(names.sort()).toEqual([
      'API_TOKEN',
      'CACHE_URL',
      'DATABASE_URL',
      'LOST_OWNER_URL',
      'PGCLIP_ALLOW_UNSAFE_LOGIN',
      'POOL_SIZE',
      'PORT',
      'PUBLIC_URL',
      'QUERY_DEADLINE_MS',
      'REDIS_URL',
      'SNAPSHOT_MAX_BYTES',
      'WAREHOUSE_URL',
    ]);
    expect(problems.join('')).not.toContain('hunter2');
    expect(problems.join('')).not.toContain('\n');
    expect(problems).toContain('PORT is "70000"; expected a whole number from 0 to 65535.');
  });

  it.each(['redis://localhost:6379/0', 'redis://user:pw@127.0.0.1', 'rediss://LOCALHOST/?db=0'])(
    'refuses the store as a remote: %s',
    (url) => {
      const problems = problemsOf({ REDIS_URL: 'redis://localhost', CACHE_URL: url });
      expect(problems).toEqual([expect.stringMatching(/^CACHE_URL is the store itself/)]);
    },
  );

  it('refuses a node of the store as a remote', () => {
    const problems = problemsOf({ REDIS_URL: 'redis://a,b:7000', CACHE_URL: 'redis://b:7000' });
    expect(problems).toEqual([expect.stringMatching(/^CACHE_URL is the store itself/)]);
  });

  it('lets another database or port of the same Redis be a remote', () => {
    const env = {
      REDIS_URL: 'redis://localhost',
      A_URL: 'redis://localhost/1',
      B_URL: 'redis://localhost:1',
    };
    expect(parseSettings(env, 'node').remotes).toHaveLength(2);
  });

  it.each(['redis://a,b', 'redis+sentinel://a/m'])('refuses %s on Workers alone', (url) => {
    const env = { REDIS_URL: url, API_TOKEN: '0123456789abcdef' };
    expect(problemsOf(env, 'workers')).toEqual([
      expect.stringMatching(/^REDIS_URL leads to a Redis Cluster/),
    ]);
    expect(problemsOf(env, 'node')).toEqual([]);
  });

  it('requires the token and the store on Workers', () => {
    expect(problemsOf({}, 'workers')).toEqual([
      'REDIS_URL is missing; on Workers it is required.',
      'API_TOKEN is missing; on Workers it is required.',
    ]);
  });
});

it('docs/settings.md is what the table says', async () => {
  await expect(settingsMarkdown()).toMatchFileSnapshot('../../docs/settings.md');
});
