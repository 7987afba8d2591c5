/** A Redis that answers anything but what it was asked: an error each time, never rows that aren't there, and no harm. */
import { describe, expect, it } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import {
  type LinkQuestion,
  type LinkTable,
  linkTables,
  RedisLinkError,
} from '../../src/domain/redis-link.ts';
import { type Answer, startFakeRedis } from '../support/fake-redis.ts';

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const list = (...items: readonly string[]) => `*${items.length}\r\n${items.join('')}`;

/** What a Redis with one key `k` would answer to the commands of a link. */
const honest: Readonly<Record<string, string>> = {
  DBSIZE: ':1\r\n',
  EXISTS: ':0\r\n',
  SCAN: list(bulk('0'), list(bulk('k'))),
  MGET: list(bulk('v')),
  PTTL: ':-1\r\n',
  TYPE: '+string\r\n',
  HSCAN: list(bulk('0'), list(bulk('f'), bulk('v'))),
  LRANGE: list(bulk('v')),
  XRANGE: list(list(bulk('1-1'), list(bulk('f'), bulk('v')))),
};

async function read(table: LinkTable, answer: Answer, some: Partial<LinkQuestion> = {}): Promise<unknown> {
  const redis = await startFakeRedis(answer);
  const link = openRedisLink({ url: redis.url });
  const question = {
    ...{ table, keys: null, prefix: Buffer.alloc(0), parts: null, signal: new AbortController().signal },
    ...{ wanted: linkTables[table].map(() => true), ...some },
  };
  try {
    let rows = 0;
    for await (const batch of link.read(question)) rows += batch.length;
    return rows;
  } catch (error) {
    return error;
  } finally {
    await link.close();
    await redis.close();
  }
}

const answering =
  (wrong: Readonly<Record<string, ReturnType<Answer>>>): Answer =>
  ([name = '']) => {
    const upper = name.toUpperCase();
    return Object.hasOwn(wrong, upper)
      ? (wrong[upper] ?? null)
      : (honest[upper] ?? '-ERR unknown command\r\n');
  };

describe('a Redis', () => {
  it('that answers as it should is read', async () => {
    expect(await read('redis', answering({}))).toBe(1);
    for (const table of ['hashes', 'lists', 'streams'] as const)
      expect([table, await read(table, answering({}))]).toEqual([table, 1]);
  });

  it.each([
    ['LOADING', '-LOADING Redis is loading\r\n', 'unreachable'],
    ['OOM', '-OOM command not allowed\r\n', 'rejected'],
    ['MOVED', '-MOVED 1 10.0.0.1:6379\r\n', 'moved'],
    ['ASK', '-ASK 1 10.0.0.1:6379\r\n', 'moved'],
    ['NOPERM', '-NOPERM no permissions\r\n', 'denied'],
    ['NOAUTH', '-NOAUTH Authentication required.\r\n', 'refused'],
    ['an error without a word', '-\r\n', 'rejected'],
    ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'unreachable'],
    ['a push of RESP3', '>2\r\n+message\r\n+x\r\n', 'unreachable'],
    ['a map of RESP3', '%1\r\n+a\r\n+b\r\n', 'unreachable'],
    ['a number', ':5\r\n', 'unreachable'],
    ['nothing', '$-1\r\n', 'unreachable'],
  ])('that answers SCAN with %s is an error', async (_, reply, failure) => {
    expect(await read('redis', answering({ SCAN: reply }))).toMatchObject({ failure });
  });

  it.each([
    ['redis', 'MGET', ':5\r\n'],
    ['redis', 'MGET', bulk('v')],
    ['redis', 'MGET', '*0\r\n'],
    ['redis', 'MGET', list(':1\r\n')],
    ['redis', 'MGET', list(list(bulk('v')))],
    ['redis', 'PTTL', bulk('soon')],
    ['redis', 'PTTL', '$-1\r\n'],
    ['hashes', 'HSCAN', ':1\r\n'],
    ['hashes', 'HSCAN', list(bulk('0'))],
    ['hashes', 'HSCAN', list(bulk('0'), list(bulk('f')))],
    ['lists', 'LRANGE', ':1\r\n'],
    ['lists', 'LRANGE', list(':1\r\n')],
    ['streams', 'XRANGE', list(bulk('1-1'))],
    ['streams', 'XRANGE', list(list(bulk('1-1'), list(bulk('f'))))],
  ] as const)(
    'that answers for %s to %s what no Redis answers (%#) is an error',
    async (table, name, reply) => {
      expect(await read(table, answering({ [name]: reply }))).toBeInstanceOf(RedisLinkError);
    },
  );

  it.each(['-5', '9223372036854775807', '99999999999999999999'])(
    'that says it has %s keys is read all the same',
    async (count) => {
      expect(await read('redis', answering({ DBSIZE: `:${count}\r\n` }))).toBe(1);
    },
  );

  it.each([
    ['SCAN', { cut: '*2\r\n$1\r\n0\r\n*2\r\n$1\r\nk\r\n$1' }],
    ['MGET', { cut: '*1\r\n$400000000\r\nbut a few bytes' }],
    ['MGET', { cut: '' }],
    ['PTTL', { cut: ':1' }],
  ] as const)('that is cut off in its answer to %s is an error, not fewer rows', async (name, cut) => {
    expect(await read('redis', answering({ [name]: cut }))).toMatchObject({ failure: 'unreachable' });
  });

  it('that brings keys twice shows them once', async () => {
    let steps = 0;
    const twice: Answer = ([name = '', ...rest]) =>
      name.toUpperCase() === 'SCAN'
        ? list(bulk(steps++ < 5 ? '7' : '0'), list(bulk('k'), bulk('k')))
        : (answering({})([name, ...rest]) as string);
    expect(await read('redis', twice)).toBe(1);
  });

  it('whose key has gone or become something else between SCAN and the reading has no row of it', async () => {
    const wrong = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n';
    expect(await read('redis', answering({ MGET: list('$-1\r\n') }))).toBe(0);
    expect(await read('redis', answering({ PTTL: ':-2\r\n' }))).toBe(0);
    expect(await read('hashes', answering({ HSCAN: wrong }))).toBe(0);
    expect(await read('lists', answering({ LRANGE: wrong }))).toBe(0);
    expect(await read('streams', answering({ XRANGE: wrong }))).toBe(0);
    expect(await read('hashes', answering({ HSCAN: list(bulk('0'), '*0\r\n') }))).toBe(0);
  });

  it('whose value is larger than can be passed on is an error', { timeout: 60_000 }, async () => {
    const huge = 'x'.repeat(64 * 1024 * 1024 + 1);
    expect(await read('redis', answering({ MGET: list(bulk(huge)) }))).toMatchObject({ failure: 'tooMuch' });
  });
});
