/** Dates and times in databases of different time zones: offsets of half an hour, of seconds, and their changes. */
import { createTestDatabase, executeSql } from '../support/postgres.ts';
import type { QueryCase } from './comparison.ts';
import { describeGroup } from './group.ts';

const zones: Readonly<Record<string, string>> = {
  UTC_URL: 'UTC',
  KOLKATA_URL: 'Asia/Kolkata',
  ST_JOHNS_URL: 'America/St_Johns',
  // Its offset was -00:44:30 until 1972.
  MONROVIA_URL: 'Africa/Monrovia',
  LORD_HOWE_URL: 'Australia/Lord_Howe',
  // The day 2011-12-30 is missing there.
  APIA_URL: 'Pacific/Apia',
  POSIX_URL: '<+0330>-3:30',
};

const moments = [
  ...[
    '4714-11-24 00:00:00+00 BC',
    '0001-01-01 00:00:00+00',
    '0001-01-01 00:00:00+00 BC',
    '1800-01-01 00:00:00+00',
  ],
  ...['1883-11-18 17:00:00+00', '1900-03-01 00:00:00+00', '1900-02-28 23:00:00+00', '1935-03-30 03:30:00+00'],
  ...[
    '1945-10-14 18:30:00+00',
    '1969-12-31 23:59:59.5+00',
    '1971-12-31 23:59:59.999+00',
    '1972-01-07 00:44:29+00',
  ],
  ...[
    '1972-01-07 00:44:30+00',
    '2011-12-30 09:59:59.999999+00',
    '2011-12-30 10:00:00+00',
    '2024-03-10 05:29:59+00',
  ],
  ...['2024-03-10 05:30:00+00', '2024-04-06 15:00:00+00', '2024-10-05 15:30:00+00', '2024-11-03 04:30:00+00'],
  ...[
    '9999-12-30 23:59:59.999+00',
    '9999-12-31 00:00:00+00',
    '9999-12-31 20:00:00+00',
    '10000-01-01 00:00:00+00',
  ],
  '294276-12-31 23:59:59.999999+00',
];

const list = moments.map((moment, n) => `(${n}, '${moment}'::timestamptz)`).join(', ');
// The first and the last moments that there are have no local time where clocks are behind or ahead.
const local = `CASE WHEN at BETWEEN '0001-01-02' AND '20000-01-01' THEN at END`;
const sql = `SELECT n, at, at::text AS "text", ARRAY[at, NULL] AS list, ROW(at, 'x') AS "row", tstzrange(at, NULL) AS range,
  (${local})::timestamp AS local, (${local})::date AS day, (${local})::timetz AS clock, to_jsonb(at) AS json,
  current_setting('TimeZone') AS zone
  FROM (VALUES ${list}) AS t(n, at) ORDER BY n`;

async function databases(postgresUrl: string): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  for (const [name, zone] of Object.entries(zones)) {
    const database = await createTestDatabase(postgresUrl);
    await executeSql(database.superuserUrl, `ALTER DATABASE ${database.name} SET TimeZone = '${zone}'`);
    urls[name] = database.readerUrl;
  }
  return urls;
}

const cases = Object.entries(zones).map(([database, zone]): QueryCase => ({ name: zone, sql, database }));

describeGroup('time zones', cases, { databases });
