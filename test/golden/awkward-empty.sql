-- No rows, and two columns of the same name.
SELECT 1 AS a, 'x'::text AS a, now() AS at WHERE false
