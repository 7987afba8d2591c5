/** What a client accepts. Source: RFC 9110, 12.5.1 "Accept". */

interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

function parseAccept(header: string): Range[] {
  return header.split(',').flatMap((part) => {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const [type, subtype] = range.toLowerCase().split('/');
    if (!type || !subtype) return [];
    const q = parameters.find((parameter) => /^q\s*=/i.test(parameter))?.split('=')[1];
    const quality = q === undefined ? 1 : Number(q);
    return [{ type, subtype, quality: quality >= 0 && quality <= 1 ? quality : 0 }];
  });
}

/** How much a media type is wanted: by the most specific range that covers it; 0 when none does. */
function qualityOf(mediaType: string, ranges: readonly Range[]): number {
  const [type, subtype] = (mediaType.split(';')[0] as string).split('/') as [string, string];
  let quality = 0;
  let specificity = -1;
  for (const range of ranges) {
    const covers = range.type === type || range.type === '*';
    const exact = range.subtype === subtype;
    if (!covers || !(exact || range.subtype === '*')) continue;
    const specific = (range.type === '*' ? 0 : 1) + (exact ? 1 : 0);
    if (specific > specificity) {
      specificity = specific;
      quality = range.quality;
    }
  }
  return quality;
}

/**
 * The offer that the client wants most; among equals the first. Null when none is acceptable. Without the header
 * everything is.
 */
export function chooseMediaType<T extends { readonly mediaType: string }>(
  accept: string | undefined,
  offers: readonly T[],
): T | null {
  const ranges = parseAccept(accept?.trim() ? accept : '*/*');
  let best: T | null = null;
  let bestQuality = 0;
  for (const offer of offers) {
    const quality = qualityOf(offer.mediaType, ranges);
    if (quality > bestQuality) {
      best = offer;
      bestQuality = quality;
    }
  }
  return best;
}
