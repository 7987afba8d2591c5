import { describe, expect, it } from 'vitest';
import { contentDisposition } from '../../src/http/disposition.ts';

/** The parts of a header as a client reads them: RFC 6266's grammar, and nothing besides. */
function parse(header: string): { kind: string; plain: string; exact: string | null } {
  const parts =
    /^(inline|attachment); filename="([^"\\]*)"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+))?$/;
  const [, kind = '', plain = '', exact = null] = parts.exec(header) ?? [];
  expect(header, 'is a header of that form').toMatch(parts);
  expect(header, 'is plain ASCII').toMatch(/^[ -~]*$/);
  return { kind, plain, exact: exact === null ? null : decodeURIComponent(exact) };
}

const named = (name: string) => parse(contentDisposition('attachment', name, 'csv'));

describe('contentDisposition', () => {
  it('says the name as it is when it is plain', () => {
    expect(contentDisposition('inline', 'Orders per month', 'json')).toBe(
      'inline; filename="Orders per month.json"',
    );
  });

  it.each([
    ['accents', 'Été à Zürich', 'Ete a Zurich.csv', 'Été à Zürich.csv'],
    ['emoji', 'Sales 📈', 'Sales __.csv', 'Sales 📈.csv'],
    ['right-to-left text', 'דוח', '___.csv', 'דוח.csv'],
    ['percent signs', '100%20', '100_20.csv', '100%20.csv'],
    ["marks that ext-value can't hold", "it's (a*b)", "it's (a b).csv", null],
    ['quotes', 'say "hi"', 'say hi.csv', null],
    ['slashes', '../../etc/passwd', 'etc passwd.csv', null],
    ['backslashes', 'C:\\temp\\x', 'C temp x.csv', null],
    ['line breaks', 'a\r\nSet-Cookie: b=c', 'a Set-Cookie b=c.csv', null],
    ['control characters', 'a\u0000b\u0085c\u007f', 'a b c.csv', null],
    ['dots and blanks around', ' ..hidden. ', 'hidden.csv', null],
    ['nothing', '', 'clip.csv', null],
    ['nothing that can stay', '///', 'clip.csv', null],
    ['a text that turns around', 'annual\u202Exslx', 'annualxslx.csv', null],
  ])('copes with %s', (_, name, plain, exact) => {
    expect(named(name)).toEqual({ kind: 'attachment', plain, exact });
  });

  it('can not be made to hold a second name by characters that become quotes', () => {
    const { plain, exact } = named('x＂; filename=＂evil.exe／＼％');
    expect(plain).toBe('x_; filename=_evil.exe___.csv');
    expect(exact).toBe('x＂; filename=＂evil.exe／＼％.csv');
  });

  it('cuts a long name without cutting a character', () => {
    expect(named('n'.repeat(300)).plain).toBe(`${'n'.repeat(120)}.csv`);
    expect(named('📈'.repeat(300)).exact).toBe(`${'📈'.repeat(120)}.csv`);
  });

  it('takes half a character for what it is', () => {
    expect(named('a\ud83d').exact).toBe('a\ufffd.csv');
  });
});
