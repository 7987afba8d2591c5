/** The login of docs/redis.md: it is enough for the whole contract, and nothing of it is too much. */
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { clipContract } from './clip-contract.ts';
import { type Contest, redisContender } from './contenders.ts';
import { encodingContract } from './encoding-contract.ts';
import { restoreContract } from './restore-contract.ts';
import { snapshotContract } from './snapshot-contract.ts';
import { writerContract } from './writer-contract.ts';

const text = await readFile(new URL('../../docs/redis.md', import.meta.url), 'utf8');
const documented = /^ACL SETUSER pgclip (.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
const password = 'password-of-the-acl';

let server: RedisServer;
const contender = redisContender(
  'Redis with the documented login',
  async () => {
    server = await startRedis();
    return { url: server.url, servers: [server], stop: () => server.stop() };
  },
  async (raw) => {
    const rules = documented.map((rule) => rule.replace('PASSWORD', password));
    await raw.call('ACL', 'SETUSER', 'pgclip', ...rules);
    return `pgclip:${password}@`;
  },
);
let contest: Contest;
beforeAll(() => contender.start());
beforeEach(async () => {
  contest = await contender.open();
});
afterEach(() => contest.close());
afterAll(() => contender.stop());

clipContract(() => contest);
snapshotContract(() => contest);
writerContract(() => contest);
encodingContract(() => contest);
restoreContract(() => contest);

test('answers a ping and tells its health', async () => {
  await contest.store.ping();
  expect((await contest.store.health()).problems).toMatchObject([{ level: 'loses' }]);
});

test('the documented login has the commands of all these tests, and no other', async () => {
  const raw = new Redis(server.url);
  const stats = await raw.info('commandstats');
  raw.disconnect();
  const used = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+),.*?rejected_calls=(\d+)/gm)]
    .map(([, name]) => `+${name}`)
    // What the tests themselves do from outside; what every login may do.
    .filter((name) => !/^\+(acl\||flushall|config\|set|rpop|auth|quit|command|hello|client\|)/.test(name));
  expect(documented.filter((rule) => rule.startsWith('+')).toSorted()).toEqual(used.toSorted());
});

test('no command is denied to it', async () => {
  const raw = new Redis(server.url);
  expect(await raw.call('ACL', 'LOG')).toEqual([]);
  raw.disconnect();
});
