import { describe, expect, it } from 'vitest';
import { parseRedisAddress } from '../../src/domain/redis-address.ts';

describe('parseRedisAddress', () => {
  it.each([
    ['redis://cache', { kind: 'single', host: 'cache', port: 6379, database: 0 }],
    ['rediss://me:p%40w@cache:1/7', { kind: 'single', host: 'cache', port: 1, database: 7 }],
    ['redis://cache?db=3', { kind: 'single', database: 3 }],
    [
      'redis://a:1,b,[::1]:3',
      {
        kind: 'cluster',
        tls: false,
        nodes: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
          { host: '::1', port: 3 },
        ],
      },
    ],
    [
      'rediss+cluster://me:p%40w@a/0',
      {
        kind: 'cluster',
        tls: true,
        username: 'me',
        password: 'p@w',
        nodes: [{ host: 'a', port: 6379 }],
      },
    ],
    [
      'redis+sentinel://:p%2Fw@a,b:2/my%20set/4?sentinelUsername=s&sentinelPassword=q%26',
      {
        kind: 'sentinel',
        tls: false,
        sentinels: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 2 },
        ],
        master: 'my set',
        database: 4,
        password: 'p/w',
        sentinelUsername: 's',
        sentinelPassword: 'q&',
      },
    ],
    ['rediss+sentinel://a/m', { kind: 'sentinel', tls: true, master: 'm', database: 0 }],
  ])('reads %s', (url, address) => {
    expect(parseRedisAddress(url)).toMatchObject(address);
  });

  it.each([
    '',
    'http://a',
    'redis://',
    'redis:a',
    'redis://a:70000',
    'redis://a:0,b',
    'redis://a,,b',
    'redis://a,b/1',
    'redis://a,b?db=1',
    'redis://:%@a,b',
    'redis://:%@a',
    'redis+cluster://',
    'redis+sentinel://a',
    'redis+sentinel://a/m/x',
    'redis+sentinel://a/m/1/2',
    'redis+sentinel://a/m?password=x',
    'redis+other://a',
  ])('refuses %s', (url) => {
    expect(parseRedisAddress(url)).toBeNull();
  });
});
