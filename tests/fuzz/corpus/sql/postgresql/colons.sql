SELECT 1::text, '{1,2,3}'::int[];
SELECT (ARRAY[1,2,3])[1:2];
SELECT 2;
