-- Characters that XML 1.0 can't hold: XML refuses them and names row 2, column "control"; the other formats keep them.
SELECT n AS id, control
FROM (VALUES (1, 'plain'), (2, E'\x01\x02\x08\x0b\x0c\x1f\x7f'), (3, U&'\FFFE\FFFF')) AS v (n, control)
ORDER BY n
