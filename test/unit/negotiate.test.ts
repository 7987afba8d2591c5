import { describe, expect, it } from 'vitest';
import { chooseMediaType } from '../../src/http/negotiate.ts';

const offers = [
  { mediaType: 'application/json' },
  { mediaType: 'text/csv; charset=utf-8; header=present' },
  { mediaType: 'application/xml' },
  { mediaType: 'text/html; charset=utf-8' },
] as const;

const choose = (accept: string | undefined) =>
  chooseMediaType(accept, offers)?.mediaType.split(';')[0] ?? null;

describe('chooseMediaType', () => {
  it.each([
    ['no header', undefined, 'application/json'],
    ['an empty header', ' ', 'application/json'],
    ['anything', '*/*', 'application/json'],
    ['one type', 'text/csv', 'text/csv'],
    ['one type, whatever its case', 'Text/CSV', 'text/csv'],
    ['parameters of the type', 'text/csv;header=absent', 'text/csv'],
    ['a group', 'text/*', 'text/csv'],
    ['quality before order', 'text/csv;q=0.5, application/xml;q=0.8', 'application/xml'],
    ['our order among equals', 'application/xml, application/json', 'application/json'],
    ['the most specific range of a type', '*/*;q=0.9, application/json;q=0.1', 'text/csv'],
    ['a group that outdoes anything', 'text/*;q=0.2, */*;q=0.1', 'text/csv'],
    ['a type that is ruled out', 'application/json;q=0, */*', 'text/csv'],
    ['a group that is ruled out', 'text/*;q=0, */*;q=0.1, application/json;q=0', 'application/xml'],
    ['blanks around everything', ' text/csv ; q = 0.5 , application/xml ; q=0.4', 'text/csv'],
    ['a Q in upper case', 'text/csv;Q=0.1, application/xml;Q=0.2', 'application/xml'],
    ['garbage beside a wish', 'garbage, ;;, /, text/csv', 'text/csv'],
    [
      'Chrome',
      'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
      'text/html',
    ],
    ['Firefox', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
    ['an old Java', 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'text/html'],
  ])('takes %s', (_, accept, expected) => {
    expect(choose(accept)).toBe(expected);
  });

  it.each([
    ['a type that is not offered', 'image/png'],
    ['everything ruled out', '*/*;q=0'],
    ['garbage', 'garbage'],
    ['a quality that is none', 'text/csv;q=high'],
    ['a quality beyond 1', 'text/csv;q=7'],
    ['an empty quality', 'text/csv;q='],
  ])('has nothing for %s', (_, accept) => {
    expect(choose(accept)).toBeNull();
  });
});
