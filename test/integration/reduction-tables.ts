/** The tables of the random queries in reduction-queries.ts; hredis is a stand-in for a Redis link. */

/** Tables with few values, so that much matches, and with NULLs, gaps and doubles. */
export const tablesForQueries = [
  'CREATE SCHEMA hredis',
  'CREATE TABLE hredis.redis (key text COLLATE "C", value text, ttl interval)',
  'CREATE TABLE hredis.hashes (key text COLLATE "C", field text, value text)',
  'CREATE TABLE widgets (id int, name text, stock int, code text, shop int)',
  `INSERT INTO widgets SELECT CASE WHEN n > 22 THEN n - 20 ELSE nullif(n, 5) END, nullif(chr(97 + n % 7), 'c'), nullif(n * 5 % 11, 4),
     CASE WHEN n % 3 = 0 THEN 'x' || n ELSE (n % 6)::text END, nullif(n % 4, 3) FROM generate_series(1, 24) n`,
  'CREATE TABLE shops (id int, slug text, size int)',
  `INSERT INTO shops VALUES (0, 'a', 3), (1, 'b', NULL), (2, NULL, 7), (2, 'd', 1), (9, 'e', 2), (NULL, 'f', 5), (29, 'g', 4), (5, 'h', 6), (6, 'i', 9)`,
  // Nearly every key that an expression can make, so that one that is missed is missed in the rows too.
  `INSERT INTO hredis.redis SELECT k, CASE WHEN k ~ '^w:[0-9]' THEN (substr(k, 3)::int / 3)::text
     WHEN random() < 0.9 THEN (row_number() OVER () % 9)::text END, NULL
   FROM (SELECT 'w:' || n FROM generate_series(0, 30) n UNION ALL SELECT n::text FROM generate_series(0, 11) n
     UNION ALL SELECT DISTINCT name || ':' || id FROM (SELECT '' AS name UNION SELECT chr(96 + n) FROM generate_series(1, 8) n) a,
       (SELECT '' AS id UNION SELECT n::text FROM generate_series(0, 24) n) b
     UNION ALL SELECT a || ':' || b FROM (SELECT '' AS a UNION SELECT n::text FROM generate_series(0, 24) n) a,
       (SELECT '' AS b UNION SELECT n::text FROM generate_series(0, 24) n) b WHERE a <> ''
     UNION ALL SELECT chr(96 + n) FROM generate_series(1, 8) n UNION ALL VALUES ('w:'), ('none'), ('w:W'), (NULL), ('')) keys(k)`,
  `INSERT INTO hredis.hashes SELECT key, field, key || field FROM hredis.redis, (VALUES ('f'), ('g')) f(field)`,
  'CREATE VIEW in_stock AS SELECT id, name, stock, code, shop FROM widgets WHERE stock > 2',
  'CREATE VIEW three AS SELECT id, name, stock, code, shop FROM widgets ORDER BY id, name, stock, code, shop LIMIT 3',
  'CREATE VIEW by_shop AS SELECT shop AS id, min(name) AS name, count(*)::int AS stock FROM widgets GROUP BY shop',
  `CREATE VIEW seen AS SELECT key, value FROM hredis.redis WHERE value IS NOT NULL`,
  // It counts its calls: called once more, it yields something else.
  `CREATE FUNCTION counted(text) RETURNS text VOLATILE LEAKPROOF LANGUAGE plpgsql AS $$
   BEGIN
     PERFORM set_config('test.calls', (current_setting('test.calls')::int + 1)::text, false);
     RETURN CASE WHEN current_setting('test.calls')::int <= 24 THEN $1 ELSE 'late' || $1 END;
   END $$`,
  `CREATE FUNCTION trusted(int) RETURNS text IMMUTABLE LEAKPROOF LANGUAGE sql RETURN 'w:' || $1`,
  `CREATE VIEW counting AS SELECT id, counted(name) AS name, stock, code, shop FROM widgets`,
];
