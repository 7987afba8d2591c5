/** The gateway's SQL: tokens, arrays, conditions with three-valued logic, and which keys a condition is about. */
import { describe, expect, it } from 'vitest';
import { linkTables } from '../../src/domain/redis-link.ts';
import { answerCatalogue } from '../../src/gateway/catalogue.ts';
import { prepareRows } from '../../src/gateway/rows.ts';
import { notSupported, ServerError } from '../../src/gateway/server-error.ts';
import { parseArrayLiteral } from '../../src/gateway/sql/array-literal.ts';
import { compileTruth, type Scope } from '../../src/gateway/sql/condition.ts';
import { parseExpression } from '../../src/gateway/sql/expression.ts';
import { planSelection } from '../../src/gateway/sql/selection.ts';
import { parseStatement, splitStatements } from '../../src/gateway/sql/statement.ts';
import { readTokens, TokenReader } from '../../src/gateway/sql/tokens.ts';
import statements from './gateway-statements.json' with { type: 'json' };

const parse = (sql: string) => {
  const tokens = new TokenReader(readTokens(sql));
  const expression = parseExpression(tokens);
  tokens.expectEnd();
  return expression;
};

const row = ['a', 'b', null].map((cell) => (cell === null ? null : Buffer.from(cell)));
const scope = (...parameters: (string | null)[]): Scope => ({ columns: linkTables.hashes, parameters });
const truthOf = (sql: string, ...parameters: (string | null)[]) =>
  compileTruth(parse(sql), scope(...parameters)).at(row);

const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof ServerError) return error.sqlstate;
    throw error;
  }
  return 'nothing thrown';
};

describe('tokens', () => {
  it('read what postgres_fdw writes', () => {
    const texts = readTokens(`"Ke""y" ^@ E'a\\\\b''c'::text <> 'it''s' $12 <= (1.5);`).map(
      ({ kind, text }) => `${kind} ${text}`,
    );
    expect(texts).toEqual([
      ...[
        'name Ke"y',
        'symbol ^@',
        "string a\\b'c",
        'symbol ::',
        'word text',
        'symbol <>',
        "string it's",
        'parameter 12',
      ],
      ...['symbol <=', 'symbol (', 'number 1.5', 'symbol )', 'symbol ;', 'end '],
    ]);
  });

  it.each(["'open", '"open', "E'open\\", "E'open"])('refuse %s', (sql) => {
    expect(codeOf(() => readTokens(sql))).toBe('42601');
  });

  it.each(["E'\\x41'", "E'\\101'", 'a # b', 'a ~ b', '\u0000'])('do not guess at %s', (sql) => {
    expect(codeOf(() => readTokens(sql))).toBe('0A000');
  });
});

describe('array literals', () => {
  it.each([
    ['{}', []],
    ['{a}', ['a']],
    ['{a,b,c}', ['a', 'b', 'c']],
    ['{a,NULL,"NULL",null}', ['a', null, 'NULL', null]],
    ['{nullify,annull}', ['nullify', 'annull']],
    ['{"a,b","c\\\\d","q\\"uo","",  " x " }', ['a,b', 'c\\d', 'q"uo', '', ' x ']],
    ['{{a,b},{c,d}}', ['a', 'b', 'c', 'd']],
    ['[0:1]={a,b}', ['a', 'b']],
    ['{日本,"é\n"}', ['日本', 'é\n']],
  ])('%s', (text, elements) => {
    expect(parseArrayLiteral(text).elements).toEqual(elements);
  });

  it('hold texts of any length', () => {
    const long = 'a\\"'.repeat(5_000_000);
    expect(
      parseArrayLiteral(`{"${long}",${long},"${'b'.repeat(20_000_000)}"}`).elements.map(
        (each) => each?.length,
      ),
    ).toEqual([10_000_000, 10_000_000, 20_000_000]);
  });

  it.each(['', '{', '}', '{a', 'a}', '{a,}', '{,a}', '{a,,b}', '{a}b', '{"a}', '{a}}', '{"a"b}', '{{a},b'])(
    'refuse %s',
    (text) => {
      expect(codeOf(() => parseArrayLiteral(text))).toBe('22P02');
    },
  );
});

