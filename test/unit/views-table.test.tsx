import { describe, expect, it } from 'vitest';
import type { Column, ColumnKind } from '../../src/domain/result-set.ts';
import { cellHtml, rowsHtml, tableStart } from '../../views/table.ts';
import { formatBytes, formatDuration, formatMoment } from '../../views/text.ts';

const column = (kind: ColumnKind, name = 'c'): Column => ({ name, kind, type: kind });

describe('cellHtml', () => {
  it('tells NULL, the text NULL and the empty text apart', () => {
    const cells = [null, 'NULL', ''].map((value) => cellHtml(value, column('text')));
    expect(new Set(cells).size).toBe(3);
    expect(cells[0]).toContain('aria-label="no value"');
    expect(cells[1]).toBe('<td dir="auto">NULL</td>');
  });

  it('escapes a value of every kind, folded or not', () => {
    const kinds: ColumnKind[] = ['int', 'boolean', 'json', 'xml', 'text', 'other'];
    for (const kind of kinds) {
      for (const value of ['<img src=x onerror="a">', `<b>${'&"'.repeat(2000)}`]) {
        const html = cellHtml(value, column(kind)).replace(
          /<\/?(td|details|summary|span)( [a-z]+="[\w ]+")*>/g,
          '',
        );
        expect(html).not.toMatch(/[<>"]/);
      }
    }
  });

  it.each([
    ['https://example.com/?a=1&b=2', true],
    ['HTTP://example.com', true],
    ['javascript:alert(1)', false],
    ['https://', false],
    ['https://a b', false],
    ['see https://example.com', false],
    ['https://example.com/"onclick="x', false],
  ])('links %s: %s', (value, linked) => {
    expect(cellHtml(value, column('text')).includes('<a href=')).toBe(linked);
  });

  it('shows the database’s text of a number, and booleans as words', () => {
    expect(cellHtml('9007199254740993', column('int8'))).toBe('<td class="num">9007199254740993</td>');
    expect(cellHtml('t', column('boolean'))).toBe('<td>true</td>');
  });

  it('has the whole of a long text up to 2,000 characters, then says how much is missing', () => {
    const text = 'ab\n'.repeat(600);
    expect(cellHtml(text, column('text'))).toContain(`</summary>${text}</details>`);
    const html = cellHtml(`${'x'.repeat(1999)}😀${'y'.repeat(12_000)}`, column('text'));
    expect(html).toContain(`</summary>${'x'.repeat(1999)}<span class="rest">… 12,002 more characters`);
  });
});

describe('rowsHtml', () => {
  it('numbers rows on from the first and shows as many values as there are columns', () => {
    const html = rowsHtml([['1', 'companion'], [null]], [column('int')], 1204);
    expect(html).toContain('<th scope="row">1,204</th><td class="num">1</td></tr>');
    expect(html).toContain('<th scope="row">1,205</th><td class="null">');
    expect(html).not.toContain('companion');
  });
});

describe('tableStart', () => {
  it('escapes names, types and the label', () => {
    const html = tableStart([{ name: '<a>', type: '"<b>"', kind: 'other' }, column('text', '')], '"<c>');
    expect(html).toContain('&lt;a&gt;');
    expect(html).toContain('&quot;&lt;b&gt;&quot;');
    expect(html).toContain('aria-label="&quot;&lt;c&gt;"');
    expect(html).toContain('unnamed');
  });
});

describe('text for people', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [81_234, '81.2 kB'],
    [999_499, '999 kB'],
    [999_500, '1 MB'],
    [1_073_741_824, '1.07 GB'],
    [5e15, '5,000 TB'],
  ])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0.2, '0 ms'],
    [84.4, '84 ms'],
    [999.6, '1 s'],
    [2345, '2.35 s'],
    [59_960, '1 min 0 s'],
    [192_000, '3 min 12 s'],
  ])('writes %d ms as %s', (durationMs, text) => {
    expect(formatDuration(durationMs)).toBe(text);
  });

  it('writes a moment to the minute', () => {
    expect(formatMoment('2026-11-21T08:15:42.118Z')).toBe('2026-11-21 08:15 UTC');
  });
});
