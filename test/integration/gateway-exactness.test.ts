/**
 * Every table, under conditions of every kind that the gateway takes on, beside a naive read by ioredis that is filtered
 * here: the same rows. Keys, fields, members and values are any bytes. With and without a prefix of glob characters.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import { type LinkTable, linkTables } from '../../src/domain/redis-link.ts';
import type { GatewayLogin } from '../../src/gateway/gateway.ts';
import { linkPassword, linkStatements, openTestGateway, type TestGateway } from '../support/gateway.ts';

const prefix = 'p*[q]?\\:';
const keysOfEach = 60;
const rounds = 4;
type Row = readonly (string | null)[];
type Test = readonly [where: string, values: readonly unknown[], holds: (row: Row) => boolean];

let test: TestGateway;
let limited: GatewayLogin;

/** Park and Miller, as in the differential test. */
let state = 20_261_122;
function random(below: number): number {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
}
const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;

const pieces = [
  ...[
    'a',
    'b',
    'key',
    ':',
    '\\x',
    '\\',
    '*',
    '?',
    '[ab]',
    '[',
    ']',
    '-',
    '^',
    "'",
    '"',
    '{',
    '}',
    ',',
    ' ',
    '\n',
  ],
  ...['é', '日', '😀', 'NULL', '%', '_', '~', '\u007f', '\u0001', '\\x61', '0', 'ff'],
].map((text) => Buffer.from(text));
const raw = [
  Buffer.of(0),
  Buffer.of(0xff),
  Buffer.of(0xc3),
  Buffer.of(0xed, 0xa0, 0x80),
  Buffer.of(0xf4, 0x90),
];

function bytes(): Buffer {
  const kind = random(400);
  if (kind < 10) return Buffer.alloc(0);
  if (kind === 10) return Buffer.alloc(20_000 + random(20_000), pick(pieces));
  const count = 1 + random(4);
  return Buffer.concat(Array.from({ length: count }, () => pick(random(5) === 0 ? raw : pieces)));
}

/** What the documented rule says, written anew. */
function show(value: Buffer): string {
  const text = value.toString('utf8');
  const isItself = Buffer.from(text).equals(value) && !text.includes('\0') && !text.startsWith('\\x');
  return isItself ? text : `\\x${value.toString('hex')}`;
}

async function fill(redis: Redis): Promise<void> {
  for (let i = 0; i < keysOfEach; i++) {
    const key = () => Buffer.concat([Buffer.from(random(2) ? prefix : ''), bytes()]);
    const ignore = () => undefined;
    await redis.set(key(), bytes()).catch(ignore);
    const lasting = key();
    await redis.set(lasting, bytes(), 'PX', 3_600_000 + random(100_000_000)).catch(ignore);
    // Some are of another type already.
    const [h, l, s, z, st] = [key(), key(), key(), key(), key()];
    const count = random(20) === 0 ? 700 : 1 + random(5);
    for (let n = 0; n < count; n++) {
      await redis.hset(h, bytes(), bytes()).catch(ignore);
      await redis.rpush(l, bytes()).catch(ignore);
      await redis.sadd(s, bytes()).catch(ignore);
      await redis.zadd(z, random(1_000_000) / 7, bytes()).catch(ignore);
      await redis.xadd(st, '*', bytes(), bytes()).catch(ignore);
    }
  }
}

