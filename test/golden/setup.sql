-- What the golden queries need in their database. Run by a superuser; safe to run again.
-- The golden files hold what TimeZone UTC and lc_monetary C print.
CREATE EXTENSION IF NOT EXISTS hstore;
DROP SCHEMA IF EXISTS golden CASCADE;
CREATE SCHEMA golden;
CREATE TYPE golden.mood AS ENUM ('sad', 'ok', 'very, "happy"');
CREATE DOMAIN golden.price AS numeric(12, 2) CHECK (VALUE > 0);
CREATE DOMAIN golden.tags AS text[];
CREATE TYPE golden.reading AS (x integer, "the y" numeric, label text, at timestamptz);
GRANT USAGE ON SCHEMA golden TO PUBLIC;
