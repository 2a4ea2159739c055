CREATE TEMPORARY TABLE "a;b" ("c;d" int, "e"";f" int, "g\" int);
SELECT "c;d" FROM "a;b";
SELECT 1 AS "x'y;", 2 AS "-- z;";
