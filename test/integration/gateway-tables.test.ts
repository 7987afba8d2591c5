/** Every table of a linked Redis, read through postgres_fdw: all types, awkward bytes, what is sent and what is not. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisLink } from '../../src/adapters/redis/link.ts';
import { linkStatements, openTestGateway, type TestGateway } from '../support/gateway.ts';

let test: TestGateway;
const many = 1_300;

beforeAll(async () => {
  test = await openTestGateway();
  const { redis, sql } = test;
  await redis.mset('a', '1', 'b', 'two words', 'c\\d', 'x', 'q"uo,te{}', 'y', '', 'empty', '\\x61', 'a text');
  await redis.mset(
    Buffer.from([0xff, 0, 0x6b]),
    'v',
    'nul',
    Buffer.from([0x61, 0, 0x62]),
    'glob*?[a]\\',
    'g',
    'globXYa',
    'h',
  );
  await redis.set('soon', '1', 'PX', 3_600_500);
  await redis.hset('h', 'f1', 'v1', 'f2', 'v2');
  await redis.hset('h', Buffer.from([0xfe]), 'z');
  await redis.rpush('l', 'one', 'two', 'three');
  await redis.sadd('s', 'm1', 'm2', 'é');
  await redis.zadd('z', 1.5, 'm1', '-inf', 'm2', 1e300, 'm3', '+inf', 'm4', 0.1, 'm5');
  await redis.xadd('st', '1-1', 'a', '1', 'b', '2');
  await redis.xadd('st', '2-1', 'a', '3');
  const pipeline = redis.pipeline();
  for (let i = 1; i <= many; i++)
    pipeline
      .rpush('many:l', i)
      .hset('many:h', `f${i}`, i)
      .sadd('many:s', `m${i}`)
      .zadd('many:z', i, `m${i}`)
      .xadd('many:st', `${i}-0`, 'f', i);
  await pipeline.exec();
  await sql.query('CREATE TABLE widgets (id int, code varchar(20))');
  await sql.query(`INSERT INTO widgets SELECT g, 'w' || g FROM generate_series(1, 2000) g`);
});
afterAll(() => test?.close());

const rows = async (sql: string, ...values: unknown[]) =>
  (await test.sql.query({ text: sql, values, rowMode: 'array' })).rows as unknown[][];
const remoteSql = async (sql: string) => {
  const plan = (await rows(`EXPLAIN (VERBOSE, COSTS OFF) ${sql}`)).map(([line]) => String(line).trim());
  return plan
    .filter((line) => line.startsWith('Remote SQL: '))
    .map((line) => line.slice('Remote SQL: '.length));
};

describe('the tables', () => {
  it('show strings, and only strings, with bytes that are no text as hex', async () => {
    expect(await rows('SELECT key, value FROM hredis.redis ORDER BY key')).toEqual([
      ...[
        ['', 'empty'],
        ['\\x5c783631', 'a text'],
        ['\\xff006b', 'v'],
        ['a', '1'],
        ['b', 'two words'],
        ['c\\d', 'x'],
      ],
      ...[
        ['glob*?[a]\\', 'g'],
        ['globXYa', 'h'],
        ['nul', '\\x610062'],
        ['q"uo,te{}', 'y'],
        ['soon', '1'],
      ],
    ]);
    expect(await rows(`SELECT key FROM hredis.redis WHERE ttl BETWEEN '59 min' AND '61 min'`)).toEqual([
      ['soon'],
    ]);
    expect(await rows('SELECT count(*) FROM hredis.redis WHERE ttl IS NULL')).toEqual([['10']]);
  });

  it('show every key with its type, time to live and bytes', async () => {
    const found = await rows('SELECT key, type, ttl IS NULL, bytes > 40 FROM hredis.keys ORDER BY key');
    expect(found).toHaveLength(await test.redis.dbsize());
    expect(found).toContainEqual(['z', 'zset', true, true]);
    expect(found).toContainEqual(['soon', 'string', false, true]);
    expect(await rows(`SELECT key FROM hredis.keys WHERE type = 'zset' ORDER BY 1`)).toEqual([
      ['many:z'],
      ['z'],
    ]);
    expect(await rows(`SELECT count(*) FROM hredis.keys WHERE type IN ('zset', 'set', 'nonsense')`)).toEqual([
      ['4'],
    ]);
    expect(await rows(`SELECT count(*) FROM hredis.keys WHERE type = 'nonsense'`)).toEqual([['0']]);
    expect(await rows(`SELECT type FROM hredis.keys WHERE key IN ('a', 'h', 'nope') ORDER BY 1`)).toEqual([
      ['hash'],
      ['string'],
    ]);
  });

  it('show the parts of collections', async () => {
    expect(await rows(`SELECT field, value FROM hredis.hashes WHERE key = 'h' ORDER BY 1`)).toEqual([
      ...[
        ['\\xfe', 'z'],
        ['f1', 'v1'],
        ['f2', 'v2'],
      ],
    ]);
    expect(await rows(`SELECT index, value FROM hredis.lists WHERE key = 'l' ORDER BY 1`)).toEqual([
      ...[
        ['0', 'one'],
        ['1', 'two'],
        ['2', 'three'],
      ],
    ]);
    expect(await rows(`SELECT member FROM hredis.sets WHERE key = 's' ORDER BY 1`)).toEqual([
      ['m1'],
      ['m2'],
      ['é'],
    ]);
    expect(await rows(`SELECT member, score FROM hredis.zsets WHERE key = 'z' ORDER BY score`)).toEqual([
      ...[
        ['m2', -Infinity],
        ['m5', 0.1],
        ['m1', 1.5],
        ['m3', 1e300],
        ['m4', Infinity],
      ],
    ]);
    expect(await rows(`SELECT id, field, value FROM hredis.streams WHERE key = 'st'`)).toEqual([
      ...[
        ['1-1', 'a', '1'],
        ['1-1', 'b', '2'],
        ['2-1', 'a', '3'],
      ],
    ]);
  });

  it('show collections of many pieces whole, each part once', async () => {
    const sum = ((many * (many + 1)) / 2).toString();
    expect(
      await rows(
        `SELECT count(*), count(DISTINCT field), sum(value::int) FROM hredis.hashes WHERE key = 'many:h'`,
      ),
    ).toEqual([[String(many), String(many), sum]]);
    expect(
      await rows(
        `SELECT count(*), count(DISTINCT index), sum(value::int) FROM hredis.lists WHERE key = 'many:l'`,
      ),
    ).toEqual([[String(many), String(many), sum]]);
    expect(
      await rows(`SELECT count(*), count(DISTINCT id) FROM hredis.streams WHERE key = 'many:st'`),
    ).toEqual([[String(many), String(many)]]);
    expect(await rows(`SELECT count(DISTINCT member) FROM hredis.sets WHERE key ^@ 'many'`)).toEqual([
      [String(many)],
    ]);
    expect(await rows("SELECT count(*), sum(score) FILTER (WHERE key = 'many:z') FROM hredis.zsets")).toEqual(
      [[String(many + 5), Number(sum)]],
    );
  });

  it('find parts by themselves', async () => {
    expect(
      await rows(`SELECT value FROM hredis.hashes WHERE key = 'many:h' AND field IN ('f7', 'f1300', 'no')`),
    ).toEqual([...[['7'], ['1300']]]);
    expect(await rows(`SELECT key, field FROM hredis.hashes WHERE field = '\\xfe'`)).toEqual([
      ['h', '\\xfe'],
    ]);
    expect(await rows(`SELECT key FROM hredis.sets WHERE member = 'm1' ORDER BY 1`)).toEqual([
      ['many:s'],
      ['s'],
    ]);
    expect(await rows(`SELECT key, score FROM hredis.zsets WHERE member = 'm7'`)).toEqual([['many:z', 7]]);
    expect(await rows(`SELECT 1 FROM hredis.sets WHERE key IN ('a', 'h', 'nope') AND member = 'm1'`)).toEqual(
      [],
    );
  });

  it('find keys by what they are shown as', async () => {
    const found = await rows(`SELECT key FROM hredis.redis WHERE key = ANY ($1) ORDER BY 1`, [
      ...['\\xff006b', '\\x61', '\\x5c783631', 'c\\d', 'q"uo,te{}', '', 'a', 'a', 'nope'],
    ]);
    expect(found.map(([key]) => key)).toEqual(['', '\\x5c783631', '\\xff006b', 'a', 'c\\d', 'q"uo,te{}']);
    expect(await rows(`SELECT key FROM hredis.redis WHERE key ^@ 'glob*?[a]'`)).toEqual([['glob*?[a]\\']]);
    expect(await rows(`SELECT key FROM hredis.redis WHERE key ^@ '\\x' ORDER BY 1`)).toEqual([
      ['\\x5c783631'],
      ['\\xff006b'],
    ]);
    expect(
      await rows(`SELECT key FROM hredis.redis WHERE key ^@ 'glob' AND key LIKE '%a' AND value > 'a'`),
    ).toEqual([['globXYa']]);
  });
});

describe('what is sent', () => {
  it.each([
    [`key = 'a'`, /WHERE \(\(key = 'a'(::text)?\)\)$/],
    [
      `key = ANY (ARRAY(SELECT concat('widget:', id) FROM widgets))`,
      /WHERE \(\(key = ANY \(\$1::text\[\]\)\)\)$/,
    ],
    [`key ^@ 'app:'`, /WHERE \(\(key \^@ 'app:'(::text)?\)\)$/],
    [`key = (SELECT code FROM widgets LIMIT 1)`, /WHERE \(\(key = \$1::character varying\(20\)\)\)$/],
    [`key LIKE 'app:%'`, /FROM public\.redis$/],
    [`upper(value) = 'X'`, /FROM public\.redis$/],
    [`ttl > '1 min'`, /FROM public\.redis$/],
    [`ttl IS NULL`, /FROM public\.redis$/],
  ])('of %s', async (condition, wanted) => {
    expect(await remoteSql(`SELECT * FROM hredis.redis WHERE ${condition}`)).toEqual([
      expect.stringMatching(wanted),
    ]);
  });

  it.each(['count(*)', 'max(value)', 'DISTINCT key'])('of %s is the reading alone', async (what) => {
    expect(await remoteSql(`SELECT ${what} FROM hredis.redis`)).toEqual([
      expect.stringMatching(/^SELECT (NULL|key|value) FROM public\.redis$/),
    ]);
  });

  it('of joins, orders and limits is the reading alone', async () => {
    const sql = 'SELECT a.key FROM hredis.redis a JOIN hredis.keys b USING (key) ORDER BY a.value LIMIT 3';
    const sent = await remoteSql(sql);
    expect(sent.toSorted()).toEqual(['SELECT key FROM public.keys', 'SELECT key, value FROM public.redis']);
    expect(await rows(sql)).toHaveLength(3);
  });

  it('of numbers and positions is nothing', async () => {
    expect(await remoteSql('SELECT * FROM hredis.lists WHERE index = 1 AND index = (SELECT 1)')).toEqual([
      'SELECT key, index, value FROM public.lists',
    ]);
    expect(await remoteSql('SELECT * FROM hredis.zsets WHERE score > sqrt((SELECT 4.0::float8))')).toEqual([
      'SELECT key, member, score FROM public.zsets',
    ]);
  });

  it('joins widgets by an array of their keys without a nested loop over it', async () => {
    await test.redis.mset(...Array.from({ length: 4_000 }, (_, i) => (i % 2 ? String(i) : `w${i / 2 + 1}`)));
    const sql = `SELECT count(*) FROM widgets w JOIN hredis.redis r
      ON r.key = w.code AND r.key = ANY (ARRAY(SELECT code FROM widgets))`;
    const plan = (await rows(`EXPLAIN ${sql}`)).flat().join('\n');
    expect(plan).toMatch(/(Hash|Merge) Join/);
    expect(await rows(sql)).toEqual([['2000']]);
  });
});

describe('postgres_fdw', () => {
  it('imports the schema and analyzes its tables', async () => {
    await test.sql.query('CREATE SCHEMA imported');
    await test.sql.query('IMPORT FOREIGN SCHEMA public EXCEPT (lists) FROM SERVER hredis INTO imported');
    const columns = await rows(`SELECT c.relname, a.attname, format_type(a.atttypid, null) FROM pg_class c
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'imported'::regnamespace
      ORDER BY c.relname, a.attnum`);
    expect(columns.filter(([table]) => table === 'zsets')).toEqual([
      ...[
        ['zsets', 'key', 'text'],
        ['zsets', 'member', 'text'],
        ['zsets', 'score', 'double precision'],
      ],
    ]);
    expect(new Set(columns.map(([table]) => table))).toEqual(
      new Set(['redis', 'hashes', 'sets', 'zsets', 'streams', 'keys']),
    );
    expect(await rows(`SELECT score FROM imported.zsets WHERE key = 'z' AND member = 'm1'`)).toEqual([[1.5]]);
    await test.sql.query('ANALYZE imported.hashes');
    const [[tuples]] = (await rows(
      `SELECT reltuples FROM pg_class WHERE oid = 'imported.hashes'::regclass`,
    )) as [[number]];
    expect(tuples).toBe(many + 3);
  });

  it('reads a cursor in pieces, again, and several side by side', async () => {
    await test.sql.query(`ALTER SERVER hredis OPTIONS (SET fetch_size '100')`);
    await test.sql.query('BEGIN');
    await test.sql.query(`DECLARE c SCROLL CURSOR FOR SELECT value FROM hredis.lists WHERE key = 'many:l'`);
    await test.sql.query(`DECLARE d CURSOR FOR SELECT member FROM hredis.sets WHERE key = 'many:s'`);
    expect(await rows('FETCH 250 FROM c')).toHaveLength(250);
    expect(await rows('FETCH 150 FROM d')).toHaveLength(150);
    expect(await rows('FETCH ALL FROM c')).toHaveLength(many - 250);
    await test.sql.query('MOVE BACKWARD ALL IN c');
    expect(await rows('FETCH 1 FROM c')).toEqual([['1']]);
    expect(await rows('FETCH ALL FROM d')).toHaveLength(many - 150);
    await test.sql.query('COMMIT');
    // A subplan that runs again for each outer row asks again from the start.
    expect(
      await rows(`SELECT w.id, (SELECT count(*) FROM hredis.lists l WHERE l.key = 'many:l' AND l.value::int <= w.id)
        FROM widgets w WHERE w.id < 4 ORDER BY 1`),
    ).toEqual([
      ...[
        [1, '1'],
        [2, '2'],
        [3, '3'],
      ],
    ]);
    await test.sql.query(`ALTER SERVER hredis OPTIONS (SET fetch_size '10000')`);
  });

  it('goes on after an error within a savepoint', async () => {
    await test.sql.query('BEGIN');
    expect(await rows(`SELECT value FROM hredis.redis WHERE key = 'a'`)).toEqual([['1']]);
    await test.sql.query('SAVEPOINT s');
    await expect(test.sql.query('SELECT ctid FROM hredis_raw.redis')).rejects.toMatchObject({
      code: '42703',
    });
    await test.sql.query('ROLLBACK TO s');
    expect(await rows(`SELECT value FROM hredis.redis WHERE key = 'b'`)).toEqual([['two words']]);
    await test.sql.query('COMMIT');
  });
});

describe('a reader', () => {
  it('of the views alone needs no mapping, sees no password, and gets no further', async () => {
    const { sql, database } = test;
    await sql.query(`REVOKE ALL ON SCHEMA hredis_raw FROM ${database.name}_reader`);
    await sql.query(`REVOKE ALL ON ALL TABLES IN SCHEMA hredis_raw FROM ${database.name}_reader`);
    const reader = new pg.Client({ connectionString: database.readerUrl });
    await reader.connect();
    const codeOf = (text: string) =>
      reader.query(text).then(
        () => 'no error',
        (error: { code?: string }) => error.code,
      );
    const found = await reader.query(`SELECT value FROM hredis.redis WHERE key = ANY (ARRAY['a'])`);
    expect(found.rows).toEqual([{ value: '1' }]);
    expect((await reader.query('SELECT umoptions FROM pg_user_mappings')).rows).toEqual([
      { umoptions: null },
    ]);
    expect(await codeOf('SELECT * FROM hredis_raw.redis')).toBe('42501');
    expect(await codeOf(`INSERT INTO hredis.redis VALUES ('new', 'x')`)).toBe('42501');
    expect(await codeOf(`DELETE FROM hredis.redis WHERE key = 'a'`)).toBe('42501');
    await reader.end();
  });
});

describe('a link with a prefix', () => {
  it('shows the keys that begin with it, without it', async () => {
    const { logins, sql, redis, server, gateway } = test;
    await redis.mset('app*:one', '1', 'app*:two', '2', 'appX:three', '3', 'app*:', 'nothing');
    await redis.hset('app*:h', 'f', 'v');
    const link = openRedisLink({ url: server.url, prefix: 'app*:' });
    logins.set('app', { password: 'p', redis: link, writable: true });
    for (const statement of linkStatements('app', gateway.port, 'app', 'p')) await sql.query(statement);
    expect(await rows('SELECT key, value FROM app.redis ORDER BY 1')).toEqual([
      ...[
        ['', 'nothing'],
        ['one', '1'],
        ['two', '2'],
      ],
    ]);
    expect(await rows(`SELECT value FROM app.redis WHERE key IN ('one', 'app*:one', 'a')`)).toEqual([['1']]);
    expect(await rows(`SELECT value FROM app.redis WHERE key ^@ 't'`)).toEqual([['2']]);
    expect(await rows('SELECT * FROM app.hashes')).toEqual([['h', 'f', 'v']]);
    expect(await rows('SELECT key FROM app.keys ORDER BY 1')).toEqual([[''], ['h'], ['one'], ['two']]);
    await sql.query(`INSERT INTO app.redis VALUES ('three', '3')`);
    expect(await redis.get('app*:three')).toBe('3');
    await sql.query('DROP SERVER app CASCADE');
  });
});
