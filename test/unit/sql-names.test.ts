/** Which names stand in a SQL text, and which are only in its strings and comments. */
import { describe, expect, it } from 'vitest';
import { findSqlNames } from '../../src/domain/sql-names.ts';

const joined = (sql: string) => findSqlNames(sql).map((name) => name.join('|'));

describe('the names of a SQL text', () => {
  it.each([
    ['select a from warehouse.users', ['select', 'a', 'from', 'warehouse|users']],
    ['TABLE Warehouse . "Users"', ['table', 'warehouse|Users']],
    ['table "a""b".c.d', ['table', 'a"b|c|d']],
    ['warehouse/* a.b /* c */ d.e */ . -- f.g\n users', ['warehouse|users']],
    ["select 'warehouse.a', E'\\'b.c', x", ['select', 'x']],
    ["'it''s a.b' c.d", ['c|d']],
    ['select $$ a.b $$, $x$ $$c.d$$ $x$, e.f', ['select', 'e|f']],
    ['select a$b$.c, 1.5, 1e5, $1, x::int', ['select', 'a$b$|c', 'x', 'int']],
    ['a.*, b', ['a', 'b']],
    ['Ünit.Größe.ÄRA', ['Ünit|größe|Ära']],
    ['a . . b', ['a|b']],
    ["'never closed a.b", []],
    ['"never closed', ['never closed']],
    ['/* never closed a.b', []],
    ['$$ never closed a.b', []],
    ['', []],
  ])('%s', (sql, names) => {
    expect(joined(sql)).toEqual(names);
  });

  it('are found in long texts at once', () => {
    const long = `select '${'x'.repeat(400_000)}', a.b /*${'*'.repeat(50_000)}*/ ${'('.repeat(50_000)} c.d`;
    expect(joined(long)).toEqual(['select', 'a|b', 'c|d']);
  });
});
