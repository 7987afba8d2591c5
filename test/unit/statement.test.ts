import { describe, expect, it } from 'vitest';
import { locate, parseStatement } from '../../src/adapters/postgres/statement.ts';

describe('parseStatement', () => {
  it.each([
    ['select 1', 'select 1'],
    ['select 1;', 'select 1'],
    ['select 1 ; ;\r\n; ', 'select 1'],
    ['select 1; -- done;', 'select 1'],
    ['select 1 -- no newline at the end', 'select 1'],
    ['select 1 /* a /* nested; */ b */ ;', 'select 1'],
    ['-- first\nselect 1', '-- first\nselect 1'],
    ['select 1 /* between */ + 1;', 'select 1 /* between */ + 1'],
    ['select 1 --x\r, 2', 'select 1 --x\r, 2'],
    ['select 1 --x\r;\r-- y\r', 'select 1'],
    ["select ';'", "select ';'"],
    ["select '--';", "select '--'"],
    ["select 'it''s; /*';", "select 'it''s; /*'"],
    ["select E'\\'; --';", "select E'\\'; --'"],
    ["select e'\\\\';", "select e'\\\\'"],
    ["select '\\';", "select '\\'"],
    ["select date'\\';", "select date'\\'"],
    ["select U&'\\0027;' ;", "select U&'\\0027;'"],
    ['select 1 as "a;--""b";', 'select 1 as "a;--""b"'],
    ['select $$;--$$;', 'select $$;--$$'],
    ['select $tag$ $$ ; $tag$ ;', 'select $tag$ $$ ; $tag$'],
    ['select a$b$ from t;--$b$', 'select a$b$ from t'],
    ['select $1;', 'select $1'],
    ['select 1\u00a0;\u00a0', 'select 1'],
    ['select 1; select 2; ', 'select 1; select 2'],
    ['', ''],
    [' \n-- nothing\n/* here */;', ''],
    [';;;', ''],
  ])('%j → %j', (sql, statement) => {
    expect(parseStatement(sql)).toBe(statement);
  });

  it.each([
    'select 1; select 2',
    "select 'open; ",
    'select "open; ',
    'select $$open; ',
    'select 1 /* open; ',
    "select E'open\\'; ",
  ])('leaves what Postgres has to refuse for Postgres: %j', (sql) => {
    expect(parseStatement(sql)).toBe(sql);
  });

  it('takes no more than a moment for a megabyte of anything', () => {
    for (const piece of ['a ', "'", '"', '$a', '$$', '/*', '*/', '--\n', ';', 'é', '(', "e'\\"]) {
      const sql = piece.repeat(1_000_000 / piece.length);
      const startedMs = performance.now();
      parseStatement(sql);
      expect(performance.now() - startedMs, piece).toBeLessThan(2000);
    }
  });
});

describe('locate', () => {
  it.each([
    ['select x', 8, { line: 1, column: 8 }],
    ['select\n  x', 10, { line: 2, column: 3 }],
    ['select\r\n  x', 11, { line: 2, column: 3 }],
    ["select '👩‍👩‍👧', x", 17, { line: 1, column: 17 }],
    ['é\nü\nx', 5, { line: 3, column: 1 }],
    ['select', 7, { line: 1, column: 7 }],
    ['select', 8, null],
    ['select', 0, null],
    ['', 1, { line: 1, column: 1 }],
  ])('%j, %d → %j', (sql, position, place) => {
    expect(locate(sql, position)).toEqual(place);
  });
});
