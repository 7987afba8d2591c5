/** What ran where, in words, and how a plan is read for it. */
import { describe, expect, it } from 'vitest';
import { findRemoteScans, type PlanNode } from '../../src/adapters/postgres/plan.ts';
import { writePlan } from '../../src/adapters/postgres/plan-text.ts';
import type { RedisRead, RemotePart } from '../../src/domain/explanation.ts';
import { describeRedisRead, describeRemotePart, summarize } from '../../src/domain/explanation.ts';

const part: RemotePart = {
  link: 'warehouse',
  server: 'warehouse_server',
  tables: ['warehouse.users', 'warehouse.orders'],
  work: ['join'],
  rows: 1204,
  times: 1,
  sql: 'SELECT 1',
};
const users = ['warehouse.users'];

describe('the words of a part', () => {
  it.each<[Partial<RemotePart>, string]>([
    [{}, '2 tables joined on warehouse, 1,204 rows fetched'],
    [{ tables: users, work: [], rows: 12 }, '1 table read on warehouse, 12 rows fetched'],
    [{ work: ['join', 'aggregate'], rows: 1 }, '2 tables joined and aggregated on warehouse, 1 row fetched'],
    [
      { work: ['join', 'aggregate', 'sort', 'limit'], rows: 0 },
      '2 tables joined, aggregated, sorted and limited on warehouse, no rows fetched',
    ],
    [{ tables: users, rows: 2 }, '1 table joined with itself on warehouse, 2 rows fetched'],
    [
      { tables: users, work: [], times: 40, rows: 80 },
      '1 table read on warehouse, about 80 rows fetched, asked 40 times',
    ],
    [
      { tables: users, work: [], times: 1000, rows: 0 },
      '1 table read on warehouse, no rows fetched, asked 1,000 times',
    ],
    [{ tables: users, work: [], times: 0, rows: 0 }, '1 table on warehouse not needed, never asked'],
  ])('%o', (differences, words) => {
    expect(describeRemotePart({ ...part, ...differences })).toBe(words);
  });

  it('stand in the order of the plan, or say that no remote was asked', () => {
    const second = { ...part, link: 'app' };
    expect(summarize({ remoteParts: [part, second] })).toEqual([
      describeRemotePart(part),
      describeRemotePart(second),
    ]);
    expect(summarize({ remoteParts: [] })).toEqual(['Everything ran in the database itself.']);
    expect(summarize({ remoteParts: [part], reductions: [read1000] })).toEqual([
      describeRemotePart(part),
      'hredis.redis read by 1,000 keys',
    ]);
    expect(summarize({ remoteParts: [], reductions: [read1000] })).toHaveLength(1);
  });
});

const read1000: RedisRead = {
  ...{ relation: 'hredis.redis', reads: 'keys', keys: 1000, reason: null, handedOver: false },
};

describe('the words of what was read of Redis', () => {
  it.each<[Partial<RedisRead>, string]>([
    [{}, 'hredis.redis read by 1,000 keys'],
    [{ keys: 1, handedOver: true }, 'hredis.redis read by 1 key, by pgclip itself'],
    [{ keys: null }, 'hredis.redis read by its keys'],
    [{ reads: 'prefix', keys: null }, 'hredis.redis read by a prefix of its keys'],
    [{ reads: 'everything', keys: null }, 'hredis.redis not reduced to keys'],
    [
      { reads: 'everything', keys: null, reason: 'hredis.redis: the function f may be volatile' },
      'hredis.redis not reduced to keys: the function f may be volatile',
    ],
  ])('%o', (differences, words) => {
    expect(describeRedisRead({ ...read1000, ...differences })).toBe(words);
  });
});

function scan(node: PlanNode): PlanNode {
  return { 'Node Type': 'Foreign Scan', 'Actual Rows': 1, 'Actual Loops': 1, ...node };
}

/** What is read of one foreign scan. */
function read(node: PlanNode) {
  return findRemoteScans({ Plan: scan(node) })[0];
}

