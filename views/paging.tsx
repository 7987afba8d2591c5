/** Which rows of a result set a page shows, and the way to the pages before and after, by the URL's `?page=`. */
import { formatNumber } from './text.ts';

/** Where a page stands in its result set. */
export interface Place {
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
  /** Rows of the whole result set, or null when nobody has counted them. */
  readonly total: number | null;
}

export interface PagingProps {
  readonly place: Place;
  /** Rows that stand on this page. */
  readonly shown: number;
  /** Whether rows follow that are not on this page. */
  readonly more: boolean;
}

function describe({ place, shown, more }: PagingProps): string {
  const before = (place.page - 1) * place.pageSize;
  if (shown === 0) return before === 0 ? 'The query returned no rows.' : 'There are no rows on this page.';
  const total = place.total ?? (more ? null : before + shown);
  const range =
    shown === 1
      ? `Row ${formatNumber(before + 1)}`
      : `Rows ${formatNumber(before + 1)}–${formatNumber(before + shown)}`;
  return total === null ? `${range}, more follow` : `${range} of ${formatNumber(total)}`;
}

/** The line under a table. Without pages before or after it says only how many rows there are. */
export function Paging(props: PagingProps) {
  const { place, shown, more } = props;
  const back = shown === 0 ? 1 : place.page - 1;
  return (
    <nav class="paging" aria-label="Pages">
      <p>{describe(props)}</p>
      {place.page > 1 ? (
        <a class="button" rel="prev" href={back === 1 ? '?' : `?page=${back}`}>
          {shown === 0 ? 'First page' : 'Previous'}
        </a>
      ) : null}
      {more ? (
        <a class="button" rel="next" href={`?page=${place.page + 1}`}>
          Next
        </a>
      ) : null}
    </nav>
  );
}
