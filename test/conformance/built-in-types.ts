/**
 * Odd values of every built-in type, as literals or as SQL, and the types of which no query can yield a value.
 * built-in-types.conformance.ts checks against pg_type that none is left out.
 */

export interface TypeCase {
  /** What its input function reads. */
  readonly literals?: readonly string[];
  /** Expressions, for what has no literal or a very long one. */
  readonly expressions?: readonly string[];
  /** Values that XML can't hold: it has to refuse the first row. */
  readonly notInXml?: readonly string[];
  /** True where Postgres has no array of it. */
  readonly arrayless?: boolean;
}

const zonedDates = ['0001-12-31 23:59:59+00 BC', '1850-06-15 12:00:00+00', '1883-11-18 17:00:00+00'];
const longBytes = [53, 54, 55, 108, 109, 1000].map((bytes) => `decode(repeat('a7', ${bytes}), 'hex')`);

/** By `typname`. */
export const builtInTypes: Readonly<Record<string, TypeCase>> = {
  // Numbers
  int2: { literals: ['0', '-32768', '32767'] },
  int4: { literals: ['0', '-2147483648', '2147483647'] },
  int8: {
    literals: ['0', '9007199254740993', '-9223372036854775808', '9223372036854775807', '999999999999999'],
  },
  numeric: {
    literals: [
      ...['0', '-0.00', '1.50', '0.1', '-1.10', '123456789012345', '1234567890123456', '99999999999999.9'],
      ...['0.000000000000000000001', '1e20', '1e100', '-1e-100', '100000000000000', '1000000000000000'],
      ...['123456789012345678901234567890.123456789', '0.00000', 'NaN', 'Infinity', '-Infinity'],
    ],
    expressions: ['1e-300::numeric', '1e-400::numeric', '1e400::numeric', '1::numeric / 3'],
  },
  float4: {
    literals: [
      ...['0', '-0', '0.1', '1e-45', '3.4028235e38', '-3.4028235e38', '1.17549435e-38', 'NaN', 'Infinity'],
      ...['-Infinity', '123456789', '16777217', '1e5', '1e6', '1e15', '1e-4', '1e-5', '0.33333334'],
    ],
  },
  float8: {
    literals: [
      ...['0', '-0', '0.1', '0.30000000000000004', '5e-324', '-5e-324', '2.2250738585072014e-308', '1e-307'],
      ...['1.7976931348623157e308', '9.99999999999999e307', '1e15', '1e16', '1e20', '123456789012345680'],
      ...['0.0001', '0.00001', '1e-7', '9007199254740993', '4.35', '1e23', 'NaN', 'Infinity', '-Infinity'],
    ],
    expressions: ['1::float8 / 3', 'pi()', 'exp(1)'],
  },
  money: { literals: ['0', '-1234.56', '-92233720368547758.08', '92233720368547758.07', '0.005'] },
  oid: { literals: ['0', '4294967295'] },
  xid: { literals: ['0', '4294967295'] },
  xid8: { literals: ['0', '18446744073709551615'] },
  cid: { literals: ['0', '4294967295'] },
  tid: { literals: ['(0,0)', '(4294967295,65535)'] },
  pg_lsn: { literals: ['0/0', 'FFFFFFFF/FFFFFFFF', '16/B374D848'] },
  bool: { literals: ['t', 'f'] },
  // Text
  text: {
    literals: [
      ...[
        '',
        ' ',
        '  padded  ',
        'a "quoted" \'word\'',
        'one\ntwo\r\nthree\rfour\ttab',
        '\n',
        '\r',
        '\r\n',
        '\t',
      ],
      ...[
        '\\',
        '\\N',
        '\\.',
        '\\x41',
        'NULL',
        'null',
        '""',
        "''",
        ',',
        ';',
        '|',
        '=1+1',
        '-1.10',
        '+1',
        '@x',
      ],
      ...[
        '1.5',
        '0001',
        '1e5',
        'TRUE',
        '2024-01-01',
        '<a href="x">&amp;</a>',
        ']]>',
        '<!--',
        '_x0041_',
        '__x0041_',
      ],
      ...[
        '_x000D_',
        '_X0041_',
        '😀👩‍👩‍👧🏳️‍🌈',
        'שלום \u202e مرحبا',
        'e\u0301',
        '\u2028\u2029\u00a0\u0085',
        '\ufeff',
        '\u007f',
      ],
      ...[
        '\ufffd',
        '\u{10ffff}\u{1f600}',
        '{"a": 1}',
        '{1,2}',
        '(1,2)',
        '#REF!',
        "'quote first",
        'ends in \\',
      ],
    ],
  },
  varchar: { literals: ['', 'a', ' trailing  ', 'with\nline'] },
  bpchar: { literals: ['', 'a  ', '   ', 'é '] },
  name: { literals: ['', 'a name', 'with "quotes"', 'é'.repeat(31)] },
  char: { literals: ['', 'a', '"', '\\', '\\303', ',', '<'] },
  // Bytes and bits
  bytea: { literals: ['', '\\x00', '\\xdeadbeef', '\\x5c5c', '\\x223c'], expressions: longBytes },
  bit: { literals: ['', '0', '1010', '0'.repeat(70)] },
  varbit: { literals: ['', '1', '1'.repeat(70)] },
  uuid: { literals: ['00000000-0000-0000-0000-000000000000', 'a0eebc999c0b4ef8bb6d6bb9bd380a11'] },
  // Dates and times
  date: {
    literals: [
      ...[
        '4714-11-24 BC',
        '0044-03-15 BC',
        '0001-12-31 BC',
        '0001-01-01',
        '0099-01-01',
        '1582-10-10',
        '1899-12-31',
      ],
      ...['1900-01-01', '1900-02-28', '1900-03-01', '1970-01-01', '2000-02-29', '2024-02-29', '9999-12-31'],
      ...['10000-01-01', '5874897-12-31'],
    ],
    notInXml: ['infinity', '-infinity'],
  },
  time: { literals: ['00:00', '23:59:59.999999', '24:00:00', '12:34:56.7', '00:00:00.000001'] },
  timetz: {
    literals: ['00:00+00', '24:00:00-15:59', '24:00:00+15:59:59', '12:34:56.789+05:30', '01:02:03-00:44:30'],
  },
  timestamp: {
    literals: [
      ...[
        '4714-11-24 00:00:00 BC',
        '0001-12-31 23:59:59.5 BC',
        '0001-01-01 00:00:00',
        '1900-02-28 23:59:59.999',
      ],
      ...['1900-03-01 00:00:00', '1969-12-31 23:59:59.999999', '1970-01-01 00:00:00', '2024-02-29 23:59:59'],
      ...[
        '2024-02-29 23:59:59.5',
        '2024-02-29 23:59:59.12',
        '2024-02-29 23:59:59.123',
        '2024-02-29 23:59:59.1234',
      ],
      ...['2024-02-29 24:00:00', '2024-03-10 02:30:00', '9999-12-30 23:59:59.999', '9999-12-31 00:00:00'],
      ...['9999-12-31 23:59:59.999', '10000-01-01 00:00:00', '294276-12-31 23:59:59.999999'],
    ],
    notInXml: ['infinity', '-infinity'],
  },
  timestamptz: {
    literals: [
      ...['4714-11-24 00:00:00+00 BC', ...zonedDates, '1900-02-28 23:59:59.999+00', '1900-03-01 00:00:00+00'],
      ...[
        '1934-12-31 12:00:00+00',
        '1969-12-31 23:59:59.999999+00',
        '1971-12-31 23:59:59+00',
        '1972-01-07 12:00+00',
      ],
      ...[
        '2024-02-29 23:59:59.123+00',
        '2024-03-10 06:59:59.5+00',
        '2024-11-03 05:30:00+00',
        '2024-02-29 12:00-15:59',
      ],
      ...[
        '2024-06-30 23:59:60+00',
        '9999-12-31 00:00:00+00',
        '9999-12-31 12:00:00+00',
        '10000-01-01 00:00:00+00',
      ],
      '294276-12-31 23:59:59.999999+00',
    ],
    notInXml: ['infinity', '-infinity'],
  },
  interval: {
    literals: [
      ...[
        '0',
        '1 year',
        '-1 year',
        '1 mon',
        '1 day',
        '-1 day',
        '1 day -00:00:01',
        '-1 day 00:00:01',
        '25:00:00',
      ],
      ...['-1 year 2 mons -3 days 04:05:06.789', '1 microsecond', '-1 microsecond', '178000000 years'],
      ...['-178000000 years', '2147483647 days', '-2147483648 days', '2562047788:00:54.775807', '1.5 weeks'],
      ...['P1Y2M3DT4H5M6.7S', '1-2 3 4:05:06', 'infinity', '-infinity'],
    ],
  },
  // JSON and XML
  json: {
    literals: [
      ...[
        'null',
        'true',
        '"text"',
        '""',
        '0',
        '-0',
        '1E+2',
        '1.10',
        '12345678901234567890.12345678901234567890',
      ],
      ...[
        '1e400',
        ' [ 1 , 2 ] ',
        '{"a":1,"a":2}',
        '{\n\t"k" :\r\n "v"\r}',
        '"\\u0000\\ud83d\\ude00\\/"',
        '{}',
      ],
      ...['{"<é>": "a,\\"b\\"\\\\ \\n"}', '[[], {}, [null]]', '{"z":1,"a":{"z":[1, 2.50]}}'],
    ],
  },
  jsonb: {
    literals: [
      ...[
        'null',
        'true',
        '"text"',
        '""',
        '0',
        '-0',
        '1E+2',
        '1.10',
        '12345678901234567890.12345678901234567890',
      ],
      ...[
        ' [ 1 , 2 ] ',
        '{"a":1,"a":2}',
        '{\n\t"k" :\r\n "v"\r}',
        '"\\ud83d\\ude00\\/"',
        '{}',
        '1e400',
        '1e-400',
      ],
      ...['{"<é>": "a,\\"b\\"\\\\ \\n"}', '[[], {}, [null]]', '{"z":1,"aa":2,"b":{"z":[1, 2.50]}}'],
    ],
  },
  jsonpath: {
    literals: ['$', '$."a b"[*] ? (@.b > 1 && @.c like_regex "^x\\\\d" flag "i")', 'strict $.a.double()'],
  },
  xml: {
    literals: [
      ...['', '<a/>', '<a href="x">&amp;&lt;</a>', 'text &#169; only', '<a>\n  <b>é</b>\r\n</a>', '<a/><b/>'],
      ...[
        '<!-- c --><a><![CDATA[<x>]]></a>',
        '<?xml version="1.0" standalone="yes"?><a/>',
        '<a b="1,&quot;2&quot;"/>',
      ],
    ],
  },
  // Network
  inet: {
    literals: ['10.0.0.1', '10.0.0.1/8', '0.0.0.0/0', '::1', '::ffff:1.2.3.4', '2001:db8::1/64', '::/0'],
  },
  cidr: { literals: ['10.0.0.0/8', '10.0.0.1/32', '0.0.0.0/0', '2001:db8::/32', '::1/128'] },
  macaddr: { literals: ['08:00:2b:01:02:03', 'ffffffffffff', '0000.0000.0000'] },
  macaddr8: { literals: ['08:00:2b:01:02:03:04:05', '08-00-2b-01-02-03', 'ffffffffffffffff'] },
  // Geometry
  point: { literals: ['(0,0)', '(-0,1e300)', '(NaN,-Infinity)', '(0.1,0.30000000000000004)'] },
  line: { literals: ['{1,-1,0}', '{0,1,-2.5}', '{1e300,1e-300,0}'] },
  lseg: { literals: ['[(0,0),(1,1)]', '[(1e300,-1),(NaN,0)]'] },
  box: { literals: ['((1,1),(0,0))', '((-1,2.5),(3,-4))'] },
  path: { literals: ['[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '((0.1,0.2))'] },
  polygon: { literals: ['((0,0),(1,1),(2,0))', '((1e10,1e-10))'] },
  circle: { literals: ['<(0,0),1>', '<(-1.5,2),0>', '<(1,2),Infinity>'] },
  // Ranges
  int4range: { literals: ['empty', '(,)', '[1,5]', '(,5]', '[-2147483648,0)'] },
  int8range: { literals: ['empty', '(,)', '[9007199254740993,9007199254740995]'] },
  numrange: { literals: ['empty', '(,)', '[1.50,2.0]', '(-Infinity,NaN]', '(1,1e30)'] },
  daterange: {
    literals: ['empty', '(,)', '[2024-01-01,2024-02-29]', '[-infinity,infinity]', '[0044-03-15 BC,)'],
  },
  tsrange: {
    literals: ['empty', '(,)', '["2024-01-01 00:00:00.5",infinity)', '(,"0001-01-01 00:00:00 BC"]'],
  },
  tstzrange: {
    literals: ['empty', '(,)', '["2024-01-01 00:00:00+05:30",infinity]', '(,"1850-01-01 00:00:00+00"]'],
  },
  int4multirange: { literals: ['{}', '{[1,3),[5,8)}', '{(,)}'] },
  int8multirange: { literals: ['{}', '{[1,3),[5,9007199254740993)}'] },
  nummultirange: { literals: ['{}', '{[1.50,2.0],(3,4)}'] },
  datemultirange: { literals: ['{}', '{[2024-01-01,2024-02-29),[2025-01-01,)}'] },
  tsmultirange: { literals: ['{}', '{["2024-01-01 00:00:00","2024-01-02 00:00:00")}'] },
  tstzmultirange: { literals: ['{}', '{["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")}'] },
  // Text search
  tsvector: { literals: ['', `'a b':1A,2B c:16383 'q"q' 'it''s':3C`, `'back\\\\slash':1`] },
  tsquery: { literals: ['', `'fat':AB & !cat <2> rat:*`, `'a "b"' | 'it''s'`] },
  // Names of things in the catalogue
  regclass: { literals: ['-', '1', 'pg_class', 'conformance."Odd, ""Name"""'] },
  regcollation: { literals: ['-', '"C"', 'pg_c_utf8'] },
  regconfig: { literals: ['-', 'english', 'simple'] },
  regdictionary: { literals: ['-', 'english_stem'] },
  regnamespace: { literals: ['-', 'pg_catalog', 'conformance'] },
  regoper: { literals: ['0', '||/'] },
  regoperator: { literals: ['0', '+(integer,integer)', '-(none,integer)'] },
  regproc: { literals: ['-', 'now'] },
  regprocedure: { literals: ['-', 'now()', 'substr(text,integer,integer)'] },
  regrole: { literals: ['-', 'postgres'] },
  regtype: { literals: ['-', 'timestamp with time zone', 'integer[]', '"char"', 'conformance."Mood"'] },
  aclitem: { literals: ['postgres=arwdDxt/postgres', '=r/postgres', '=r*w/postgres'] },
  refcursor: { literals: ['', 'a "cursor"'] },
  int2vector: { literals: ['', '1', '1 2 -3'] },
  oidvector: { literals: ['', '4294967295', '1 2 3'] },
  pg_snapshot: { literals: ['10:20:10,14,15', '1:1:'] },
  txid_snapshot: { literals: ['10:20:10,14,15', '1:1:'] },
  // What only the catalogue holds
  pg_node_tree: {
    expressions: ['(SELECT ev_action FROM pg_rewrite ORDER BY length(ev_action::text) LIMIT 1)'],
    arrayless: true,
  },
  pg_ndistinct: { expressions: ['(SELECT n_distinct FROM conformance.statistics)'], arrayless: true },
  pg_dependencies: { expressions: ['(SELECT dependencies FROM conformance.statistics)'], arrayless: true },
  pg_mcv_list: { expressions: ['(SELECT mcv FROM conformance.statistics)'], arrayless: true },
  // Domains of the information schema
  cardinal_number: { literals: ['0', '2147483647'] },
  character_data: { literals: ['', 'a "b"'] },
  sql_identifier: { literals: ['', 'a "b"'] },
  time_stamp: { literals: ['2024-02-29 23:59:59.99+00'] },
  yes_or_no: { literals: ['YES', 'NO'] },
};

/** Types of which no query can yield a value, and why. */
export const withoutValues: Readonly<Record<string, string>> = {
  gtsvector: 'inside GiST indexes alone: its input function refuses everything',
  pg_brin_bloom_summary: 'inside BRIN indexes alone: its input function refuses everything',
  pg_brin_minmax_multi_summary: 'inside BRIN indexes alone: its input function refuses everything',
};