describe('conditions', () => {
  it.each<readonly [string, boolean | null]>([
    ["key = 'a'", true],
    ["((key = 'a'::text))", true],
    ["key = 'b'::character varying(20)", false],
    ['value = NULL::text', null],
    ["key <> 'b' AND field = 'b'", true],
    ["key = 'x' AND value = 'y'", false],
    ["key = 'a' AND value = 'y'", null],
    ["key = 'a' OR value = 'y'", true],
    ["key = 'x' OR value = 'y'", null],
    ["NOT (value = 'y')", null],
    ["(NOT (key = 'y'))", true],
    ['value IS NULL', true],
    ['(value IS NOT NULL)', false],
    ["value IS DISTINCT FROM 'a'", true],
    ['value IS NOT DISTINCT FROM NULL::text', true],
    ['key < field', true],
    ["key ^@ ''", true],
    ["starts_with(key, 'b'::text)", false],
    ["key = ANY ('{x,a}'::text[])", true],
    ["key = ANY ('{x,NULL}'::text[])", null],
    ["key = ANY ('{}'::text[])", false],
    ["value = ANY ('{}'::text[])", false],
    ["key <> ALL ('{x,NULL}'::text[])", null],
    ["key <> ALL ('{a,NULL}'::text[])", false],
    ["value <> ALL ('{}'::text[])", true],
    ["key > ANY (ARRAY['A'::text, value])", true],
    ["(CASE WHEN (key > 'b') THEN (value = 'x') ELSE (key <= 'q') END)", true],
    ["(CASE key WHEN 'a'::text THEN true ELSE false END)", true],
    ["((key = 'a') = (field = 'b'))", true],
    ["((key = 'a') <> (value = 'b'))", null],
    ["'é' > 'z'", true],
  ])('%s is %s', (sql, wanted) => {
    expect(truthOf(sql)).toBe(wanted);
  });

  it('take parameters, subscripts among them', () => {
    expect(truthOf('key = $1::text', 'a')).toBe(true);
    expect(truthOf('key = ANY ($1::text[])', '{b,a}')).toBe(true);
    expect(truthOf('key = ANY ($1::character varying(1)[])', '{b,a}')).toBe(true);
    expect(truthOf('key = ANY ($1::text[])', null)).toBeNull();
    expect(truthOf('key = (($1::text[])[2])', '{b,a}')).toBe(true);
    expect(truthOf('key = (($1::text[])[3])', '{b,a}')).toBeNull();
    expect(truthOf('($1::boolean AND (key = $2))', 't', 'a')).toBe(true);
    expect(truthOf('($1::integer IS NOT NULL)', '5')).toBe(true);
    expect(codeOf(() => truthOf('key = $2', 'a'))).toBe('08P01');
  });

  it.each([
    "key || 'x' = 'ax'",
    'md5(key) = $1',
    'key = chr($1::integer)',
    "key = 'a'::name",
    "key = 'abc'::character(5)",
    "key = 'abcd'::character varying(2)",
    "key = ANY ('{a,abcd}'::character varying(2)[])",
    "'constructor'::boolean",
    "key ~~ 'a%'",
    'key IN (SELECT 1)',
    'key = \'a\' COLLATE "C"',
    '1 = 1',
    'key',
    'key = ANY ($1::integer[])',
    '$1::integer > 3',
  ])('refuse %s and never guess', (sql) => {
    expect(codeOf(() => truthOf(sql, '1'))).toBe('0A000');
  });

  it('refuse conditions on what is no text, but for its absence', () => {
    const redis: Scope = { columns: linkTables.redis, parameters: [] };
    expect(codeOf(() => compileTruth(parse("ttl > '1 min'::interval"), redis))).toBe('0A000');
    expect(compileTruth(parse('ttl IS NULL'), redis).at([null, null, null])).toBe(true);
  });

  it('refuse columns that are not there, and nesting without an end', () => {
    expect(codeOf(() => truthOf("nope = 'a'"))).toBe('42703');
    expect(codeOf(() => parse(`${'('.repeat(5000)}key = 'a'`))).toBe('54001');
    expect(codeOf(() => parse(`${'key['.repeat(5000)}1`))).toBe('54001');
    expect(codeOf(() => parse(`key${'[1]'.repeat(5000)}`))).toBe('54001');
    expect(codeOf(() => parse(`key = 'a'${'::text'.repeat(5000)}`))).toBe('54001');
    expect(codeOf(() => readTokens('a '.repeat(600_000)))).toBe('54001');
    expect(codeOf(() => parse(`${'NOT '.repeat(5000)}key = 'a'`))).toBe('nothing thrown');
  });
});