/** All rows of every table, read one command a key. */
async function readNaively(redis: Redis, of: string): Promise<Record<LinkTable, Row[]>> {
  const rows: Record<LinkTable, Row[]> = {
    ...{ redis: [], hashes: [], lists: [], sets: [], zsets: [], streams: [], keys: [] },
  };
  for (const whole of await redis.keysBuffer('*')) {
    if (!whole.subarray(0, of.length).equals(Buffer.from(of))) continue;
    const key = show(whole.subarray(of.length));
    const type = await redis.type(whole);
    const ttl = (await redis.pttl(whole)) < 0 ? null : 'some';
    rows.keys.push([key, type, ttl, String(await redis.memory('USAGE', whole))]);
    if (type === 'string') rows.redis.push([key, show((await redis.getBuffer(whole)) as Buffer), ttl]);
    if (type === 'hash') {
      const pairs = (await redis.callBuffer('HGETALL', whole)) as Buffer[];
      for (let i = 0; i < pairs.length; i += 2)
        rows.hashes.push([key, show(pairs[i] as Buffer), show(pairs[i + 1] as Buffer)]);
    }
    if (type === 'list')
      for (const [i, value] of (await redis.lrangeBuffer(whole, 0, -1)).entries())
        rows.lists.push([key, String(i), show(value)]);
    if (type === 'set')
      for (const member of await redis.smembersBuffer(whole)) rows.sets.push([key, show(member)]);
    if (type === 'zset') {
      const pairs = (
        (await redis.callBuffer('ZRANGE', whole, '0', '-1', 'WITHSCORES')) as Buffer[]
      ).flat() as Buffer[];
      for (let i = 0; i < pairs.length; i += 2)
        rows.zsets.push([key, show(pairs[i] as Buffer), String(Number(String(pairs[i + 1])))]);
    }
    if (type === 'stream')
      for (const [id, pairs] of await redis.xrangeBuffer(whole, '-', '+'))
        for (let i = 0; i < pairs.length; i += 2)
          rows.streams.push([key, String(id), show(pairs[i] as Buffer), show(pairs[i + 1] as Buffer)]);
  }
  return rows;
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const inBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Conditions about a table, on texts that are in it and on some that are not. */
function testsOf(table: LinkTable, rows: readonly Row[]): Test[] {
  const columns = linkTables[table].flatMap(({ name, type }, at) =>
    type === 'text' ? [[name, at] as const] : [],
  );
  const textOf = (at: number) => (random(4) && rows.length > 0 ? (pick(rows)[at] as string) : show(bytes()));
  const tests: Test[] = [['true', [], () => true]];
  for (const [name, at] of columns) {
    const cell = (row: Row) => row[at] as string;
    const [one, two] = [textOf(at), textOf(at)];
    const many = Array.from({ length: 5 }, () => textOf(at));
    const begin = [...one].slice(0, 1 + random(3)).join('');
    tests.push(
      [`${name} = ${quote(one)}`, [], (row) => cell(row) === one],
      [`${name} = $1`, [one], (row) => cell(row) === one],
      [`${name} IN (${quote(one)}, ${quote(two)})`, [], (row) => [one, two].includes(cell(row))],
      [`${name} = ANY ($1::text[])`, [[...many, null]], (row) => many.includes(cell(row))],
      [`${name} ^@ ${quote(begin)}`, [], (row) => cell(row).startsWith(begin)],
      [
        `${name} ^@ $1 AND ${name} <> $2`,
        [begin, one],
        (row) => cell(row).startsWith(begin) && cell(row) !== one,
      ],
      [`${name} < $1`, [one], (row) => inBytes(cell(row), one) < 0],
      [
        `NOT (${name} >= $1 OR ${name} = $2)`,
        [one, two],
        (row) => inBytes(cell(row), one) < 0 && cell(row) !== two,
      ],
    );
    const [other = name, otherAt = at] = columns[1] ?? [];
    const found = rows.length > 0 ? pick(rows) : undefined;
    const [first, second] = [(found?.[0] ?? '') as string, (found?.[otherAt] ?? '') as string];
    tests.push([
      `key = $1 AND ${other} = ANY ($2::text[])`,
      [first, [second, two]],
      (row) => row[0] === first && [second, two].includes(row[otherAt] as string),
    ]);
  }
  if (table === 'redis' || table === 'keys')
    tests.push(
      ['ttl IS NULL', [], (row) => row[2] === null],
      ['ttl IS NOT NULL', [], (row) => row[2] !== null],
    );
  if (table === 'keys')
    tests.push([`type IN ('hash', 'list')`, [], (row) => row[1] === 'hash' || row[1] === 'list']);
  return tests;
}

beforeAll(async () => {
  test = await openTestGateway();
  limited = {
    password: linkPassword,
    redis: openRedisLink({ url: test.server.url, prefix }),
    writable: false,
  };
  test.logins.set('limited', limited);
  for (const statement of linkStatements('lim', test.gateway.port, 'limited', linkPassword))
    await test.sql.query(statement);
  await fill(test.redis);
});
afterAll(() => test?.close());

describe.each([
  ['hredis', ''],
  ['lim', prefix],
])('the rows of %s', (schema, of) => {
  it.each(Object.keys(linkTables) as LinkTable[])(
    'in %s are those of Redis',
    { timeout: 120_000 },
    async (table) => {
      const wanted = (await readNaively(test.redis, of))[table];
      expect(wanted.length).toBeGreaterThan(20);
      const shown = linkTables[table].map(({ name, type }) =>
        type === 'interval' ? `CASE WHEN ${name} IS NOT NULL THEN 'some' END` : name,
      );
      const sorted = (rows: readonly Row[]) => rows.map((row) => JSON.stringify(row)).toSorted();
      let found = 0;
      for (let round = 0; round < rounds; round++)
        for (const [where, values, holds] of testsOf(table, wanted)) {
          const text = `SELECT ${shown} FROM ${schema}.${table} WHERE ${where}`;
          const { rows } = await test.sql.query({ text, values: [...values], rowMode: 'array' });
          const given = rows.map((row: unknown[]) =>
            row.map((cell) => (cell === null ? null : String(cell))),
          );
          expect(sorted(given), `${where} ${JSON.stringify(values)}`).toEqual(sorted(wanted.filter(holds)));
          found += given.length;
        }
      expect(found).toBeGreaterThan(wanted.length);
    },
  );
});

it('does not see what has the prefix only as a pattern', async () => {
  const { redis, sql } = test;
  await redis.set('pXXq?\\:none', '1');
  await redis.set(`${prefix}one`, '1');
  const { rows } = await sql.query(`SELECT key FROM lim.redis WHERE key ^@ 'none' OR key ^@ 'one'`);
  expect(rows).toEqual([{ key: 'one' }]);
});
