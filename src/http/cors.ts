/** Clips may be read by pages of any site, without their credentials. Source: Fetch (WHATWG), "CORS protocol". */

/** Headers of data formats, and of errors where they were asked for. */
export const anyOrigin = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Content-Disposition, ETag, Repr-Digest, Retry-After',
} as const;
