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
     WHEN hashtext(k) & 15 > 0 THEN (row_number() OVER () % 9)::text END, NULL
   FROM (SELECT 'w:' || n FROM generate_series(0, 30) n UNION ALL SELECT n::text FROM generate_series(0, 11) n
     UNION ALL SELECT DISTINCT name || ':' || id FROM (SELECT '' AS name UNION SELECT chr(96 + n) FROM generate_series(1, 8) n) a,
       (SELECT '' AS id UNION SELECT n::text FROM generate_series(0, 24) n) b
     UNION ALL SELECT a || ':' || b FROM (SELECT '' AS a UNION SELECT n::text FROM generate_series(0, 24) n) a,
       (SELECT '' AS b UNION SELECT n::text FROM generate_series(0, 24) n) b WHERE a <> ''
     UNION ALL SELECT chr(96 + n) FROM generate_series(1, 8) n UNION ALL VALUES ('w:'), ('none'), ('w:W'), (NULL), ('')) keys(k)`,
  `INSERT INTO hredis.hashes SELECT key, field, key || field FROM hredis.redis, (VALUES ('f'), ('g')) f(field)`,
  'CREATE TYPE pair AS (n int, k text)',
  "CREATE DOMAIN label AS text CHECK (VALUE <> 'never')",
  "CREATE TYPE mood AS ENUM ('a', 'b', 'd')",
  'CREATE TABLE odds (n int, k text, code char(5), nm name, vc varchar(9), label label, mood mood, doc jsonb, tags text[], list pair[])',
  `INSERT INTO odds SELECT id, name, name, name, left(code, 9), name, CASE WHEN name IN ('a', 'b', 'd') THEN name::mood END,
     jsonb_build_object('k', name, 'n', id), ARRAY[name, 'w:' || id], ARRAY[(stock, 'w:' || stock)::pair] FROM widgets`,
  'CREATE VIEW in_stock AS SELECT id, name, stock, code, shop FROM widgets WHERE stock > 2',
  'CREATE VIEW three AS SELECT id, name, stock, code, shop FROM widgets ORDER BY id, name, stock, code, shop LIMIT 3',
  'CREATE VIEW by_shop AS SELECT shop AS id, min(name) AS name, count(*)::int AS stock FROM widgets GROUP BY shop',
  `CREATE VIEW seen AS SELECT key, value FROM hredis.redis WHERE value IS NOT NULL`,
  // Views over Redis: over each other, with other names, and with what keeps conditions out.
  `CREATE VIEW again AS SELECT s.value AS key, s.key AS value FROM seen s WHERE s.key LIKE 'w:%'`,
  'CREATE VIEW "Odd view" ("value", "key") AS SELECT value, key FROM hredis.hashes h WHERE field IS NOT NULL',
  `CREATE VIEW either AS WITH odds AS (SELECT key, value FROM hredis.redis) SELECT key, value FROM odds UNION ALL SELECT key, value FROM seen`,
  'CREATE VIEW last_nine AS SELECT key, value FROM hredis.redis ORDER BY key DESC, value LIMIT 9',
  'CREATE VIEW per_key WITH (security_barrier) AS SELECT key, max(value) AS value FROM hredis.hashes GROUP BY key',
  `CREATE VIEW of_widgets AS SELECT r.key, r.value, w.id AS n FROM widgets w LEFT JOIN hredis.redis r ON r.key = concat('w:', w.id)`,
  `CREATE VIEW of_shops AS SELECT s.slug AS key, (SELECT max(h.value) FROM hredis.hashes h WHERE h.key = s.slug) AS value FROM shops s`,
  // It counts its calls: called once more, it yields something else.
  `CREATE FUNCTION counted(text) RETURNS text VOLATILE LEAKPROOF LANGUAGE plpgsql AS $$
   BEGIN
     PERFORM set_config('test.calls', (current_setting('test.calls')::int + 1)::text, false);
     RETURN CASE WHEN current_setting('test.calls')::int <= 24 THEN $1 ELSE 'late' || $1 END;
   END $$`,
  `CREATE FUNCTION trusted(int) RETURNS text IMMUTABLE LEAKPROOF LANGUAGE sql RETURN 'w:' || $1`,
  `CREATE VIEW counting AS SELECT id, counted(name) AS name, stock, code, shop FROM widgets`,
];
