SELECT 5 -(-3);
SELECT 4/2;
SELECT 2*(3);
SELECT 1 <@ int4range(0, 5);
SELECT '{1;2}'::text;
SELECT 1::int;