describe('selections', () => {
  const plan = (
    sql: string,
    table: 'redis' | 'hashes' | 'keys' = 'redis',
    ...parameters: (string | null)[]
  ) => {
    const { keys, prefix, parts, rest } = planSelection(table, parse(sql), {
      columns: linkTables[table],
      parameters,
    });
    return {
      keys: keys ? [...keys].map(String) : undefined,
      prefix: String(prefix),
      parts: parts?.map(String),
      rest: rest.length,
    };
  };
  const none = { keys: undefined, prefix: '', parts: undefined };

  it.each([
    ["key = 'a'", { ...none, keys: ['a'], rest: 0 }],
    ["'a' = key", { ...none, keys: ['a'], rest: 0 }],
    ["(key = 'a') AND (value = 'x')", { ...none, keys: ['a'], rest: 1 }],
    ["key = ANY ('{a,b,a,NULL}'::text[])", { ...none, keys: ['a', 'b'], rest: 0 }],
    ["(key = 'a') OR (key = ANY ('{b}'::text[]))", { ...none, keys: ['a', 'b'], rest: 0 }],
    ["(key = 'a') OR (value = 'b')", { ...none, rest: 1 }],
    ['key = NULL::text', { ...none, keys: [], rest: 0 }],
    ["key = '\\x61'", { ...none, keys: [], rest: 0 }],
    ["key ^@ 'app:'", { ...none, prefix: 'app:', rest: 1 }],
    ["starts_with(key, 'app:'::text)", { ...none, prefix: 'app:', rest: 1 }],
    ["key ^@ '\\x'", { ...none, rest: 1 }],
    ["key <> 'a'", { ...none, rest: 1 }],
    ['key = value', { ...none, rest: 1 }],
    ["NOT (key = 'a')", { ...none, rest: 1 }],
    ["(key = 'a') AND (key = 'b')", { ...none, keys: ['a'], rest: 1 }],
  ])('of %s', (sql, wanted) => {
    expect(plan(sql)).toEqual(wanted);
  });

  it('ask for fields, members and types by themselves', () => {
    expect(plan("(key = 'h') AND (field = 'f')", 'hashes')).toEqual({
      ...none,
      keys: ['h'],
      parts: ['f'],
      rest: 0,
    });
    expect(plan("field = ANY ('{a,abcd}'::character varying(4)[])", 'hashes')).toEqual({
      ...none,
      parts: ['a', 'abcd'],
      rest: 0,
    });
    expect(plan("type = ANY ('{zset,set}'::text[])", 'keys')).toEqual({
      ...none,
      parts: ['zset', 'set'],
      rest: 0,
    });
    expect(plan('key = ANY ($1::text[])', 'hashes', '{a,b}')).toEqual({ ...none, keys: ['a', 'b'], rest: 0 });
  });
});

describe('what PostgreSQL 14, 15 and 18 were seen to send', () => {
  /** Throws unless the gateway answers it. */
  const check = async (sql: string) => {
    if (await answerCatalogue(sql, async () => 1)) return;
    for (const tokens of splitStatements(sql)) {
      const statement = parseStatement(tokens);
      if (!('select' in statement)) continue;
      const { select } = statement;
      const isExplained = statement.kind === 'explain';
      if (select.locks && !isExplained) throw notSupported('row locks');
      const targets = select.targets.filter((name) => !(select.locks && name === 'ctid'));
      const parameters = isExplained ? null : Array<null>(9).fill(null);
      prepareRows({ ...select, targets }, { columns: linkTables[select.table], parameters });
    }
  };
  const { answered, refused } = statements;

  it.each(Object.values(answered).flat())('is answered: %s', async (sql) => {
    await check(sql);
  });

  it.each(refused.both)('is refused: %s', async (sql) => {
    await expect(check(sql)).rejects.toBeInstanceOf(ServerError);
  });
});

describe('statements', () => {
  const kindOf = (sql: string) => splitStatements(sql).map((tokens) => parseStatement(tokens).kind);

  it('are divided by semicolons outside of strings', () => {
    expect(kindOf('ROLLBACK TO SAVEPOINT s2; RELEASE SAVEPOINT s2;;')).toEqual(['rollbackTo', 'release']);
    expect(kindOf("SELECT ';'; SELECT 1")).toEqual(['values', 'values']);
    expect(kindOf(' ; ')).toEqual([]);
  });

  it.each([
    ...[
      'SELECT count(*) FROM public.redis',
      'SELECT key FROM public.redis ORDER BY key',
      'SELECT * FROM redis',
    ],
    ...['SELECT key FROM public.redis r1, public.redis r2', 'SELECT DISTINCT key FROM redis', 'TABLE redis'],
    ...[
      'SELECT version()',
      'COPY redis TO STDOUT',
      'DROP TABLE redis',
      'TRUNCATE public.redis',
      'VALUES (1)',
    ],
    ...[
      'EXPLAIN ANALYZE SELECT key FROM redis',
      'SELECT key FROM redis GROUP BY 1',
      'SELECT key FROM redis OFFSET 1',
    ],
    ...['SET client_encoding = latin1', 'PREPARE TRANSACTION x', 'LISTEN x', 'MOVE 5 IN c'],
  ])('%s is refused', (sql) => {
    expect(codeOf(() => kindOf(sql))).toBe('0A000');
  });

  it.each(['+', '/* a comment */ SELECT 1', 'FETCH 1.5 FROM c1', "CLOSE 'c1'"])(
    '%s is no statement',
    (sql) => {
      expect(['42601', '0A000']).toContain(codeOf(() => kindOf(sql)));
    },
  );

  it('name tables and schemas that are not there', () => {
    expect(codeOf(() => kindOf('SELECT key FROM public.nope'))).toBe('42P01');
    expect(codeOf(() => kindOf('SELECT key FROM other.redis'))).toBe('3F000');
  });
});
