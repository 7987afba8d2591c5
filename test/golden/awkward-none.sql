-- Rows without columns.
SELECT FROM generate_series(1, 3)
