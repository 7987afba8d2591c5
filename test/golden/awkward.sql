-- Every awkward value that each format can hold: the values, a row of NULLs, and a row of other ones.
SELECT
  n AS id,
  v.nothing, v.empty, v.quotes, v.lines, v.formula, v."text like a number",
  v.minus, v.big, v.huge, v.tiny, v.scale, v.not_a_number, v.infinite, v.numeric_nan, v.numeric_infinite, v.float,
  v.yes, v.bytes, v.long_bytes,
  v.ints, v.texts, v.grid, v.shifted, v.days, v.moments, v.flags, v.boxes, v.moods, v.readings,
  v.js, v.jsb, v.markup, v.hs,
  v.span, v.range, v.times, v.ranges,
  v.bc, v.far, v.before_excel, v.leap, v.ms, v.us, v.stamp_bc, v.at, v.at_us, v.at_bc,
  v.uuid, v.inet, v.cidr, v.mac, v.money, v.bit, v.time, v.timetz, v.point, v.search, v.oid, v.char, v.fixed,
  v.mood, v.price, v.tags, v.reading, v.record,
  v.emoji, v.hebrew, v.combining, v.separators, v.like_excel, v.padded, v.dot,
  n + 1, n AS a, n AS a, n AS a_2, n AS a,
  n AS "with space", n AS "quote""d", n AS "com,ma", n AS "xml", n AS "_x0041_", n AS "1st", n AS "a:b", n AS "<&>",
  n AS "back\slash", n AS "😀", n AS "שלום"
FROM (
  VALUES
    (
      1,
      NULL::text, '', 'a "quoted" ''word''', E'one\ntwo\r\nthree\rfour\ttab', '=1+1', '-1.10',
      -1.10::numeric(10, 2), 9007199254740993, 123456789012345678901234567890.123456789, 0.000000000000000000001, 1.50::numeric(30, 20),
      'NaN'::float8, '-Infinity'::float8, 'NaN'::numeric, 'Infinity'::numeric, 1e20::float8,
      true, '\x00ff27'::bytea, decode(repeat('00ff', 60), 'hex'),
      ARRAY[1, NULL, -3], ARRAY['a,b', 'q"q', NULL, 'NULL', '', '\', '{}', E'n\nl', '<'], '{{1,2},{3,4}}'::int[], '[0:1]={5,6}'::int[],
      ARRAY[date '2024-02-29', '0044-03-15 BC'], ARRAY[timestamptz '2024-02-29 12:00:00.5+02'], ARRAY[true, false],
      ARRAY[box '((1,1),(0,0))', box '((3,3),(2,2))'], ARRAY['ok', 'very, "happy"']::golden.mood[],
      ARRAY[ROW(1, 2.50, 'a "b"', '2024-02-29 12:00:00+00')::golden.reading],
      E'{"a":\n 1.10,\r\n "b": "x\\ny"}'::json, '{"z": 12345678901234567890, "a": "<é>"}'::jsonb, '<a href="x">&amp;</a>'::xml,
      'a=>1, b=>NULL, "c d"=>"q\"q"'::hstore,
      '-1 year 2 mons -3 days 04:05:06.789'::interval, int4range(1, 5), tstzrange('2024-01-01 00:00:00+00', NULL),
      ARRAY[numrange(1.5, NULL)],
      date '0044-03-15 BC', date '12345-06-07', date '1900-02-28', date '2024-02-29',
      timestamp '2024-02-29 23:59:59.5', timestamp '2024-02-29 23:59:59.123456', timestamp '0044-03-15 01:02:03 BC',
      timestamptz '2024-02-29 23:59:59-03:30', timestamptz '2024-02-29 23:59:59.000001+00', timestamptz '0044-03-15 01:02:03+00 BC',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '10.0.0.1/8'::inet, '2001:db8::/32'::cidr, '08:00:2b:01:02:03'::macaddr,
      (-1234.56)::numeric::money, B'1010', time '12:34:56.789', timetz '12:34:56+05:30', point '(1,2.5)', to_tsvector('simple', 'a =fat "cat"'),
      4294967295::oid, '='::"char", 'ab'::char(5),
      'very, "happy"'::golden.mood, 12.3::golden.price, ARRAY['x', 'y z']::golden.tags,
      ROW(1, 2.50, E'a\n"b" <c>', '2024-02-29 12:00:00+00')::golden.reading, ROW(1, 'x', NULL, ARRAY[1, 2]),
      '😀👩‍👩‍👧', 'שלום مرحبا' || U&'\202E', U&'e\0301', U&'\2028\2029\00A0', '_x000D_', '  padded ', '\.'
    ),
    (
      2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    ),
    (
      3,
      'something', 'x', '"', E'\n', '+1', '@x',
      0, -9223372036854775807, -0.1, 100, 1, 0.1, 'Infinity', 1e-20, '-Infinity', 0.30000000000000004,
      false, '', '\xab',
      '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
      'null', '"text"', 'text', '',
      '0', 'empty', 'empty', '{}',
      '9999-12-31', '0001-01-01', '1900-03-01', '2000-01-01',
      '2024-01-01 00:00:00', '1969-12-31 23:59:59.999999', '294276-12-31 23:59:59',
      '1900-01-01 00:00:00+00', '9999-12-31 23:59:59.999+00', '12345-01-01 00:00:00+00',
      '00000000-0000-0000-0000-000000000000', '::1', '0.0.0.0/0', 'ff:ff:ff:ff:ff:ff',
      0::money, '', '24:00:00', '00:00:00+00', '(-0,1e300)', '', 0, '', '',
      'sad', 0.01, '{}', ROW(NULL, NULL, NULL, NULL)::golden.reading, ROW(2, 'y', NULL, '{}'::int[]),
      '🏳️‍🌈', 'א', U&'\FEFF', U&'\007F\0085', '__x0041__', E'\t', '\.\'
    )
) AS v (
  n,
  nothing, empty, quotes, lines, formula, "text like a number",
  minus, big, huge, tiny, scale, not_a_number, infinite, numeric_nan, numeric_infinite, float,
  yes, bytes, long_bytes,
  ints, texts, grid, shifted, days, moments, flags, boxes, moods, readings,
  js, jsb, markup, hs,
  span, range, times, ranges,
  bc, far, before_excel, leap, ms, us, stamp_bc, at, at_us, at_bc,
  uuid, inet, cidr, mac, money, bit, time, timetz, point, search, oid, char, fixed,
  mood, price, tags, reading, record,
  emoji, hebrew, combining, separators, like_excel, padded, dot
)
ORDER BY n