describe('a foreign scan', () => {
  it.each([
    ['(a.b)', [['a', 'b']], []],
    ['(a.b c)', [['a', 'b']], []],
    ['Aggregate on (a.b)', [['a', 'b']], ['aggregate']],
    [
      'Aggregate on (((a.b) LEFT JOIN (a."B ""x""" "(a.c)")) INNER JOIN ("S.t"."(q.r)" "order"))',
      [
        ['a', 'b'],
        ['a', 'B "x"'],
        ['S.t', '(q.r)'],
      ],
      ['join', 'aggregate'],
    ],
    [
      '((a.b x) SEMI JOIN (a.b y)) FULL JOIN (a.c)',
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
      ['join'],
    ],
  ])('over %s', (relations, tables, work) => {
    expect(read({ Relations: relations, 'Remote SQL': 'SELECT 1' })).toMatchObject({ tables, work });
  });

  it.each([
    ['SELECT a FROM public.t ORDER BY a ASC NULLS LAST LIMIT 3::bigint', ['sort', 'limit']],
    ['SELECT a FROM public.t LIMIT 3::bigint OFFSET 2::bigint', ['limit']],
    [`SELECT a FROM public.t WHERE ((a = ') ORDER BY a LIMIT 1')) ORDER BY a ASC NULLS LAST`, ['sort']],
    [String.raw`SELECT a FROM public.t WHERE ((a = E'\\'')  LIMIT ('))`, []],
    [`SELECT "ORDER", " LIMIT " FROM public."LIMIT"`, []],
    ['SELECT s.a FROM (SELECT a FROM public.t ORDER BY a LIMIT 1) s', []],
    ['SELECT array_agg(a ORDER BY b LIMIT 1) FROM public.t', []],
  ])('with %s', (sql, work) => {
    expect(read({ Schema: 'w', 'Relation Name': 't', 'Remote SQL': sql })).toMatchObject({ work, sql });
  });

  it('counts the rows of all times, whatever part of one the average has', () => {
    const counted = { Schema: 'w', 'Relation Name': 't', 'Remote SQL': 'SELECT 1', 'Actual Loops': 40 };
    expect(read({ ...counted, 'Actual Rows': 0.05 })).toMatchObject({ rows: 2, times: 40 });
  });

  it('is none without SQL of a remote', () => {
    expect(read({ Schema: 'w', 'Relation Name': 't', 'Foreign File': '/data.csv' })).toBeUndefined();
  });

  it('is found wherever it stands', () => {
    const plan = {
      Plan: {
        'Node Type': 'Append',
        Plans: [
          scan({ Schema: 'w', 'Relation Name': 'one', 'Remote SQL': 'SELECT 1' }),
          {
            'Node Type': 'Sort',
            Plans: [scan({ Schema: 'w', 'Relation Name': 'two', 'Remote SQL': 'SELECT 2' })],
          },
        ],
      },
    };
    expect(findRemoteScans(plan).map((each) => each.sql)).toEqual(['SELECT 1', 'SELECT 2']);
  });
});

it('a plan as text has what is nested and what is not known, and nothing that says nothing', () => {
  const figures = { 'Startup Cost': 0, 'Total Cost': 1.5, 'Plan Rows': 2, 'Plan Width': 4 };
  const text = writePlan({
    Plan: {
      'Node Type': 'Aggregate',
      Strategy: 'Sorted',
      'Partial Mode': 'Finalize',
      ...figures,
      'Actual Rows': 1.5,
      'Actual Loops': 2,
      Disabled: false,
      Output: ['a', 'b'],
      Invented: { Deep: true, Empty: 0 },
      Workers: [{ 'Worker Number': 1 }],
      Plans: [
        {
          'Node Type': 'Hash Join',
          'Join Type': 'Left',
          'Parallel Aware': true,
          'Subplan Name': 'InitPlan 1',
          ...figures,
          'Actual Rows': 0,
          'Actual Loops': 0,
        },
      ],
    },
    'Planning Time': 0.5,
  });
  expect(text.split('\n')).toEqual([
    'Finalize GroupAggregate  (cost=0.00..1.50 rows=2 width=4) (actual rows=1.5 loops=2)',
    '  Output: a, b',
    '  Invented:',
    '    Deep: true',
    '  Workers:',
    '    Worker Number: 1',
    '  InitPlan 1',
    '    ->  Parallel Hash Left Join  (cost=0.00..1.50 rows=2 width=4) (never executed)',
    'Planning Time: 0.5 ms',
  ]);
});
