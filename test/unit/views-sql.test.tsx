import { describe, expect, it } from 'vitest';
import { type SqlTokenKind, sqlHtml, tokenizeSql } from '../../views/sql.ts';
import { SqlProblemView } from '../../views/sql-problem.tsx';

const texts = {
  keyword: ['select', 'LATERAL'],
  string: [
    "'it''s'",
    "E'a\\'b'",
    '$$ -- not a comment $$',
    "$tag$ $other$ ' $tag$",
    "U&'d\\0061t'",
    "'never closed",
  ],
  comment: ['-- to the end', '/* a /* nested */ comment */', '/* never closed /* */'],
  number: ['42', '1_000', '0xff', '3.14e-10', '.5'],
  plain: ['"select"', 'selected', 'größe', '=>', '👩‍👩‍👧', 'a$b$c'],
} satisfies Record<SqlTokenKind, string[]>;

describe('tokenizeSql', () => {
  const cases = Object.entries(texts).flatMap(([kind, list]) => list.map((text) => [kind, text] as const));

  it.each(cases)('takes for a %s: %s', (kind, text) => {
    expect(tokenizeSql(text)).toEqual([{ kind, text }]);
  });

  it('loses nothing, whatever the text', () => {
    const all = Object.values(texts).flat();
    for (const [index, one] of all.entries()) {
      const text = `${one}\r\n\t${all[(index * 7 + 3) % all.length]} $1 \ud800 \u0000 ${one}`;
      const joined = tokenizeSql(text).map((token) => token.text);
      expect(joined.join('')).toBe(text);
    }
  });

  it('takes a long text in one go', () => {
    const text = `select '${'x'.repeat(500_000)}' /* ${'* / '.repeat(100_000)}`;
    expect(tokenizeSql(text)).toHaveLength(5);
  });

  it('escapes every kind of token', () => {
    const html = sqlHtml(`select '<b>' /* </pre> */ from "<i>" where a < 1 -- <script>`);
    expect(html.replace(/<\/?span[^>]*>/g, '')).not.toMatch(/[<>]/);
    expect(html).toContain('<span class="sql-string">&#39;&lt;b&gt;&#39;</span>');
  });
});

describe('SqlProblemView', () => {
  const problem = { sqlstate: '42601', message: 'syntax error at or near "<b>"', hint: 'Look & see.' };

  it('marks the character at the column, counted in characters', () => {
    const html = String(
      <SqlProblemView sql={"select\n'👩👩', <b>"} problem={{ ...problem, line: 2, column: 7 }} />,
    );
    expect(html).toContain('&#39;👩👩&#39;, <mark class="caret">&lt;</mark>b&gt;');
    expect(html).toContain('Look &amp; see.');
    expect(html).toContain('Line 2, column 7');
  });

  it('has a caret past the end of a line, and none without a place', () => {
    expect(String(<SqlProblemView sql="select" problem={{ ...problem, line: 1, column: 7 }} />)).toContain(
      'select<mark class="caret"> </mark>',
    );
    expect(String(<SqlProblemView sql="select" problem={problem} />)).not.toContain('<pre');
  });
});
