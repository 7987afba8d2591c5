-- Infinite dates: XML refuses them, as Postgres does, and names row 2, column "day"; the other formats keep them.
SELECT n AS id, day, stamp, at
FROM (
  VALUES
    (1, date '2024-02-29', timestamp '2024-02-29 12:00:00', timestamptz '2024-02-29 12:00:00+00'),
    (2, 'infinity', '-infinity', 'infinity'),
    (3, '-infinity', 'infinity', '-infinity')
) AS v (n, day, stamp, at)
ORDER BY n
