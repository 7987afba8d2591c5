/**
 * Conditions of all kinds, made at random, on a table of Redis and on a copy of it in Postgres: equal rows. What
 * postgres_fdw sends of them is answered by the gateway exactly as Postgres would have done, or refused.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestGateway, type TestGateway } from '../support/gateway.ts';

const conditionCount = 600;
let test: TestGateway;

/** A generator whose numbers are the same each time: Park and Miller, "Random Number Generators", 1988. */
let state = 20_261_121;
function random(below: number): number {
  state = (state * 48_271) % 2_147_483_647;
  return state % below;
}
const pick = <T>(...items: readonly T[]): T => items[random(items.length)] as T;

const texts = [
  ...[
    'a',
    'b',
    'ab',
    'abc',
    'B',
    'é',
    'z',
    '',
    ' ',
    '\\',
    '\\x',
    '\\xff',
    '\\x5c7861',
    "it's",
    '"q"',
    '{a,b}',
  ],
  ...[
    'a%',
    'a_b',
    '*',
    'a*',
    '[a]',
    '?',
    'NULL',
    'null',
    'a,b',
    'ä',
    '日本',
    '😀',
    '\n',
    '\t',
    'a\\b',
    '~',
    'key',
    '\u007f',
  ],
];
const quote = (text: string | null) => (text === null ? 'NULL::text' : `'${text.replaceAll("'", "''")}'`);
const column = () => pick('key', 'field', 'value');
const maybeText = () => (random(12) === 0 ? null : pick(...texts));

/** A text that isn't known when the query is planned. */
const hidden = () => `(SELECT v FROM hidden WHERE id = ${random(texts.length + 1)})`;
const value = () =>
  pick(
    () => quote(maybeText()),
    () => quote(maybeText()),
    hidden,
    column,
  )();
const list = () =>
  pick(
    () => `ARRAY[${Array.from({ length: random(4) + 1 }, () => quote(maybeText()))}]`,
    () => `ARRAY[${column()}, ${quote(maybeText())}]`,
    () => `ARRAY(SELECT v FROM hidden WHERE id % ${random(5) + 2} = 0)`,
    () => `'{}'::text[]`,
  )();

function condition(depth: number): string {
  const kind = depth > 3 ? random(7) : random(11);
  if (kind < 3)
    return `${column()} ${pick('=', '=', '<>', '<', '<=', '>', '>=', '^@', '~<~', '~>=~')} ${value()}`;
  if (kind === 3)
    return `${column()} ${pick('= ANY', '= ANY', '<> ALL', '< ANY', '>= ALL', '^@ ANY')} (${list()})`;
  if (kind === 4) return `${column()} IS ${pick('', 'NOT ')}DISTINCT FROM ${value()}`;
  if (kind === 5) return `${column()} IS ${pick('', 'NOT ')}NULL`;
  if (kind === 6)
    return `${column()} ${pick('LIKE', '||', '~')} ${quote(pick('a%', 'a', '\\\\'))}`.replace(
      /(\S+) \|\| (.*)/,
      '$1 || $2 > $1',
    );
  if (kind === 7) return `NOT (${condition(depth + 1)})`;
  if (kind === 8)
    return `CASE WHEN ${condition(depth + 1)} THEN ${condition(depth + 1)} ELSE ${condition(depth + 1)} END`;
  const joint = kind === 9 ? ' AND ' : ' OR ';
  return Array.from({ length: random(2) + 2 }, () => `(${condition(depth + 1)})`).join(joint);
}

beforeAll(async () => {
  test = await openTestGateway();
  const { redis, sql } = test;
  await sql.query('CREATE TABLE hidden (id int, v text)');
  for (const [i, text] of texts.entries()) await sql.query('INSERT INTO hidden VALUES ($1, $2)', [i, text]);
  for (let i = 0; i < 400; i++) {
    const cell = () => (random(9) === 0 ? Buffer.from([0xff, random(4)]) : Buffer.from(pick(...texts)));
    await redis.hset(cell(), cell(), cell());
  }
  await sql.query('CREATE TABLE copied AS SELECT * FROM hredis.hashes');
  await sql.query('ALTER TABLE copied ALTER key TYPE text COLLATE "C", ALTER field TYPE text COLLATE "C"');
});
afterAll(() => test?.close());

it(`gives the rows that Postgres gives, for ${conditionCount} conditions`, { timeout: 120_000 }, async () => {
  const { sql } = test;
  const counts = { answered: 0, empty: 0, pushed: 0 };
  for (let i = 0; i < conditionCount; i++) {
    const where = condition(0);
    const query = (table: string) => ({
      text: `SELECT key, field, value FROM ${table} WHERE ${where} ORDER BY key, field`,
      rowMode: 'array' as const,
    });
    const wanted = await sql.query(query('copied'));
    const given = await sql.query(query('hredis.hashes'));
    expect(given.rows, where).toEqual(wanted.rows);
    counts.answered++;
    if (wanted.rows.length === 0) counts.empty++;
    const plan = await sql.query(`EXPLAIN (VERBOSE) ${query('hredis.hashes').text}`);
    if (plan.rows.some((row) => /Remote SQL: .* WHERE /.test(row['QUERY PLAN']))) counts.pushed++;
  }
  expect(counts.answered).toBe(conditionCount);
  // The test would be worth little if nothing arrived at the gateway, or nothing was found.
  expect(counts.pushed).toBeGreaterThan(conditionCount * 0.6);
  expect(counts.empty).toBeLessThan(conditionCount * 0.6);
});
