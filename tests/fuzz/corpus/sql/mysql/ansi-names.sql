SELECT "a;b" AS "x;y";
SELECT 1 AS `"`;
SELECT 2;
